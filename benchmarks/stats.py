"""``bontri bench stats``: figures over five years with many deposits against few; sums rebuilt against a GROUP BY.

Two databases on one server with the same town and the same five years, asked in turns. Their history is written
set-wise (``benchmarks/history.py``), with ``synchronous_commit`` off while it loads; then days are folded by the job
itself, and everything is vacuumed and analysed. PostgreSQL has its defaults. A figure is timed as the API reckons it:
statements and arithmetic, without HTTP; a page as Flask answers it, without its pictures.
"""

import datetime
import os
import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, make_url, text

from benchmarks.dashboards import FIGURES, TIMEZONE, Asked
from benchmarks.errors import BenchError
from benchmarks.history import BYTES_PER_EVENT, load_history
from benchmarks.pages import PAGES, opened_pages
from benchmarks.promises import judge
from benchmarks.report import machine
from benchmarks.rewards import verify_all
from benchmarks.rounds import name_round, number_rounds
from benchmarks.town import AUTHORITY_ID, BenchTown
from bontri.embedded.folders import scratch_folder
from bontri.embedded.postgres import PostgresServer, running_postgres
from bontri.jobs.folding import fold_days_of
from bontri.progress import Teller
from bontri.rebuilding import check_sums, rebuild_sums
from ingest.worker import utc_now
from rewards.database import DatabaseRole, migrate, open_engine
from rewards.keyring import Keyring
from rewards.rollups.rebuilding import ROOM
from rewards.statistics.periods import LongPeriod

ANONYMOUS_TENTHS = 4
COMMUNES = 9
SIZES = ("small", "large")

# What a rebuild reads of events, in the plainest way; rows are made and thrown away.
GROUP_BY = text("""
    EXPLAIN (ANALYZE, TIMING OFF)
    SELECT CAST(occurred_at AT TIME ZONE 'Europe/Paris' AS date), bin_id, site_id, material,
           count(*), sum(items), sum(mass_g), sum(refused)
      FROM events WHERE authority_id = :authority_id AND type = 'deposit'
     GROUP BY 1, 2, 3, 4
""")
ADD_COMMUNES = """
    INSERT INTO communes (authority_id, insee_code, name)
    SELECT 1, lpad((93000 + g)::text, 5, '0'), 'Commune ' || g FROM generate_series(1, %(communes)s - 1) AS g
"""
SPREAD_SITES = """
    UPDATE sites s SET insee_code = c.insee_code
      FROM (SELECT site_id, row_number() OVER (ORDER BY reference) %% %(communes)s AS no FROM sites) AS n
      JOIN (SELECT insee_code, row_number() OVER (ORDER BY insee_code) - 1 AS no FROM communes) AS c USING (no)
     WHERE s.site_id = n.site_id
"""


@dataclass(frozen=True, slots=True)
class StatsOptions:
    """How much to measure: ``small`` and ``large`` are deposits of so many ``years``."""

    years: int
    small: int
    large: int
    rounds: int
    rebuilds: int
    warm_up: bool
    bins: int
    citizens: int
    seed: int


@dataclass(frozen=True)
class Databases:
    """The two databases, and who asks them."""

    server: PostgresServer

    @contextmanager
    def engine(self, name: str, role: DatabaseRole) -> Iterator[Engine]:
        """Give an engine on one of them."""
        tenant = AUTHORITY_ID if role == "bontri_agent" else None
        engine = open_engine(self.server.url(name), role=role, authority_id=tenant)
        try:
            yield engine
        finally:
            engine.dispose()

    def conninfo(self, name: str) -> str:
        """Return the address as psycopg reads it, password included: not for logs."""
        url = make_url(self.server.url(name)).set(drivername="postgresql")
        return url.render_as_string(hide_password=False)

    def run(self, name: str, *statements: str) -> None:
        """Execute statements as the owner, each by itself."""
        with psycopg.connect(self.conninfo(name), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement, {"communes": COMMUNES} if "%(communes)" in statement else None)


def bench_stats(options: StatsOptions, tell: Teller) -> dict[str, Any]:
    """Measure and return the report.

    Raises:
        BenchError: there is no room for the history.
        EmbeddedServiceError: PostgreSQL does not start.
    """
    now = utc_now()
    with scratch_folder("bench") as folder, running_postgres(folder) as server:
        tell.line(f"PostgreSQL {server.version} runs")
        require_room(folder, options)
        databases = Databases(server)
        keyring = Keyring(os.urandom(32), os.urandom(32), os.urandom(32))
        load_s = load(databases, keyring, options, tell, now=now)
        figures = measure_figures(databases, keyring, options, tell, asked=asked_at(now, years=options.years))
        sums = measure_sums(databases, options, tell)
        with databases.engine("large", "bontri_reader") as engine:
            differences = check_sums(engine, authority_id=AUTHORITY_ID, tell=tell, limit=0).differing
        findings = verify_all(server, SIZES, tell)
        version = server.version
    return {
        **report_of(options, figures, sums),
        "ok": not differences and not any(sum(each.values()) for each in findings.values()),
        "postgresql": version,
        "load_s": load_s,
        "differences_at_the_end": differences,
        "broken_invariants": findings,
    }


def require_room(folder: Path, options: StatsOptions) -> None:
    """Raise BenchError when the history would fill the disk."""
    needed, free = 1.3 * (options.small + options.large) * BYTES_PER_EVENT, shutil.disk_usage(folder).free
    if free < needed:
        raise BenchError(
            f"the history needs about {needed / 1e9:.0f} GB in {folder.parent}, where {free / 1e9:.0f} GB are free: "
            "take fewer --deposits, or name another folder in TMPDIR"
        )


def asked_at(now: datetime.datetime, *, years: int) -> Asked:
    """Return the years up to today, from the first of a month."""
    today = now.astimezone(TIMEZONE).date()
    return Asked(LongPeriod(today.replace(year=today.year - years, day=1), today), now)


def load(
    databases: Databases, keyring: Keyring, options: StatsOptions, tell: Teller, *, now: datetime.datetime
) -> dict[str, float]:
    """Build the town once, copy it, give both their history and fold it; return the seconds each part took."""
    town = BenchTown(keyring, bins=options.bins, citizens=options.citizens, seed=options.seed)
    databases.server.create_database("small")
    with databases.engine("small", "owner") as engine:
        with engine.connect() as connection:
            migrate(connection)
        with engine.begin() as connection:
            town.build(connection, now=now, placed_days=options.years * 366 + 40)
    databases.run("small", ADD_COMMUNES, SPREAD_SITES)
    databases.server.create_database("large", template="small")
    taken_s: dict[str, float] = {}
    for name, events in (("small", options.small), ("large", options.large)):
        started_s = time.perf_counter()
        with tell.part(f"{name}: loading {events:,} deposits over {options.years} years", events) as advance:
            load_history(
                databases.conninfo(name),
                events=events,
                now=now,
                advance=advance,
                months=12 * options.years,
                anonymous_tenths=ANONYMOUS_TENTHS,
                has_caps=False,
            )
        loaded_s = time.perf_counter()
        with databases.engine(name, "bontri_operator") as engine:
            days = fold_days_of(engine, AUTHORITY_ID)["days"]
        folded_s = time.perf_counter()
        databases.run(name, "VACUUM (ANALYZE)", "CHECKPOINT")
        tell.line(f"{name}: {days:,} days folded in {folded_s - loaded_s:.1f} s")
        taken_s |= {name: round(loaded_s - started_s, 1), f"{name}_folded": round(folded_s - loaded_s, 1)}
    return taken_s


def measure_figures(
    databases: Databases, keyring: Keyring, options: StatsOptions, tell: Teller, *, asked: Asked
) -> dict[str, dict[str, list[float]]]:
    """Reckon every figure and open every page on both databases in turns; return milliseconds by name and size.

    One that warms up is not counted; every other one goes the other way round.
    """
    taken_ms: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in (*FIGURES, *PAGES)}
    numbers = number_rounds(options.rounds, warm_up=options.warm_up)
    with ExitStack() as stack:
        engines = {size: stack.enter_context(databases.engine(size, "bontri_agent")) for size in SIZES}
        pages = {
            size: stack.enter_context(opened_pages(databases.server.url(size), keyring, now=asked.now))
            for size in SIZES
        }

        def time_one(name: str, size: str) -> float:
            if name in PAGES:
                started_s = time.perf_counter()
                pages[size](PAGES[name], asked)
                return (time.perf_counter() - started_s) * 1000
            with engines[size].connect() as connection:
                started_s = time.perf_counter()
                FIGURES[name](connection, asked)
                return (time.perf_counter() - started_s) * 1000

        with tell.part("reckoning figures", len(numbers)) as advance:
            for done, number in enumerate(numbers, 1):
                for name in taken_ms:
                    for size in SIZES if number % 2 else SIZES[::-1]:
                        ms = time_one(name, size)
                        if number:
                            taken_ms[name][size].append(ms)
                advance(done)
    return taken_ms


def measure_sums(databases: Databases, options: StatsOptions, tell: Teller) -> dict[str, list[float]]:
    """Time, in turns: a plain GROUP BY, a check of sums that are right, and a rebuild after all were thrown away."""
    taken_s: defaultdict[str, list[float]] = defaultdict(list)
    with databases.engine("large", "bontri_operator") as engine:

        def group_by() -> None:
            with engine.begin() as connection:
                connection.exec_driver_sql(ROOM)
                connection.execute(GROUP_BY, {"authority_id": AUTHORITY_ID})

        def check() -> None:
            check_sums(engine, authority_id=AUTHORITY_ID, tell=tell, limit=0)

        def rebuild() -> None:
            mended = rebuild_sums(engine, authority_id=AUTHORITY_ID, tell=tell, limit=0).mended
            if not mended:
                raise BenchError("a rebuild from nothing rebuilt nothing")

        works: dict[str, Callable[[], None]] = {"group_by": group_by, "check": check, "rebuild": rebuild}
        for number in number_rounds(options.rebuilds, warm_up=options.warm_up):
            for name in list(works) if number % 2 else list(works)[::-1]:
                if name == "rebuild":
                    databases.run("large", "TRUNCATE daily_deposits, monthly_deposits", "CHECKPOINT")
                started_s = time.perf_counter()
                works[name]()
                if number:
                    taken_s[name].append(time.perf_counter() - started_s)
                if name == "rebuild":
                    databases.run("large", "VACUUM (ANALYZE) daily_deposits, monthly_deposits")
            tell.line(f"{name_round(number)} of rebuilding is done")
    return dict(taken_s)


def report_of(
    options: StatsOptions,
    figures: dict[str, dict[str, list[float]]],
    sums: dict[str, list[float]],
) -> dict[str, Any]:
    """Return the report of what was timed."""
    told: dict[str, dict[str, Any]] = {
        name: {
            **{size: spread_of(of_size[size], "ms", digits=1) for size in SIZES},
            "ratio": round(statistics.median(of_size["large"]) / statistics.median(of_size["small"]), 2),
        }
        for name, of_size in figures.items()
    }
    medians_s = {name: statistics.median(values) for name, values in sums.items()}
    pages = [told[name] for name in PAGES]
    measured = {
        "page_large_to_small": max(each["ratio"] for each in pages),
        "slowest_page_ms": max(each["large"]["median_ms"] for each in pages),
        "large_to_small": max(each["ratio"] for each in told.values()),
        "slowest_figure_ms": max(each["large"]["median_ms"] for each in told.values()),
        "rebuild_to_group_by": round(medians_s["group_by"] / medians_s["rebuild"], 2),
        "check_to_group_by": round(medians_s["group_by"] / medians_s["check"], 2),
    }
    return {
        "bench": "stats",
        "what": f"figures over {options.years} years with {options.large:,} deposits against {options.small:,}",
        **{
            name: getattr(options, name)
            for name in ("years", "small", "large", "rounds", "rebuilds", "warm_up", "bins", "citizens")
        },
        "seed": options.seed,
        "machine": machine(),
        "figures": told,
        "sums": {name: spread_of(values, "s", digits=2) for name, values in sums.items()},
        "ratios": measured,
        "promises": judge("stats", measured),
        "not_run": [],
    }


def spread_of(values: list[float], unit: str, *, digits: int) -> dict[str, float]:
    """Return the median, the lowest and the highest."""
    found = {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}
    return {f"{name}_{unit}": round(value, digits) for name, value in found.items()}
