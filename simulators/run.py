"""Run a whole fleet for a while: produce, send, drain, count."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from simulators.bin import SimulatedBin
from simulators.counts import FleetCounts
from simulators.emptying_mode import HatchClosedError
from simulators.events import MAX_MASS_G
from simulators.fleet import Fleet
from simulators.fleet_file import ProvisionedFleet
from simulators.households import ANONYMOUS_SHARE, Households, PlannedDeposit
from simulators.journal import DEFAULT_CAPACITY, JournalFullError
from simulators.link import Link
from simulators.rhythm import arrival_times, steady_times

# Own arithmetic: 30 kg of glass per inhabitant and year, one column per 500 inhabitants, 230 g an item and 4 items a
# deposit make 45 deposits per column and day.
NATURAL_DEPOSITS_PER_BIN_AND_DAY = 45
EMPTIED_AT_FILL_PCT = 85
PROGRESS_EVERY = timedelta(seconds=1)
STEP_S = 0.05


def run_fleet(
    provisioned: ProvisionedFleet,
    *,
    rate_per_s: float | None,
    duration_s: float | None,
    seed: int,
    folder: Path,
    on_progress: Callable[[FleetCounts], None] | None = None,
    stop: threading.Event | None = None,
    speed_up: float = 1.0,
    drain_s: float = 60.0,
    stop_drain_s: float = 5.0,
    anonymous_share: float = ANONYMOUS_SHARE,
    capacity_events: int = DEFAULT_CAPACITY,
    bin_class: type[SimulatedBin] = SimulatedBin,
) -> FleetCounts:
    """Let all bins produce deposits for a time, wait for the receipts, and return what happened.

    Blocks; runs in the calling thread alone. What is produced (which bin, material, items, badge, how many) depends
    only on the seed, the fleet file, the rate and the duration, at the natural rhythm also on the hour of the start.
    Journals continue where an earlier run left them, so ``unsettled_events`` may begin above 0.

    Args:
        provisioned: The bins, keys, passwords, broker and badges.
        rate_per_s: Deposits per second of the whole fleet, evenly spaced; None for the natural rhythm.
        duration_s: How long deposits are made; None until ``stop`` is set.
        seed: Chooses everything that is left to chance; print it beside the counts.
        folder: Where the journals lie.
        on_progress: Called about once a second, in this thread.
        stop: Set it from another thread or a signal handler to end early.
        speed_up: Makes the hours of the natural rhythm pass faster; deposits still carry the present time.
        drain_s: How long to wait at the end for receipts of everything in the journals; 0 not at all.
        stop_drain_s: The same once ``stop`` is set; the shorter of the two counts. A receipt that was lost takes more
            than 10 s to be replaced.
        anonymous_share: Share of deposits without a badge.
        capacity_events: Size of each bin's journal.
        bin_class: The firmware of every bin.

    Raises:
        sqlite3.OperationalError: another process runs one of these bins from the same folder.
    """
    rng = random.Random(seed)
    identities = [handed_over.identity for handed_over in provisioned.bins]
    households = Households(identities, provisioned.badges, rng=rng, anonymous_share=anonymous_share)
    fleet = Fleet(provisioned, folder=folder, seed=seed, capacity_events=capacity_events, bin_class=bin_class)
    if rate_per_s is not None:
        times: Iterator[timedelta] = steady_times(rate_per_s)
    else:
        mean_per_day = NATURAL_DEPOSITS_PER_BIN_AND_DAY * len(identities)
        natural = arrival_times(fleet.clock.now(), mean_per_day=mean_per_day, rng=random.Random(rng.random()))
        times = (moment / speed_up for moment in natural)
    run = _Run(fleet, households, times, on_progress, stop or threading.Event())
    try:
        run.produce(duration_s)
        run.drain(drain_s, stop_drain_s)
        return fleet.counts()
    finally:
        fleet.close()


class _Run:
    """Produces on time and keeps the fleet alive in between."""

    def __init__(
        self,
        fleet: Fleet,
        households: Households,
        times: Iterator[timedelta],
        on_progress: Callable[[FleetCounts], None] | None,
        stop: threading.Event,
    ) -> None:
        self._fleet = fleet
        self._households = households
        self._times = times
        self._on_progress = on_progress
        self._stop = stop
        self._started_at = fleet.clock.now()
        self._progress_at = self._started_at

    def produce(self, duration_s: float | None) -> None:
        """Make every deposit due within the duration; a slow machine makes them late, but makes them all."""
        due = next(self._times)
        while not self._stop.is_set() and (duration_s is None or due.total_seconds() <= duration_s):
            behind = self._elapsed() - due
            if behind >= timedelta(0):
                self._make(self._households.plan_deposit())
                due = next(self._times)
            # Late deposits are made one after the other, but the sockets get their turn in between.
            self._step(min(-behind.total_seconds(), STEP_S))

    def drain(self, drain_s: float, stop_drain_s: float) -> None:
        """Wait until every event has its receipt, at most ``drain_s``, and ``stop_drain_s`` after ``stop``."""
        deadline = self._elapsed() + timedelta(seconds=drain_s)
        stop_deadline: timedelta | None = None
        while not self._fleet.is_drained() and self._elapsed() < deadline:
            if self._stop.is_set():
                stop_deadline = stop_deadline or self._elapsed() + timedelta(seconds=stop_drain_s)
                deadline = min(deadline, stop_deadline)
            self._step(STEP_S)

    def _elapsed(self) -> timedelta:
        return self._fleet.clock.now() - self._started_at

    def _step(self, timeout_s: float) -> None:
        self._fleet.step(timeout_s=timeout_s)
        now = self._fleet.clock.now()
        if self._on_progress is not None and now - self._progress_at >= PROGRESS_EVERY:
            self._progress_at = now
            self._on_progress(self._fleet.counts())

    def _make(self, planned: PlannedDeposit) -> None:
        link = self._fleet.links[planned.bin_number]
        now = self._fleet.clock.now()
        try:
            link.bin.deposit(
                now,
                material=planned.material,
                items=planned.items,
                badge=planned.badge,
                mass_g=planned.mass_g,
                refused=planned.refused,
                confidence=planned.confidence,
                true_mass_g=planned.true_mass_g,
            )
            self._empty_if_full(link, planned.material, now)
        except (JournalFullError, HatchClosedError):
            pass  # the bin has counted the deposit; a full journal takes no emptying either
        self._fleet.send_due(link)

    def _empty_if_full(self, link: Link, material: str, now: datetime) -> None:
        # The lorry is never late here: overflowing columns are not what this package is about.
        contents = link.bin.contents
        if contents.fill_pct(material) >= EMPTIED_AT_FILL_PCT:
            mass_g = min(max(contents.mass_g(material), 1), MAX_MASS_G)
            link.bin.emptying(now, material=material, mass_g=mass_g, by="C7")
