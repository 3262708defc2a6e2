"""Removing letters that were sent or given up 35 days ago. One that waits stays, however old."""

import datetime

from sqlalchemy import Connection, text

KEPT_FOR = datetime.timedelta(days=35)
MOST_AT_ONCE = 1000

# Said again outside: somebody may just have had it tried again.
IS_OVER = "(sent_at < :before OR given_up_at < :before)"
PRUNE = text(f"""
    DELETE FROM outbox
     WHERE authority_id = :authority_id AND {IS_OVER}
       AND message_id = ANY(ARRAY(SELECT message_id FROM outbox WHERE authority_id = :authority_id AND {IS_OVER}
                                   ORDER BY message_id LIMIT {MOST_AT_ONCE}))
""")


def prune_letters(connection: Connection, *, authority_id: int, now: datetime.datetime) -> int:
    """Remove up to ``MOST_AT_ONCE`` letters; return how many. Safe at once; call until none is left."""
    return connection.execute(PRUNE, {"authority_id": authority_id, "before": now - KEPT_FOR}).rowcount
