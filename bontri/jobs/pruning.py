"""The jobs that remove what nobody asks for any more: ended orders to bins, old messages in quarantine, old codes,
letters that have left."""

from uuid import UUID

from sqlalchemy import Engine

from ingest.worker import utc_now
from rewards.command_retention import BEFORE_ALL, prune_commands
from rewards.limits import prune_limits
from rewards.outbox import prune_letters
from rewards.quarantine import prune_messages, prune_overflows
from rewards.sign_ins import prune_sign_ins


def prune_commands_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Remove orders that ended 35 days ago."""
    removed, now = 0, utc_now()
    after: UUID | None = BEFORE_ALL
    while after is not None:
        with engine.begin() as connection:
            count, after = prune_commands(connection, authority_id=authority_id, now=now, after=after)
        removed += count
    return {"commands": removed}


def prune_sign_ins_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Remove codes that are good no more, with the addresses of those who did not sign up, and limits that are over."""
    now = utc_now()
    with engine.begin() as connection:
        codes = prune_sign_ins(connection, authority_id=authority_id, now=now)
        limits = prune_limits(connection, authority_id=authority_id, now=now)
    return {"codes": codes, "limits": limits}


def prune_quarantine_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Remove messages last received 35 days ago; numbers and codes stay."""
    messages, after, now = 0, b"", utc_now()
    while True:
        with engine.begin() as connection:
            digests = prune_messages(connection, authority_id=authority_id, now=now, after=after)
        if not digests:
            break
        after = digests[-1]
        messages += len(digests)
    with engine.begin() as connection:
        counters = prune_overflows(connection, authority_id=authority_id, now=now)
    return {"messages": messages, "counters": counters}


def prune_letters_of(engine: Engine, authority_id: int) -> dict[str, int]:
    """Remove letters that were sent or given up 35 days ago."""
    removed, done = 0, -1
    while done:
        with engine.begin() as connection:
            done = prune_letters(connection, authority_id=authority_id, now=utc_now())
        removed += done
    return {"letters": removed}
