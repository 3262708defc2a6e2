"""Removing letters that were sent or given up 35 days ago, and those nobody sent while they were good for anything.

Another one that waits stays, however old. Where no letters are sent at all nobody gives one up, and it would keep the
address of somebody who is erased.
"""

import datetime

from sqlalchemy import Connection, text

KEPT_FOR = datetime.timedelta(days=35)
USELESS_FOR = datetime.timedelta(days=1)
MOST_AT_ONCE = 1000

# Said again outside: somebody may just have had it tried again.
IS_OVER = """(sent_at < :before OR given_up_at < :before
               OR (good_until < :useless AND sent_at IS NULL AND given_up_at IS NULL))"""
PRUNE = text(f"""
    DELETE FROM outbox
     WHERE authority_id = :authority_id AND {IS_OVER}
       AND message_id = ANY(ARRAY(SELECT message_id FROM outbox WHERE authority_id = :authority_id AND {IS_OVER}
                                   ORDER BY message_id LIMIT {MOST_AT_ONCE}))
""")


def prune_letters(connection: Connection, *, authority_id: int, now: datetime.datetime) -> int:
    """Remove up to ``MOST_AT_ONCE`` letters; return how many. Safe at once; call until none is left."""
    values = {"authority_id": authority_id, "before": now - KEPT_FOR, "useless": now - USELESS_FOR}
    return connection.execute(PRUNE, values).rowcount
