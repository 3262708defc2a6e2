"""``bontri quarantine prune``: the job that removes what has been there for 35 days, in bounded transactions."""

import datetime
from collections.abc import Callable

from bontri.quarantine.desk import Desk
from rewards.quarantine import prune_messages, prune_overflows


def prune_quarantine(desk: Desk, *, now: datetime.datetime, on_progress: Callable[[int], object]) -> tuple[int, int]:
    """Prune every authority's quarantine; return how many messages and counters went. Safe to repeat and at once."""
    messages = counters = 0
    for authority_id in desk.holders.values():
        after = b""
        while True:
            with desk.engine.begin() as connection:
                digests = prune_messages(connection, authority_id=authority_id, now=now, after=after)
            if not digests:
                break
            after = digests[-1]
            messages += len(digests)
            on_progress(messages)
        with desk.engine.begin() as connection:
            counters += prune_overflows(connection, authority_id=authority_id, now=now)
    return messages, counters
