"""Comparing the sums with their recomputation, and putting them right beside a running ingest.

The ingest adds the same to what is kept and to what would be recomputed. So the *difference* of the two, taken under
one snapshot, stays true however much is committed afterwards: it is added later, to what is kept by then, and nothing
but the rows it touches is locked. Written as absolute figures it would lose what came between
(docs/decisions/0046-rebuilt-by-differences.md). Only two who add the same difference must be kept apart.
"""

import datetime
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, Row, text

from rewards.errors import OperatorRefusedError
from rewards.rollups.adding import ADDED, COUNTERS
from rewards.rollups.folding import LOCK_CLASS
from rewards.rollups.recomputing import DAYS, months_of

Kept = Literal["day", "month"]

TRY_LOCK = text(f"SELECT pg_try_advisory_lock({LOCK_CLASS}, :authority_id)")
UNLOCK = text(f"SELECT pg_advisory_unlock({LOCK_CLASS}, :authority_id)")

# Time and room to join and sum millions of events in memory, and to read what differs; for this transaction alone.
# The planner takes every event for a group of its own, and would sort them all by the text of bins.
ROOM = """
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL work_mem = '256MB';
    SET LOCAL enable_sort = off
"""
RECOMPUTE = text(f"""
    CREATE TEMPORARY TABLE recomputed_days AS
    SELECT CAST(:authority_id AS integer) AS authority_id, r.* FROM ({DAYS}) r
""")
COUNT = text("SELECT coalesce(sum(deposits), 0) FROM recomputed_days WHERE authority_id = :authority_id")
TABLES: dict[Kept, str] = {"day": "daily_deposits", "month": "monthly_deposits"}
RECOMPUTED: dict[Kept, str] = {"day": "recomputed_days", "month": f"({months_of('recomputed_days')})"}

PAIRED = ", ".join(f"k.{name} AS kept_{name}, r.{name} AS recomputed_{name}" for name in COUNTERS)
ARE_DIFFERENT = " OR ".join(f"k.{name} IS DISTINCT FROM r.{name}" for name in COUNTERS)
DELTAS = ", ".join(f"coalesce(f.recomputed_{name}, 0) - coalesce(f.kept_{name}, 0)" for name in COUNTERS)
IS_EMPTY = " AND ".join(f"d.{name} = 0" for name in COUNTERS)


class RebuildUnderWayError(OperatorRefusedError):
    """Somebody else rebuilds the sums of this authority at the moment."""

    code = "rebuild_under_way"

    def __init__(self) -> None:
        super().__init__("the sums of this authority are being rebuilt or folded just now: wait, and repeat")


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell that differs; ``kept`` or ``recomputed`` is None where there is no such row.

    ``day`` is the first of the month where it is kept by month.
    """

    kept_by: Kept
    day: datetime.date
    bin_id: str
    site_id: UUID
    material: str
    kept: Mapping[str, int] | None
    recomputed: Mapping[str, int] | None


@contextmanager
def locked_for_rebuild(connection: Connection, *, authority_id: int) -> Iterator[None]:
    """Keep others from rebuilding or folding the sums of an authority, over several transactions of ``connection``.

    Raises:
        RebuildUnderWayError: somebody does.
    """
    named = {"authority_id": authority_id}
    is_ours = connection.scalar(TRY_LOCK, named)
    connection.commit()
    if not is_ours:
        raise RebuildUnderWayError
    try:
        yield
    finally:
        connection.rollback()
        connection.scalar(UNLOCK, named)
        connection.commit()


def find_differences(connection: Connection, *, authority_id: int) -> int:
    """Recompute all sums and keep what differs in temporary tables of the connection; return the deposits looked at.

    Needs a transaction of its own under one snapshot (REPEATABLE READ). Changes nothing that is kept.
    """
    named = {"authority_id": authority_id}
    connection.exec_driver_sql(ROOM)
    connection.execute(RECOMPUTE, named)
    for kept_by in TABLES:
        connection.execute(text(find_in(kept_by)), named)
        # A rebuild goes through them month by month.
        connection.exec_driver_sql(f"CREATE INDEX ON different_{kept_by}s ({kept_by})")
        connection.exec_driver_sql(f"ANALYZE different_{kept_by}s")
    deposits = int(connection.scalar(COUNT, named) or 0)
    connection.exec_driver_sql("DROP TABLE recomputed_days")
    return deposits


def find_in(kept_by: Kept) -> str:
    """Return the statement that keeps the differences of the days or of the months."""
    key = f"{kept_by}, bin_id, site_id, material"
    return f"""
    CREATE TEMPORARY TABLE different_{kept_by}s AS
    SELECT CAST(:authority_id AS integer) AS authority_id, {key}, {PAIRED}
      FROM {RECOMPUTED[kept_by]} r
      FULL JOIN (SELECT * FROM {TABLES[kept_by]} WHERE authority_id = :authority_id) k USING ({key})
     WHERE {ARE_DIFFERENT}
    """


def drop_differences(connection: Connection) -> None:
    """Forget what :func:`find_differences` kept."""
    connection.exec_driver_sql("DROP TABLE IF EXISTS different_days, different_months")


def count_differences(connection: Connection, *, authority_id: int) -> int:
    """Count the cells found to differ."""
    named = {"authority_id": authority_id}
    counts = [text(f"SELECT count(*) FROM different_{each}s WHERE authority_id = :authority_id") for each in TABLES]
    return sum(connection.scalar(each, named) or 0 for each in counts)


def list_differences(connection: Connection, *, authority_id: int, limit: int | None = None) -> list[Difference]:
    """List the cells found to differ: days, then months, each by their key; ``limit`` of either, None for all."""
    return [
        difference_of(kept_by, row)
        for kept_by in TABLES
        for row in connection.execute(
            text(f"""
                SELECT * FROM different_{kept_by}s
                 WHERE authority_id = :authority_id ORDER BY {kept_by}, bin_id, site_id, material LIMIT :limit
            """),
            {"authority_id": authority_id, "limit": limit},
        )
    ]


def difference_of(kept_by: Kept, row: Row[Any]) -> Difference:
    """Read one cell."""
    values = row._mapping

    def side(name: str) -> dict[str, int] | None:
        return None if values[f"{name}_deposits"] is None else {each: values[f"{name}_{each}"] for each in COUNTERS}

    return Difference(
        kept_by,
        values[kept_by],
        values["bin_id"],
        values["site_id"],
        values["material"],
        side("kept"),
        side("recomputed"),
    )


def list_differing_months(connection: Connection, *, authority_id: int) -> list[datetime.date]:
    """List the months in which a day or the month itself differs, oldest first."""
    rows = connection.scalars(
        text("""
        SELECT month FROM different_months WHERE authority_id = :authority_id
        UNION
        SELECT CAST(date_trunc('month', CAST(day AS timestamp)) AS date) FROM different_days
         WHERE authority_id = :authority_id
         ORDER BY 1
        """),
        {"authority_id": authority_id},
    )
    return list(rows)


def apply_differences(connection: Connection, month: datetime.date, *, authority_id: int) -> int:
    """Add the differences of a month to what is kept by now; return how many cells. Needs a transaction of its own.

    Rows that no deposit is behind any more are deleted.
    """
    named = {"authority_id": authority_id, "month": month}
    cells = 0
    for kept_by in TABLES:
        cells += connection.execute(text(add_in(kept_by)), named).rowcount
        connection.execute(text(delete_emptied_in(kept_by)), named)
    return cells


def is_in_month(kept_by: Kept) -> str:
    """Return the condition for differences ``f`` of a month."""
    return f"f.{kept_by} >= :month AND f.{kept_by} < CAST(CAST(:month AS date) + interval '1 month' AS date)"


def add_in(kept_by: Kept) -> str:
    """Return the statement that adds the differences of a month, sorted as the ingest sorts."""
    key = f"{kept_by}, bin_id, site_id, material"
    return f"""
    INSERT INTO {TABLES[kept_by]} AS d (authority_id, {key}, {", ".join(COUNTERS)})
    SELECT :authority_id, {key}, {DELTAS} FROM different_{kept_by}s f WHERE {is_in_month(kept_by)} ORDER BY {key}
    ON CONFLICT (authority_id, {key}) DO UPDATE SET {ADDED}
    """


def delete_emptied_in(kept_by: Kept) -> str:
    """Return the statement that deletes rows of a month that came to nothing; what was added meanwhile keeps one."""
    return f"""
    DELETE FROM {TABLES[kept_by]} d USING different_{kept_by}s f
     WHERE d.authority_id = :authority_id AND d.{kept_by} = f.{kept_by} AND d.bin_id = f.bin_id
       AND d.site_id = f.site_id AND d.material = f.material AND {is_in_month(kept_by)}
       AND f.recomputed_deposits IS NULL AND {IS_EMPTY}
    """
