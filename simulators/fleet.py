"""Many bins, one thread: a selector over the sockets of all links, no thread and no poll per bin."""

from __future__ import annotations

import itertools
import random
import resource
import selectors
import time
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Any

from simulators.bin import SimulatedBin
from simulators.clock import BinClock
from simulators.counts import FleetCounts, Tally
from simulators.fleet_file import ProvisionedBin, ProvisionedFleet
from simulators.journal import DEFAULT_CAPACITY
from simulators.link import Link

TICK_EVERY_S = 1.0
RECONNECT_MIN = timedelta(seconds=0.5)
RECONNECT_MAX = timedelta(seconds=30)
RECONNECT_JITTER_SHARE = 0.25
CONNECTS_PER_STEP = 25
# Journal, its write-ahead log and a socket for each bin; the rest for the process itself.
FILES_PER_BIN = 3
FILES_BESIDE = 200


class SteadyClock:
    """True time that never steps: the system's time at the start plus a monotonic counter."""

    def __init__(self) -> None:
        """Read both clocks once."""
        self._started_at = datetime.now(UTC)
        self._started_s = time.monotonic()

    def now(self) -> datetime:
        """Return the present, aware, in UTC."""
        return self._started_at + timedelta(seconds=time.monotonic() - self._started_s)


class Fleet:
    """All bins of one fleet file over the journals below a folder; call ``step`` again and again to let them live."""

    def __init__(
        self,
        provisioned: ProvisionedFleet,
        *,
        folder: Path,
        seed: int,
        capacity_events: int = DEFAULT_CAPACITY,
        bin_class: type[SimulatedBin] = SimulatedBin,
    ) -> None:
        """Start the firmware of every bin; the connections are made by ``step``.

        Args:
            provisioned: The bins and where they connect.
            folder: Where journals lie, ``{authority}/{bin}.journal``; found ones continue with ``boot`` + 1.
            seed: For the drift of the clocks, the jitter and the sensor readings.
            capacity_events: Size of each journal.
            bin_class: The firmware; another one to try what a faulty firmware does.

        Raises:
            sqlite3.OperationalError: another process holds one of the journals.
        """
        _allow_open_files(len(provisioned.bins) * FILES_PER_BIN + FILES_BESIDE)
        self.tally = Tally()
        self.clock = SteadyClock()
        self._rng = random.Random(seed)
        self._selector = selectors.DefaultSelector()
        self._started_at = self._ticked_at = self.clock.now()
        self._is_closing = False
        self._broker = provisioned.broker
        self._bin_class = bin_class
        self.links: list[Link] = []
        try:
            for handed_over in provisioned.bins:
                self.links.append(self._start_bin(handed_over, folder, capacity_events))
        except BaseException:
            self.close()  # or the journals already opened stay locked
            raise
        self._ticking = itertools.cycle(self.links)
        self._tie_break = itertools.count()
        self._to_connect = [(self._started_at, next(self._tie_break), link) for link in self.links]
        self._back_off: dict[Link, timedelta] = {}
        self._watched: dict[Link, int] = {}
        heapify(self._to_connect)

    def _start_bin(self, handed_over: ProvisionedBin, folder: Path, capacity_events: int) -> Link:
        identity = handed_over.identity
        now = self.clock.now()
        simulated = self._bin_class(
            identity,
            folder / identity.authority / f"{identity.bin}.journal",
            now,
            clock=self._draw_clock(now),
            tally=self.tally,
            rng=random.Random(self._rng.random()),
            capacity_events=capacity_events,
            fill_pct=handed_over.fill_pct,
        )
        return Link(simulated, broker=self._broker, password=handed_over.password, true_time=self.clock.now)

    def _draw_clock(self, now: datetime) -> BinClock:
        # Assumptions: watch crystals gain or lose some 20 ppm, and every fourth clock was set badly or long ago.
        drift_ppm, is_off, offset_s = self._rng.gauss(0, 20), self._rng.random() < 0.25, self._rng.gauss(0, 120)
        return BinClock(now, offset=timedelta(seconds=offset_s if is_off else 0), drift_ppm=drift_ppm)

    @property
    def bins(self) -> list[SimulatedBin]:
        """The bins in the order of the fleet file."""
        return [link.bin for link in self.links]

    def step(self, *, timeout_s: float) -> None:
        """Connect what is due, exchange what the sockets allow, and look after a share of the bins.

        Args:
            timeout_s: How long to wait for the broker when nothing happens.
        """
        self._connect_due(self.clock.now())
        for key, events in self._selector.select(max(timeout_s, 0)):
            link: Link = key.data
            if events & selectors.EVENT_WRITE:
                link.write()
            if events & selectors.EVENT_READ:
                link.read()
            self.send_due(link)
        self._tick_share()

    def send_due(self, link: Link) -> None:
        """Let one bin send what is due and watch its socket for what could not be written yet."""
        link.send_due(self.clock.now())
        self._watch(link)

    def counts(self) -> FleetCounts:
        """Return the counters of this moment."""
        return self.tally.snapshot(
            bins=len(self.links),
            connected_bins=sum(link.bin.is_connected for link in self.links),
            unsettled_events=sum(link.bin.unsettled_events for link in self.links),
            elapsed_s=(self.clock.now() - self._started_at).total_seconds(),
        )

    def is_drained(self) -> bool:
        """Tell whether every event of every journal has its receipt."""
        return all(link.bin.unsettled_events == 0 for link in self.links)

    def close(self) -> None:
        """Disconnect every bin cleanly and close every journal; a second call does nothing."""
        if self._is_closing:
            return
        self._is_closing = True
        for link in self.links:
            link.close(self.clock.now())
            link.bin.close()
        self._selector.close()

    def _connect_due(self, now: datetime) -> None:
        for _ in range(CONNECTS_PER_STEP):
            if not self._to_connect or self._to_connect[0][0] > now:
                return
            link = heappop(self._to_connect)[2]
            try:
                link.open(now, on_close=self._on_close)
            except OSError as error:
                # One failure a step: an unreachable broker must not hold up the deposits for as long as all bins try.
                self.tally.failed_connections += 1
                self.tally.last_connection_failure = f"{link.bin.identity.bin}: {error}"
                self._connect_later(link)
                return
            self._watch(link)

    def _on_close(self, link: Link, sock: Any) -> None:
        if self._watched.pop(link, None) is not None:
            self._selector.unregister(sock)
        if link.bin.is_connected:
            self._back_off.pop(link, None)
        if not self._is_closing:
            self._connect_later(link)

    def _connect_later(self, link: Link) -> None:
        back_off = self._back_off.get(link, RECONNECT_MIN)
        self._back_off[link] = min(back_off * 2, RECONNECT_MAX)
        jitter = 1 + self._rng.uniform(-RECONNECT_JITTER_SHARE, RECONNECT_JITTER_SHARE)
        heappush(self._to_connect, (self.clock.now() + back_off * jitter, next(self._tie_break), link))

    def _watch(self, link: Link) -> None:
        sock = link.socket
        if sock is None:
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if link.wants_write else 0)
        watched = self._watched.get(link)
        if watched is None:
            self._selector.register(sock, events, link)
        elif watched != events:
            self._selector.modify(sock, events, link)
        self._watched[link] = events

    def _tick_share(self) -> None:
        # In turns, so that 2,000 bins never stand in the way of a deposit all at once.
        now = self.clock.now()
        share = int(len(self.links) * (now - self._ticked_at).total_seconds() / TICK_EVERY_S)
        if share == 0:
            return
        self._ticked_at = now
        for link in itertools.islice(self._ticking, min(share, len(self.links))):
            link.tick(now)
            self._watch(link)


def _allow_open_files(needed: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
