"""The numbers Bontri promises, each with its floor (must hold), its aim (where we are going) and who measures it.

Ratios are against peers and ceilings of the same run on the same machine. A floor that is not reached is told in the
report and is no failure of the command: on a machine that does something else meanwhile, every figure is noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Bench = Literal["ingest", "latency", "growth", "soak", "rewards", "api", "stats"]


@dataclass(frozen=True, slots=True)
class Promise:
    """One number. ``is_most``: the measured one must stay below it, else it must come up to it."""

    bench: Bench
    name: str
    what: str
    floor: float | None
    aim: float
    unit: Literal["×", "ms", "MB"] = "×"
    is_most: bool = False

    def reaches(self, measured: float, bound: float) -> bool:
        """Tell whether a measured number is on the right side of a bound."""
        return measured < bound if self.is_most else measured >= bound


WORKER_MB, API_MB = 200.0, 200.0

PROMISES = (
    Promise("ingest", "bontri_to_reference_sql", "ingest against the frozen reference in set-wise SQL", 0.60, 0.80),
    Promise("ingest", "bontri_to_sqlalchemy_row", "ingest against SQLAlchemy, a row a commit", 12, 20),
    Promise("ingest", "bontri_to_node_red", "ingest against Node-RED", 2.5, 4),
    Promise("ingest", "bontri_to_aiomqtt_asyncpg", "ingest against aiomqtt + asyncpg", 1.0, 1.5),
    Promise("ingest", "bontri_to_mqttjs_pg", "ingest against mqtt.js + pg", 0.4, 0.65),
    Promise("ingest", "bontri_to_pathway_keyed", "ingest against Pathway, keyed", 0.4, 0.6),
    Promise("ingest", "transaction_sql_to_copy", "our statements alone against COPY of the rows inserted", 0.20, 0.35),
    Promise("ingest", "bontri_backlog_to_bontri", "50 events a message against one", 1.3, 2),
    Promise(
        "ingest", "bontri_half_poison_to_bontri", "messages with half of them malformed, against all good", 0.9, 1.0
    ),
    Promise("ingest", "worker_peak_mb", "memory of a worker", WORKER_MB, WORKER_MB, "MB", is_most=True),
    Promise("latency", "points_p50_ms", "deposit to points in the API, median", None, 250, "ms", is_most=True),
    Promise("latency", "points_p99_ms", "deposit to points in the API, p99", 2000, 1000, "ms", is_most=True),
    Promise("latency", "worker_peak_mb", "memory of a worker", WORKER_MB, WORKER_MB, "MB", is_most=True),
    Promise("latency", "api_peak_mb", "memory of an API worker", API_MB, API_MB, "MB", is_most=True),
    Promise("growth", "large_to_small", "cost per event with the long history", 1.4, 1.15, is_most=True),
    Promise("rewards", "vouchers_to_pgbench", "issue and redeem against pgbench with the same statements", 0.40, 0.60),
    Promise("rewards", "expiry_to_insert", "expiry against one INSERT of the same transfers", 0.50, 0.80),
    Promise("rewards", "redemption_p99_ms", "redemption while points expire, p99", 100, 50, "ms", is_most=True),
    Promise(
        "api", "redemption_to_pgbench", "redemption over HTTP against pgbench with the same statements", 0.25, 0.38
    ),
    Promise("api", "balance_to_empty", "balance over HTTP against an empty route of the same server", 0.30, 0.60),
    Promise("api", "redemption_p99_ms", "redemption while deposits come in, p99", 100, 50, "ms", is_most=True),
    Promise("api", "api_peak_mb", "memory of an API worker", API_MB, API_MB, "MB", is_most=True),
    Promise(
        "stats", "page_large_to_small", "a page over 5 years with many deposits, against few", 1.5, 1.1, is_most=True
    ),
    Promise("stats", "slowest_page_ms", "the slowest page over 5 years, median", None, 300, "ms", is_most=True),
    Promise("stats", "large_to_small", "figures over 5 years with many deposits, against few", 1.5, 1.1, is_most=True),
    Promise("stats", "slowest_figure_ms", "the slowest figure over 5 years, median", None, 300, "ms", is_most=True),
    Promise("stats", "rebuild_to_group_by", "sums rebuilt from nothing, against a plain GROUP BY", 0.5, 0.8),
    Promise("soak", "worker_peak_mb", "memory of a worker", WORKER_MB, WORKER_MB, "MB", is_most=True),
    Promise("soak", "api_peak_mb", "memory of an API worker", API_MB, API_MB, "MB", is_most=True),
)


def judge(bench: Bench, measured: Mapping[str, float]) -> list[dict[str, Any]]:
    """List every promise of a bench with what was measured; None where it was not, for a peer that was not run."""
    return [judge_one(each, measured.get(each.name)) for each in PROMISES if each.bench == bench]


def judge_one(promise: Promise, measured: float | None) -> dict[str, Any]:
    """Tell one promise beside its measurement."""
    floor, aim = promise.floor, promise.aim
    return {
        "name": promise.name,
        "what": promise.what,
        "unit": promise.unit,
        "must_be": "below" if promise.is_most else "at least",
        "floor": floor,
        "aim": aim,
        "measured": measured,
        "reached_floor": None if measured is None or floor is None else promise.reaches(measured, floor),
        "reached_aim": None if measured is None else promise.reaches(measured, aim),
    }


def promises_as_text(judged: list[dict[str, Any]]) -> list[str]:
    """Write a line per promise, for people."""
    return [f"  {each['what']:62} {told(each)}" for each in judged]


def told(judged: Mapping[str, Any]) -> str:
    """Return measured, floor and aim in a few words."""
    bounds = " and ".join(f"{name} {judged[name]:g}" for name in ("floor", "aim") if judged[name] is not None)
    if judged["measured"] is None:
        return f"not measured ({bounds} {judged['unit']})"
    verdict = {True: "floor reached", False: "FLOOR NOT REACHED", None: "no floor"}[judged["reached_floor"]]
    verdict = "aim reached" if judged["reached_aim"] else verdict
    return f"{judged['measured']:>8g} {judged['unit']:2} {verdict} ({judged['must_be']} {bounds})"
