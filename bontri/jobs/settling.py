"""The job that locks the statements of last month, some days after it ended: what tills send late is in by then."""

from sqlalchemy import Engine

from bontri.settling import find_shops, lock_all
from ingest.worker import utc_now
from rewards.settlement import last_month
from rewards.territory import get_timezone

LOCK_FROM_DAY = 5
"""Of the authority's calendar. Until then a redemption of last month still counts in its own month, and a mistake taken
back is on no statement at all."""

LOCKED_BY = "lock-statements"


def lock_statements_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Lock the statements of last month that are not locked yet, a transaction each; nothing before its day."""
    with engine.connect() as connection:
        timezone = get_timezone(connection, authority_id=authority_id)
    today = utc_now().astimezone(timezone).date()
    if today.day < LOCK_FROM_DAY:
        return {"statements": 0}
    month = last_month(today)
    shops = find_shops(engine, month, authority_id=authority_id)
    return {"statements": sum(lock_all(engine, shops, month, authority_id=authority_id, locked_by=LOCKED_BY))}
