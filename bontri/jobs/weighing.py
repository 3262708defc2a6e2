"""The job that weighs collection rounds, and raises the alarm where what was weighed is not what was counted."""

from sqlalchemy import Engine

from ingest.worker import utc_now
from rewards.mass_balance import watch_balances, weigh_rounds
from rewards.territory import get_timezone


def weigh_rounds_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Compute what is new of the rounds, some bins a transaction; then look at all balances. Goes on where it broke."""
    rounds, after, is_done = 0, None, False
    while not is_done:
        with engine.begin() as connection:
            computed, after = weigh_rounds(connection, authority_id=authority_id, now=utc_now(), after=after)
        rounds, is_done = rounds + computed, after is None
    with engine.begin() as connection:
        now = utc_now()
        today = now.astimezone(get_timezone(connection, authority_id=authority_id)).date()
        raised, ended = watch_balances(connection, authority_id=authority_id, today=today, now=now)
    return {"rounds": rounds, "alarms_raised": raised, "alarms_ended": ended}
