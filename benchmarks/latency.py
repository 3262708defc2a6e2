"""``bontri bench latency``: from a deposit to points a citizen can read, online, at half of what can be taken there.

Real services as processes; a fleet publishes at a steady rate beside citizens who drop something in and ask the API
until their points are there. Fleet and citizens share the cores with what they measure.
"""

from dataclasses import dataclass
from typing import Any

from benchmarks.draining import read_peak_mb
from benchmarks.load import build_and_drain, choose_rate, run_load
from benchmarks.online import running_online
from benchmarks.promises import judge
from benchmarks.quantiles import quantiles_of
from benchmarks.report import services_of
from benchmarks.scene import open_scene, verify_database
from benchmarks.town import BenchTown
from bontri.progress import Teller


@dataclass(frozen=True, slots=True)
class LatencyOptions:
    """How much to measure. ``rate`` of None stands for half of the maximal load online, measured first."""

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
        maximal = build_and_drain(scene, town, options, tell)
        with running_online(scene) as online:
            rates = choose_rate(scene, online, options, maximal=maximal, tell=tell)
            load = run_load(scene, online, options, rate=rates.chosen, tell=tell)
            memory = {"worker_peak_mb": peak_mb(online.worker.pid), "api_peak_mb": peak_mb(online.api.pid)}
        verification = verify_database(scene, "bontri")
        services = services_of(scene)
    points, receipts = quantiles_of(load.seen.points_ms), quantiles_of(load.seen.receipt_ms)
    return {
        "ok": verification.is_sound and not load.seen.missed,
        "bench": "latency",
        "what": "from publishing a deposit to its points in the API, and to the bin's receipt, online",
        **{name: getattr(options, name) for name in ("seconds", "bins", "citizens", "seed", "probes")},
        **services,
        **rates.as_dict(),
        "published_per_s": round(load.fleet.published / load.fleet.seconds),
        "backlog_at_the_end": load.backlog,
        "deposits_probed": len(load.seen.points_ms) + load.seen.missed,
        "deposits_missed": load.seen.missed,
        "points_ms": points,
        "receipt_ms": receipts,
        "samples_ms": {"points": rounded(load.seen.points_ms), "receipt": rounded(load.seen.receipt_ms)},
        **memory,
        "promises": judge("latency", {f"points_{name}_ms": points[name] for name in ("p50", "p99")} | memory),
        "not_run": [],
        "verified_events": verification.counts,
        "broken_invariants": verification.broken,
    }


def peak_mb(pid: int) -> int:
    """Return the most memory one of a command's processes has held."""
    return round(read_peak_mb(pid))


def rounded(samples: list[float]) -> list[float]:
    """Return samples as they are worth writing down."""
    return [round(each, 1) for each in samples]
