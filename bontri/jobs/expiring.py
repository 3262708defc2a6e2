"""The jobs that end what is over, for one authority: vouchers, points, goals; and the one that warns before."""

from collections import Counter
from collections.abc import Callable, Mapping
from uuid import UUID

import structlog
from sqlalchemy import Engine

from ingest.worker import describe_fault, utc_now
from rewards.database import DatabaseRole, engine_of_tenant
from rewards.expiry import expire_points, first_position, note_expired
from rewards.expiry_warnings import warn_of_expiry
from rewards.fleet.owners import list_authorities
from rewards.goals import close_if_running, give_back, list_ended_goals
from rewards.vouchers import expire_vouchers

log = structlog.get_logger(__name__)

MOST_PASSES = 3
"""Lots that a redemption held are visited again; who holds one for so long is left to the next run."""


def for_all(engine: Engine, work: Callable[[Engine, int], Mapping[str, int]], *, role: DatabaseRole) -> Counter[str]:
    """Do a job for every authority on the database of ``engine``; return the sums of what it came to.

    What goes wrong with one authority is raised when all had their turn; of several the first.
    """
    with engine.connect() as connection:
        owners = list_authorities(connection)
    total: Counter[str] = Counter()
    faults: list[Exception] = []
    for owner in owners:
        try:
            with engine_of_tenant(engine.url, role=role, authority_id=owner.authority_id) as of_one:
                total.update(work(of_one, owner.authority_id))
        except Exception as fault:  # noqa: BLE001 (a top: one authority must not stop the others)
            log.error("job_failed", authority_id=owner.authority_id, **describe_fault(fault))
            faults.append(fault)
    if faults:
        raise faults[0]
    return total


def expire_vouchers_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Expire every voucher that is due, a bounded transaction at a time."""
    expired, done = 0, -1
    while done:
        with engine.begin() as connection:
            done = expire_vouchers(connection, authority_id=authority_id, now=utc_now())
        expired += done
    return {"vouchers": expired}


def expire_points_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Expire the points of every lot that is due, a small batch at a time."""
    lots = points = 0
    for _ in range(MOST_PASSES):
        with engine.connect() as connection:
            position = first_position(connection, authority_id=authority_id)
        while True:
            with engine.begin() as connection:
                swept = expire_points(connection, authority_id=authority_id, now=utc_now(), after=position)
            lots, points = lots + swept.lots, points + swept.points
            if swept.position is None:
                break
            position = swept.position
        with engine.begin() as connection:
            if note_expired(connection, authority_id=authority_id, now=utc_now()):
                break
    return {"lots": lots, "points": points}


def close_goals_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Close every goal whose time is over, one a transaction; then give back what was given to missed ones."""
    goals = donations = 0
    while ended := list_ended_goals_of(engine, authority_id):
        for goal_id in ended:
            with engine.begin() as connection:
                goals += close_if_running(connection, goal_id, authority_id=authority_id, now=utc_now()) is not None
    returned: int | None = 0
    while returned is not None:
        donations += returned
        with engine.begin() as connection:
            returned = give_back(connection, authority_id=authority_id, now=utc_now())
    return {"goals": goals, "donations": donations}


def list_ended_goals_of(engine: Engine, authority_id: int) -> list[UUID]:
    """List goals to be closed; whoever else closes one is waited for, so that each list is another."""
    with engine.connect() as connection:
        return list_ended_goals(connection, authority_id=authority_id, now=utc_now())


def warn_of_expiry_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Warn every wallet whose points expire soon, a bounded transaction at a time."""
    total: Counter[str] = Counter({"wallets": 0, "letters": 0})
    while True:
        with engine.begin() as connection:
            wallets, letters = warn_of_expiry(connection, authority_id=authority_id, now=utc_now())
        if not wallets:
            return dict(total)
        total.update({"wallets": wallets, "letters": letters})
