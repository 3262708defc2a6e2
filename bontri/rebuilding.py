"""Comparing the sums of deposits with their recomputation, and putting them right, over one connection."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from bontri.progress import Teller
from rewards.rollups import (
    Difference,
    apply_differences,
    drop_differences,
    find_differences,
    list_differences,
    list_differing_months,
    locked_for_rebuild,
)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was looked at, what differed, and how many cells were put right."""

    deposits: int
    differences: list[Difference]
    mended: int


def check_sums(engine: Engine, *, authority_id: int, tell: Teller) -> Rebuilt:
    """Recompute the sums of an authority and say what differs. Changes nothing, holds nobody up."""
    with engine.connect() as connection:
        deposits = recompute(connection, authority_id=authority_id, tell=tell)
        differences = list_differences(connection, authority_id=authority_id)
        drop_differences(connection)
        connection.commit()
    return Rebuilt(deposits, differences, 0)


def rebuild_sums(engine: Engine, *, authority_id: int, tell: Teller) -> Rebuilt:
    """Put the sums of an authority right, a month a transaction, beside whatever is recorded meanwhile.

    Raises:
        RebuildUnderWayError: somebody else does so; nothing was changed.
    """
    with engine.connect() as connection, locked_for_rebuild(connection, authority_id=authority_id):
        deposits = recompute(connection, authority_id=authority_id, tell=tell)
        differences = list_differences(connection, authority_id=authority_id)
        months = list_differing_months(connection, authority_id=authority_id)
        connection.commit()
        mended = 0
        with tell.part("putting months right", max(1, len(months))) as advance:
            for done, month in enumerate(months, 1):
                mended += apply_differences(connection, month, authority_id=authority_id)
                connection.commit()
                advance(done, f"{month:%Y-%m}")
        drop_differences(connection)
        connection.commit()
    return Rebuilt(deposits, differences, mended)


def recompute(connection: Connection, *, authority_id: int, tell: Teller) -> int:
    """Find what differs under one snapshot, and commit it; return the deposits looked at."""
    connection.execution_options(isolation_level="REPEATABLE READ")
    tell.line("recomputing from events and transfers")
    deposits = find_differences(connection, authority_id=authority_id)
    connection.commit()
    connection.execution_options(isolation_level="READ COMMITTED")
    return deposits
