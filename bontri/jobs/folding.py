"""The job that folds whole days of deposits into their months, so that figures over years stay quick."""

from sqlalchemy import Engine

from ingest.worker import utc_now
from rewards.rollups import fold_days
from rewards.territory import get_timezone


def fold_days_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Fold the days that are over, those of one month a transaction."""
    with engine.connect() as connection:
        timezone = get_timezone(connection, authority_id=authority_id)
    days, today = 0, utc_now().astimezone(timezone).date()
    while True:
        with engine.begin() as connection:
            folded = fold_days(connection, authority_id=authority_id, today=today)
        if folded is None:
            return {"days": days}
        days += folded.days
