"""Removing what has been in quarantine for 35 days. That a number was refused, and why, stays for ever."""

import datetime

from sqlalchemy import Connection, text

from rewards.arrays import Columns

KEPT_FOR = datetime.timedelta(days=35)
MOST_AT_ONCE = 1000

DIGESTS = Columns(message_digest="bytea")
# Messages are locked before their events, as those who store do: neither waits for the other in a circle.
CHOOSE = text(f"""
    SELECT message_digest FROM quarantined_messages
     WHERE authority_id = :authority_id AND last_received_at < :before AND message_digest > :after
     ORDER BY message_digest LIMIT {MOST_AT_ONCE} FOR UPDATE SKIP LOCKED
""")
# In the order of the key, as those who store go through them.
LOCK_EVENTS = text(f"""
    SELECT e.seq FROM {DIGESTS.unnest("t")}
      JOIN quarantined_events e ON e.authority_id = :authority_id AND e.message_digest = t.message_digest
     ORDER BY e.journal_no, e.seq, e.content_digest FOR UPDATE OF e
""")
CUT_EVENTS = text(f"""
    UPDATE quarantined_events e SET message_digest = NULL, detail = '' FROM {DIGESTS.unnest("t")}
     WHERE e.authority_id = :authority_id AND e.message_digest = t.message_digest
""")
DELETE_MESSAGES = text(f"""
    DELETE FROM quarantined_messages q USING {DIGESTS.unnest("t")}
     WHERE q.authority_id = :authority_id AND q.message_digest = t.message_digest
""")
COUNT_DUE = text("""
    SELECT count(*) FROM quarantined_messages WHERE authority_id = :authority_id AND last_received_at < :before
""")
DELETE_OVERFLOWS = text("DELETE FROM quarantine_overflows WHERE authority_id = :authority_id AND day < :before")


def count_due(connection: Connection, *, authority_id: int, now: datetime.datetime) -> int:
    """Count the messages that pruning would remove."""
    return int(connection.scalar(COUNT_DUE, {"authority_id": authority_id, "before": now - KEPT_FOR}) or 0)


def prune_messages(
    connection: Connection, *, authority_id: int, now: datetime.datetime, after: bytes = b""
) -> list[bytes]:
    """Remove the next messages last received 35 days ago, by id; return the ids removed.

    Go on with ``after`` the last of them, in a transaction of its own, until none is returned. Refused events keep
    number, content digest and code, so that every number stays accounted for, and lose their message and detail.
    """
    parameters = {"authority_id": authority_id, "before": now - KEPT_FOR, "after": after}
    digests = [bytes(digest) for digest in connection.scalars(CHOOSE, parameters)]
    if digests:
        chosen = {"authority_id": authority_id, **DIGESTS.bind(message_digest=digests)}
        connection.execute(LOCK_EVENTS, chosen)
        connection.execute(CUT_EVENTS, chosen)
        connection.execute(DELETE_MESSAGES, chosen)
    return digests


def prune_overflows(connection: Connection, *, authority_id: int, now: datetime.datetime) -> int:
    """Remove the counters of days more than 35 days ago; return how many."""
    before = (now - KEPT_FOR).astimezone(datetime.UTC).date()
    return connection.execute(DELETE_OVERFLOWS, {"authority_id": authority_id, "before": before}).rowcount
