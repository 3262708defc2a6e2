"""What each fault does, and how it ends. When, and to whom, is in the plan (``schedule.py``)."""

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.errors import BenchError
from benchmarks.publishing import publish
from benchmarks.town import SLUG, BenchMessage
from bontri.embedded.process_tree import list_descendants
from reliability.chaos.backup import Backup
from reliability.chaos.proxy import Proxy
from reliability.chaos.scene import USUAL_WEATHER, Scene
from reliability.chaos.schedule import Planned
from reliability.chaos.service import Service

GARBAGE_MESSAGES = 40
MOST_REPLAYED = 5000
DELAY_S, SLOW_BYTES_PER_S, LOSE_SHARE, SWALLOW_EVERY, CUT_SHARE = 0.3, 4000.0, 0.2, 3, 0.5

Ending = Callable[[], None]


class NotNowError(Exception):
    """What the fault would hit is down already; it is tried again in a moment."""


@dataclass
class Faults:
    """The faults of one scene by kind.

    ``kills`` counts services ended by SIGKILL with all their processes, and single workers; ``injected`` messages made
    up; ``set_back`` the deposits that each restore took away.
    """

    scene: Scene
    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    set_back: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._services = services = self.scene.services
        self._rng = random.Random(self.seed)
        self._publishers: list[threading.Thread] = []
        self.backup = Backup(services)
        bins, workers = services.bins_proxy, services.workers_proxy
        self.by_kind: dict[str, Callable[[Planned], Ending | None]] = {
            "kill_worker": self._kill_worker,
            "kill_workers": lambda planned: self._kill(services.workers),
            "kill_broker": lambda planned: self._kill(services.broker),
            "wipe_broker": self._wipe_broker,
            "kill_postgres": lambda planned: self._kill(services.postgres),
            "kill_bins": lambda planned: self._kill(self._choose_bins(planned)),
            "kill_api": lambda planned: self._kill(services.api),
            "pause_worker": self._pause_worker,
            "pause_broker": lambda planned: self._pause(services.broker),
            "pause_postgres": lambda planned: self._pause(services.postgres),
            "pause_bins": lambda planned: self._pause(self._choose_bins(planned)),
            "cut_bins": lambda planned: bins.cut(CUT_SHARE),
            "cut_workers": lambda planned: workers.cut(),
            "delay_bins": lambda planned: self._change_weather(bins, "delay_s", DELAY_S),
            "delay_workers": lambda planned: self._change_weather(workers, "delay_s", DELAY_S),
            "slow_bins": lambda planned: self._change_weather(bins, "bytes_per_s", SLOW_BYTES_PER_S),
            "swallow_pubacks_of_bins": lambda planned: self._swallow_pubacks(bins),
            "swallow_pubacks_of_workers": lambda planned: self._swallow_pubacks(workers),
            "silence_bins": lambda planned: self._silence(bins),
            "silence_workers": lambda planned: self._silence(workers),
            "lose_publishes": lambda planned: self._change_weather(bins, "lose_share", LOSE_SHARE),
            "garbage": lambda planned: self._publish("garbage", self._make_garbage()),
            "replay": lambda planned: self._publish("replayed", self._list_recorded()),
            "backup": lambda planned: self.backup.want(),
            "restore": self._restore,
        }

    def begin(self, planned: Planned) -> Ending | None:
        """Bring a fault about; return how it is ended when its time is over, None when it has no duration.

        Raises:
            NotNowError: whom it would hit is not there.
            EmbeddedServiceError: what it would start again does not start.
        """
        return self.by_kind[planned.kind](planned)

    def stop(self) -> None:
        """End what is still under way."""
        self.backup.stop()
        for publisher in self._publishers:
            publisher.join(1.0)

    def _kill(self, service: Service) -> Ending:
        require(service)
        self.kills[service.name] += 1
        service.kill()
        return service.start

    def _wipe_broker(self, planned: Planned) -> Ending:
        start = self._kill(self._services.broker)
        self._services.wipe_broker()
        return start

    def _kill_worker(self, planned: Planned) -> None:
        """Kill one of the group; its parent starts it again."""
        signal_worker(self._choose_worker(planned), signal.SIGKILL)
        self.kills["worker"] += 1

    def _pause_worker(self, planned: Planned) -> Ending:
        pid = self._choose_worker(planned)
        self._services.guardian.watch([pid])
        signal_worker(pid, signal.SIGSTOP)

        def resume() -> None:
            with suppress(NotNowError):
                signal_worker(pid, signal.SIGCONT)

        return resume

    def _choose_worker(self, planned: Planned) -> int:
        require(self._services.workers)
        [parent, *_] = self._services.workers.pids
        members = [pid for pid in list_descendants(parent) if not is_gone(pid)]
        if not members:
            raise NotNowError("no worker runs")
        return members[planned.choice % len(members)]

    def _choose_bins(self, planned: Planned) -> Service:
        return self._services.fleets[planned.choice % len(self._services.fleets)]

    def _pause(self, service: Service) -> Ending:
        require(service)
        service.pause()
        return service.resume

    def _change_weather(self, proxy: Proxy, what: str, value: float) -> Ending:
        setattr(proxy.weather, what, value)
        return lambda: setattr(proxy.weather, what, getattr(USUAL_WEATHER, what))

    def _swallow_pubacks(self, proxy: Proxy) -> Ending:
        """A link that loses what it carried is broken: at the end it is cut, so that both ends learn of it."""
        proxy.weather.swallow_every_puback = SWALLOW_EVERY

        def end() -> None:
            proxy.weather.swallow_every_puback = 0
            proxy.cut()

        return end

    def _silence(self, proxy: Proxy) -> Ending:
        """Part both sides without either learning of it, until the links break."""
        proxy.weather.is_silent = True

        def end() -> None:
            proxy.weather.is_silent = False
            proxy.cut()

        return end

    def _make_garbage(self) -> list[BenchMessage]:
        """Make messages no worker can accept: no signature, a wrong one, or none of the protocol at all."""
        garbage = []
        for number in range(GARBAGE_MESSAGES):
            topic = f"bontri/v1/{SLUG}/{self._rng.choice(self.scene.town.bin_ids)}/up/events"
            payload = self._rng.randbytes(self._rng.randrange(1, 300))
            garbage.append(BenchMessage(topic, payload if number % 2 else payload + b"\n1:" + b"0" * 64))
        return garbage

    def _list_recorded(self) -> list[BenchMessage]:
        """List what bins sent, as they sent it: the newest thousands."""
        recorded = self._services.bins_proxy.recorded.copy()
        while len(recorded) > MOST_REPLAYED:
            recorded.popleft()
        return [BenchMessage(each.topic, each.payload) for each in recorded]

    def _publish(self, what: str, messages: list[BenchMessage]) -> None:
        """Publish beside everything else; what the broker does not take, since it is killed, is not counted."""
        require(self._services.broker)
        name = f"stranger-{len(self._publishers)}"

        def run() -> None:
            with suppress(OSError, BenchError):
                self.injected[what] += publish(self._services.stranger_url(), messages, client_id=name)

        publisher = threading.Thread(target=run, name=name, daemon=True)
        self._publishers.append(publisher)
        publisher.start()

    def _restore(self, planned: Planned) -> None:
        """The database's disk is lost: backup in place, new epoch, workers and API again."""
        services = self._services
        require(services.postgres)
        if not self.backup.is_done:
            raise NotNowError("there is no backup yet")
        before = self.scene.watch.events
        for service in (services.workers, services.api, services.postgres):
            self.kills[service.name] += service.is_running
            service.kill()
        self.scene.shopping.forget_since(self.backup.began_s)
        with self.scene.watch.receipts_held():
            self.backup.put_in_place()
            services.postgres.start()
            self.set_back.append(before - self.scene.count_deposits())
            services.run_bontri("restore-epoch", "--all", "--yes")
        services.workers.start()
        services.api.start()


def require(service: Service) -> None:
    """Raise NotNowError unless it runs and is not paused."""
    if not service.is_running or service.is_paused:
        raise NotNowError(f"{service.name} is down")


def signal_worker(pid: int, number: signal.Signals) -> None:
    """Send a signal to a worker; raise NotNowError when it has gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError as error:
        raise NotNowError("the worker has gone") from error


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended, its parent not having noticed yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
