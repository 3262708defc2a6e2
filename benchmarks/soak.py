"""``bontri bench soak``: whether anything grows that should not, at half load for an hour.

The load is that of ``bench latency``. Memory, descriptors and connections are sampled, a line is fitted to each after
the warm-up, and its growth an hour compared with a bound.
"""

from contextlib import closing
from dataclasses import dataclass
from typing import Any

from benchmarks.errors import BenchError
from benchmarks.latency import peak_mb
from benchmarks.load import build_and_drain, choose_rate, run_load
from benchmarks.online import running_online
from benchmarks.promises import judge
from benchmarks.quantiles import quantiles_of
from benchmarks.report import services_of
from benchmarks.sampling import BOUNDS_PER_HOUR, Sampler, Samples
from benchmarks.scene import open_scene, verify_database
from benchmarks.slopes import fit_slope
from benchmarks.town import BenchTown
from bontri.progress import Teller

WARM_UP_SHARE = 0.2
"""Of the samples, left out of the lines: caches fill, pools open."""
LEAST_SAMPLES = 10


@dataclass(frozen=True, slots=True)
class SoakOptions:
    """How long, how often to look, and the load."""

    minutes: float
    every: int
    probes: int
    rate: float | None
    messages: int
    bins: int
    citizens: int
    seed: int

    @property
    def seconds(self) -> int:
        """How long."""
        return round(self.minutes * 60)


def bench_soak(options: SoakOptions, tell: Teller) -> dict[str, Any]:
    """Measure and return the report.

    Raises:
        BenchError: a process of ours ended, or it was too short for a line.
        EmbeddedServiceError: a service does not start.
    """
    if options.seconds / options.every < LEAST_SAMPLES:
        raise BenchError(f"too short: {LEAST_SAMPLES} samples are needed; take more --minutes or a smaller --every")
    with open_scene(tell) as scene:
        town = BenchTown(scene.keyring, bins=options.bins, citizens=options.citizens, seed=options.seed)
        maximal = build_and_drain(scene, town, options, tell)
        with running_online(scene) as online, closing(Sampler(scene, online)) as sampler:
            rates = choose_rate(scene, online, options, maximal=maximal, tell=tell)
            load = run_load(
                scene,
                online,
                options,
                rate=rates.chosen,
                tell=tell,
                each_second=lambda second: None if second % options.every else sampler.take(),
            )
            memory = {"worker_peak_mb": peak_mb(online.worker.pid), "api_peak_mb": peak_mb(online.api.pid)}
        verification = verify_database(scene, "bontri")
        services = services_of(scene)
    return {
        "ok": verification.is_sound and not load.seen.missed,
        "bench": "soak",
        "what": f"growth of memory, descriptors and connections in {options.minutes:g} minutes at half load",
        **{name: getattr(options, name) for name in ("minutes", "every", "bins", "citizens", "seed", "probes")},
        **services,
        **rates.as_dict(),
        "published_per_s": round(load.fleet.published / load.fleet.seconds),
        "published": load.fleet.published,
        "backlog_at_the_end": load.backlog,
        "deposits_missed": load.seen.missed,
        "points_ms": quantiles_of(load.seen.points_ms),
        "slopes": slopes_of(sampler.samples),
        "samples": {"seconds": [round(each) for each in sampler.samples.seconds], **sampler.samples.series},
        **memory,
        "promises": judge("soak", memory),
        "not_run": [],
        "verified_events": verification.counts,
        "broken_invariants": verification.broken,
    }


def slopes_of(samples: Samples) -> dict[str, dict[str, Any]]:
    """Fit a line to each series after the warm-up and judge it."""
    first = round(len(samples.seconds) * WARM_UP_SHARE)
    slopes = {}
    for name, values in samples.series.items():
        slope = fit_slope(samples.seconds[first:], values[first:])
        slopes[name] = {
            "per_hour": round(slope.per_hour, 2),
            "standard_error": round(slope.error, 2),
            "bound_per_hour": BOUNDS_PER_HOUR[name],
            "verdict": slope.verdict(BOUNDS_PER_HOUR[name]),
            "first": values[first],
            "last": values[-1],
        }
    return slopes
