"""Comparing the sums of deposits with their recomputation, and putting them right, over one connection."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine

from bontri.progress import Teller
from rewards.rollups import (
    Difference,
    apply_differences,
    count_differences,
    drop_differences,
    find_differences,
    list_differences,
    list_differing_months,
    list_differing_signs,
    locked_for_rebuild,
    mend_signs,
)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was looked at, how many cells differed, some of them or all, and how many were put right."""

    deposits: int
    differing: int
    differences: list[Difference]
    mended: int


def check_sums(engine: Engine, *, authority_id: int, tell: Teller, limit: int | None = None) -> Rebuilt:
    """Recompute the sums of an authority and say what differs: all cells, or ``limit`` of days and of months.

    Changes nothing, holds nobody up.
    """
    with engine.connect() as connection:
        found = compare(connection, authority_id=authority_id, tell=tell, limit=limit)
        drop_differences(connection)
        connection.commit()
    return found


def rebuild_sums(engine: Engine, *, authority_id: int, tell: Teller, limit: int | None = None) -> Rebuilt:
    """Put the sums of an authority right, a month a transaction, beside whatever is recorded meanwhile.

    Says ``limit`` of the days and of the months that differed, or all of them.

    Raises:
        RebuildUnderWayError: somebody else does so; nothing was changed.
    """
    with engine.connect() as connection, locked_for_rebuild(connection, authority_id=authority_id):
        found = compare(connection, authority_id=authority_id, tell=tell, limit=limit)
        months = list_differing_months(connection, authority_id=authority_id)
        connection.commit()
        mended = 0
        with tell.part("putting months right", max(1, len(months))) as advance:
            for done, month in enumerate(months, 1):
                mended += apply_differences(connection, month, authority_id=authority_id)
                connection.commit()
                advance(done, f"{month:%Y-%m}")
        drop_differences(connection)
        # By the days as they are now.
        for month, bins in list_differing_signs(connection, authority_id=authority_id).items():
            mend_signs(connection, month, authority_id=authority_id)
            connection.commit()
            mended += bins
        connection.commit()
    return replace(found, mended=mended)


def compare(connection: Connection, *, authority_id: int, tell: Teller, limit: int | None) -> Rebuilt:
    """Find what differs under one snapshot, in a transaction of its own."""
    connection.execution_options(isolation_level="REPEATABLE READ")
    tell.line("recomputing from events and transfers")
    deposits = find_differences(connection, authority_id=authority_id)
    differing = count_differences(connection, authority_id=authority_id)
    differing += sum(list_differing_signs(connection, authority_id=authority_id).values())
    differences = list_differences(connection, authority_id=authority_id, limit=limit)
    connection.commit()
    connection.execution_options(isolation_level="READ COMMITTED")
    return Rebuilt(deposits, differing, differences, mended=0)
