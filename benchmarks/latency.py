"""``bontri bench latency``: from a deposit to points a citizen can read, online, at half of what a worker can take.

Real services as processes; a fleet publishes at a steady rate beside citizens who drop something in and ask the API
until their points are there. Fleet and citizens share the cores with what they measure.
"""

import time
from dataclasses import dataclass
from typing import Any

from benchmarks.draining import read_peak_mb
from benchmarks.errors import BenchError
from benchmarks.fleet import FleetParameters, FleetReport, read_report, running_fleet
from benchmarks.online import Online, find_maximal_rate, running_online
from benchmarks.pipelines import Tally, our_pipeline
from benchmarks.probes import Probes, Seen
from benchmarks.progress import Teller
from benchmarks.promises import judge
from benchmarks.quantiles import quantiles_of
from benchmarks.report import services_of
from benchmarks.scene import Scene, open_scene
from benchmarks.town import BenchTown
from rewards.database import open_engine
from rewards.verify import Verification, verify

SETTLED_WITHIN_S = 60.0
HALF = 0.5


@dataclass(frozen=True, slots=True)
class LatencyOptions:
    """How much to measure. ``rate`` of None stands for half of the maximal load, measured first."""

    seconds: int
    probes: int
    rate: float | None
    messages: int
    bins: int
    citizens: int
    seed: int


def bench_latency(options: LatencyOptions, tell: Teller) -> dict[str, Any]:
    """Measure and return the report.

    Raises:
        BenchError: a process of ours ended, or did not do what it was started for.
        EmbeddedServiceError: a service does not start.
    """
    with open_scene(tell) as scene:
        town = BenchTown(scene.keyring, bins=options.bins, citizens=options.citizens, seed=options.seed)
        maximal, rate = build_and_choose_rate(scene, town, options, tell)
        with running_online(scene) as online:
            seen, fleet, backlog = measure_online(scene, online, options, rate, tell)
            memory = {"worker_peak_mb": peak_mb(online.worker.pid), "api_peak_mb": peak_mb(online.api.pid)}
        verification = verify_scene(scene)
        services = services_of(scene)
    points, receipts = quantiles_of(seen.points_ms), quantiles_of(seen.receipt_ms)
    return {
        "ok": verification.is_sound and not seen.missed,
        "bench": "latency",
        "what": "from publishing a deposit to its points in the API, and to the bin's receipt, online",
        **{name: getattr(options, name) for name in ("seconds", "bins", "citizens", "seed", "probes")},
        **services,
        "maximal_per_s": None if maximal is None else round(maximal),
        "wanted_per_s": round(rate),
        "published_per_s": round(fleet.published / fleet.seconds),
        "backlog_at_the_end": backlog,
        "deposits_probed": len(seen.points_ms) + seen.missed,
        "deposits_missed": seen.missed,
        "points_ms": points,
        "receipt_ms": receipts,
        "samples_ms": {"points": rounded(seen.points_ms), "receipt": rounded(seen.receipt_ms)},
        **memory,
        "promises": judge("latency", {f"points_{name}_ms": points[name] for name in ("p50", "p99")} | memory),
        "not_run": [],
        "verified_events": verification.counts,
    }


def build_and_choose_rate(
    scene: Scene, town: BenchTown, options: LatencyOptions, tell: Teller
) -> tuple[float | None, float]:
    """Build the town with bins for the probes behind the fleet's; return the maximal load and the one to run at."""
    bins = options.bins + options.probes
    whole = BenchTown(scene.keyring, bins=bins, citizens=options.citizens, seed=options.seed)
    tell.line(f"building {bins:,} bins and {options.citizens:,} citizens")
    scene.make_town("bontri", whole)
    if options.rate is not None:
        return None, options.rate
    maximal = find_maximal_rate(scene, town, options.messages, tell)
    return maximal, maximal * HALF


def measure_online(
    scene: Scene, online: Online, options: LatencyOptions, rate: float, tell: Teller
) -> tuple[Seen, FleetReport, int]:
    """Let fleet and probes run; return what was seen, what was published, and how much was left to commit then."""
    parameters = FleetParameters(rate, options.bins, options.citizens, options.seed + 1)
    first_bin, seed = options.bins + 1, options.seed + 2
    with Tally(our_pipeline(scene, BenchTown(scene.keyring, bins=1, citizens=1, seed=0))) as tally:
        with (
            running_fleet(scene, parameters) as fleet,
            Probes(scene, online.api_port, count=options.probes, first_bin=first_bin, seed=seed) as probes,
            tell.part(f"online at {rate:,.0f} deposits/s for {options.seconds} s", options.seconds) as advance,
        ):
            for second in range(options.seconds):
                time.sleep(1)
                advance(second + 1)
                online.assert_running()
                probes.raise_fault()
                if not fleet.is_running:
                    raise BenchError(f"the fleet ended: {fleet.read_last_lines()}")
        report = read_report(fleet)
        if report is None or not probes.seen.points_ms:
            raise BenchError("too short: no probe has seen its points")
        wanted = report.taken + len(probes.seen.points_ms) + probes.seen.missed
        backlog = max(wanted - tally.count(), 0)
        wait_until_settled(tally, wanted)
    return probes.seen, report, backlog


def wait_until_settled(tally: Tally, wanted: int) -> None:
    """Return when everything published is committed."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while tally.count() < wanted:
        if time.monotonic() > deadline:
            raise BenchError(f"{wanted - tally.count():,} deposits are not committed after {SETTLED_WITHIN_S:.0f} s")
        time.sleep(0.2)


def verify_scene(scene: Scene) -> Verification:
    """Check the books of our database."""
    engine = open_engine(scene.server.url("bontri"), role="owner")
    try:
        return verify(engine)
    finally:
        engine.dispose()


def peak_mb(pid: int) -> int:
    """Return the most memory one of a command's processes has held."""
    return round(read_peak_mb(pid))


def rounded(samples: list[float]) -> list[float]:
    """Return samples as they are worth writing down."""
    return [round(each, 1) for each in samples]
