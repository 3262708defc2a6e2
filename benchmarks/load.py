"""Load online, as ``latency`` and ``soak`` put it on: a fleet at a steady rate, and citizens beside it who look."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from benchmarks.errors import BenchError
from benchmarks.fleet import FleetParameters, FleetReport, read_report, running_fleet
from benchmarks.online import Online, find_maximal_rate
from benchmarks.pipelines import Tally, our_pipeline
from benchmarks.probes import Probes, Seen
from benchmarks.scene import Scene
from benchmarks.town import DAY_CAP_POINTS, BenchTown
from bontri.embedded.processes import Child
from bontri.progress import Teller

SETTLED_WITHIN_S = 60.0
HALF = 0.5
WARM_UP_S, SATURATED_S = 3, 12
LEAST_PAUSE_S = 0.5


class LoadOptions(Protocol):
    """What both commands are told. ``rate`` of None stands for half of the maximal load online, measured first."""

    @property
    def seconds(self) -> int: ...
    @property
    def probes(self) -> int: ...
    @property
    def rate(self) -> float | None: ...
    @property
    def messages(self) -> int: ...
    @property
    def bins(self) -> int: ...
    @property
    def citizens(self) -> int: ...
    @property
    def seed(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Rates:
    """Deposits a second: the most from a full queue and online, None where not measured, and what to run at."""

    from_a_full_queue: float | None
    online: float | None
    chosen: float

    def as_dict(self) -> dict[str, int | None]:
        """Return them as reports have them."""
        return {
            "maximal_per_s": None if self.from_a_full_queue is None else round(self.from_a_full_queue),
            "maximal_online_per_s": None if self.online is None else round(self.online),
            "wanted_per_s": round(self.chosen),
        }


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was seen, what was published, and how much of that was not committed when publishing ended."""

    seen: Seen
    fleet: FleetReport
    backlog: int


def build_and_drain(scene: Scene, town: BenchTown, options: LoadOptions, tell: Teller) -> float | None:
    """Build the town with bins for the probes behind the fleet's; return the maximal load from a full queue.

    None when it is not needed.
    """
    bins = options.bins + options.probes
    whole = BenchTown(scene.keyring, bins=bins, citizens=options.citizens, seed=options.seed)
    tell.line(f"building {bins:,} bins and {options.citizens:,} citizens")
    scene.make_town("bontri", whole)
    return None if options.rate is not None else find_maximal_rate(scene, town, options.messages, tell)


def choose_rate(scene: Scene, online: Online, options: LoadOptions, *, maximal: float | None, tell: Teller) -> Rates:
    """Return half of what is committed a second online while more is published, as much as a full queue gives.

    Online the fleet works on the processors that are measured: from a full queue half of the load can be all there is.

    Raises:
        BenchError: a process ended, or what is over was not committed in time.
    """
    if maximal is None:
        return Rates(None, None, options.rate or 0.0)
    parameters = FleetParameters(maximal, options.bins, options.citizens, options.seed + 3)
    with Tally(our_pipeline(scene, BenchTown(scene.keyring, bins=1, citizens=1, seed=0))) as tally:
        with (
            running_fleet(scene, parameters) as fleet,
            tell.part("the maximal load online", WARM_UP_S + SATURATED_S) as advance,
        ):
            committed, began_s = 0, 0.0
            for second in range(1, WARM_UP_S + SATURATED_S + 1):
                time.sleep(1)
                advance(second)
                online.assert_running()
                if second == WARM_UP_S:
                    committed, began_s = tally.count(), time.monotonic()
            rate = (tally.count() - committed) / (time.monotonic() - began_s)
        report = read_report(fleet)
        wait_until_settled(tally, report.taken if report else 0)
    tell.line(f"maximal load online {rate:,.0f} deposits/s")
    return Rates(maximal, rate, rate * HALF)


def run_load(
    scene: Scene,
    online: Online,
    options: LoadOptions,
    *,
    rate: float,
    tell: Teller,
    each_second: Callable[[int], None] = lambda second: None,
) -> Loaded:
    """Let fleet and probes run for the time asked for, and wait until all of it is committed.

    Raises:
        BenchError: a process ended, or not everything was committed in time.
    """
    parameters = FleetParameters(rate, options.bins, options.citizens, options.seed + 1)
    with Tally(our_pipeline(scene, BenchTown(scene.keyring, bins=1, citizens=1, seed=0))) as tally:
        with (
            running_fleet(scene, parameters) as fleet,
            Probes(
                scene,
                online.api_port,
                count=options.probes,
                first_bin=options.bins + 1,
                seed=options.seed + 2,
                pause_s=pause_s(options.seconds),
            ) as probes,
            tell.part(f"online at {rate:,.0f} deposits/s for {options.seconds} s", options.seconds) as advance,
        ):
            for second in range(1, options.seconds + 1):
                time.sleep(1)
                advance(second)
                each_second(second)
                assert_going_on(online, fleet, probes)
        report = read_report(fleet)
        if report is None or not probes.seen.points_ms:
            raise BenchError("too short: no probe has seen its points")
        wanted = report.taken + len(probes.seen.points_ms) + probes.seen.missed
        backlog = max(wanted - tally.count(), 0)
        wait_until_settled(tally, wanted)
    return Loaded(probes.seen, report, backlog)


def assert_going_on(online: Online, fleet: Child, probes: Probes) -> None:
    """Raise when a process has ended or a probe has failed."""
    online.assert_running()
    probes.raise_fault()
    if not fleet.is_running:
        raise BenchError(f"the fleet ended: {fleet.read_last_lines()}")


def pause_s(seconds: int) -> tuple[float, float]:
    """Return how long a citizen waits between two deposits, so that the cap of the day outlasts the run."""
    least = max(LEAST_PAUSE_S, seconds / DAY_CAP_POINTS)
    return least, 3 * least


def wait_until_settled(tally: Tally, wanted: int) -> None:
    """Return when everything published is committed."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while tally.count() < wanted:
        if time.monotonic() > deadline:
            raise BenchError(f"{wanted - tally.count():,} deposits are not committed after {SETTLED_WITHIN_S:.0f} s")
        time.sleep(0.2)
