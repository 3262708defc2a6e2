"""``bontri bench growth``: what an event costs with a long history, against a short one.

Two databases on one server, the same town in both; the same messages are drained into one and the other in turns. The
cost of an event is the time between two commits divided by the events of it, with workers as they are.
"""

import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.draining import drain_made
from benchmarks.errors import BenchError
from benchmarks.history import BYTES_PER_EVENT, MONTHS, load_history
from benchmarks.pipelines import our_pipeline
from benchmarks.promises import judge
from benchmarks.report import Measured, services_of
from benchmarks.rounds import name_round, number_rounds
from benchmarks.scene import Scene, open_scene, verify_database
from benchmarks.town import BenchMessage, BenchTown
from bontri.embedded.process_tree import list_descendants
from bontri.progress import Teller
from ingest.worker import utc_now
from rewards.database import open_engine
from rewards.verify import Verification

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class GrowthOptions:
    """How much to measure: ``small`` and ``large`` are stored events."""

    small: int
    large: int
    messages: int
    rounds: int
    warm_up: bool
    bins: int
    citizens: int
    seed: int


def bench_growth(options: GrowthOptions, tell: Teller) -> dict[str, Any]:
    """Measure and return the report.

    Raises:
        BenchError: there is no room for the history, or a worker did not do what it was started for.
        EmbeddedServiceError: PostgreSQL or the broker does not start.
    """
    with open_scene(tell) as scene:
        require_room(scene.folder, options)
        build(scene, options, tell)
        rates, cpu_us = measure_rounds(scene, options, tell)
        verifications = verify_both(scene, tell)
        sizes_mb = {name: size_mb(scene, name) for name in rates}
        services = services_of(scene)
    medians = {name: Measured(values) for name, values in rates.items()}
    cpu = {name: round(Measured(values).median, 1) for name, values in cpu_us.items()}
    ratios = {
        "large_to_small": round(medians["small"].median / medians["large"].median, 2),
        "large_to_small_cpu": round(cpu["large"] / cpu["small"], 2),
    }
    return {
        "ok": all(each.is_sound for each in verifications.values()),
        "bench": "growth",
        "what": f"cost of an event with {options.large:,} events stored against {options.small:,}",
        **{name: getattr(options, name) for name in ("small", "large", "messages", "rounds", "bins", "citizens")},
        "warm_up": options.warm_up,
        "seed": options.seed,
        "months": MONTHS,
        **services,
        "rates": {name: each.as_dict() for name, each in medians.items()},
        "postgresql_cpu_us_per_event": cpu,
        "database_mb": sizes_mb,
        "ratios": ratios,
        "promises": judge("growth", ratios),
        "not_run": [],
        "verified_events": {name: each.counts for name, each in verifications.items()},
    }


def require_room(folder: Path, options: GrowthOptions) -> None:
    """Raise BenchError when the history would fill the disk: twice its size, for what is on its way."""
    needed, free = 2 * (options.small + options.large) * BYTES_PER_EVENT, shutil.disk_usage(folder).free
    if free < needed:
        raise BenchError(
            f"the history needs about {needed / 1e9:.0f} GB in {folder.parent}, where {free / 1e9:.0f} GB are free: "
            "take a smaller --large, or name another folder in TMPDIR"
        )


def build(scene: Scene, options: GrowthOptions, tell: Teller) -> None:
    """Build the town once, copy it, and give both databases their history."""
    tell.line(f"building {options.bins:,} bins and {options.citizens:,} citizens")
    town = BenchTown(scene.keyring, bins=options.bins, citizens=options.citizens, seed=options.seed)
    scene.make_town("small", town)
    scene.server.create_database("large", template="small")
    now = utc_now()
    for name, events in (("small", options.small), ("large", options.large)):
        with tell.part(f"{name}: loading {events:,} events over {MONTHS} months", events) as advance:
            load_history(scene.plain_url(name), events=events, now=now, advance=advance)


def measure_rounds(
    scene: Scene, options: GrowthOptions, tell: Teller
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Drain the same messages into both in turns; return rates and PostgreSQL's CPU time per event.

    One that warms up is not counted; every other one goes the other way round.
    """
    rates: defaultdict[str, list[float]] = defaultdict(list)
    cpu_us: defaultdict[str, list[float]] = defaultdict(list)
    town = BenchTown(scene.keyring, bins=options.bins, citizens=options.citizens, seed=options.seed + 1)
    for number in number_rounds(options.rounds, warm_up=options.warm_up):
        messages = list(town.messages(options.messages, now=utc_now()))
        told = []
        for name in ("small", "large") if number % 2 else ("large", "small"):
            rate, us = drain_into(scene, name, town, messages)
            told.append(f"{name} {rate:,.0f}/s, {us:.0f} µs of PostgreSQL an event")
            if number:
                rates[name].append(rate)
                cpu_us[name].append(us)
        tell.line(f"{name_round(number)}: {'; '.join(told)}")
    return rates, cpu_us


def drain_into(scene: Scene, name: str, town: BenchTown, messages: Sequence[BenchMessage]) -> tuple[float, float]:
    """Drain messages into one database; return events a second and PostgreSQL's CPU microseconds per event."""
    before_s = cpu_seconds(scene.server.pid)
    rate = drain_made(scene, our_pipeline(scene, town, database=name), messages, deposits=len(messages)).rate
    return rate, (cpu_seconds(scene.server.pid) - before_s) / len(messages) * 1e6


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a server: its processes, and those that have ended."""
    fields = [read_stat(each) for each in (pid, *list_descendants(pid))]
    ended = sum(fields[0][2:4])
    return (sum(sum(each[:2]) for each in fields) + ended) / TICKS_PER_S


def read_stat(pid: int) -> list[int]:
    """Return utime, stime, cutime, cstime of a process in ticks; zeros when it has just ended."""
    try:
        columns = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return [0, 0, 0, 0]
    return [int(each) for each in columns[11:15]]


def verify_both(scene: Scene, tell: Teller) -> dict[str, Verification]:
    """Check the books of both databases, history included."""
    found = {}
    with tell.part("verifying both databases", 2) as advance:
        for done, name in enumerate(("small", "large"), 1):
            found[name] = verify_database(scene, name)
            advance(done)
    return found


def size_mb(scene: Scene, database: str) -> int:
    """Return the size of a database on disk."""
    engine = open_engine(scene.server.url(database), role="owner")
    with engine.connect() as connection:
        size = int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())
    engine.dispose()
    return round(size / 1e6)
