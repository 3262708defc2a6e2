"""Credits nobody has looked at in time post themselves: a doubt that nobody follows up costs the citizen nothing."""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.reviews.deciding import end_reviewed

BATCH_REVIEWS = 200
"""A batch holds the accounts of its bins, which the ingest wants too, for some 10 ms."""

LOCK_DUE = text("""
    SELECT transfer_id FROM reviews
     WHERE authority_id = :authority_id AND state = 'open' AND due_at <= :now
     ORDER BY due_at, transfer_id LIMIT :limit FOR UPDATE SKIP LOCKED
""")
LAPSE = text("""
    UPDATE reviews SET state = 'lapsed', decided_at = :now
     WHERE authority_id = :authority_id AND transfer_id = ANY(CAST(:transfer_ids AS uuid[])) AND state = 'open'
""")


@dataclass(frozen=True, slots=True)
class Lapsed:
    """What one batch posted."""

    reviews: int
    points: int


def lapse_reviews(
    connection: Connection, *, authority_id: int, now: datetime.datetime, limit: int = BATCH_REVIEWS
) -> Lapsed:
    """Post up to ``limit`` credits whose seven days are over; needs a transaction of its own, committed at once.

    Safe to run twice and at once: reviews another run, or a person, holds are left to it. Call until it posts none.
    """
    due = {"authority_id": authority_id, "now": now, "limit": limit}
    transfer_ids = connection.scalars(LOCK_DUE, due).all()
    if not transfer_ids:
        return Lapsed(0, 0)
    connection.execute(LAPSE, {"authority_id": authority_id, "transfer_ids": list(transfer_ids), "now": now})
    points = end_reviewed(connection, transfer_ids, authority_id=authority_id, phase="post", now=now)
    return Lapsed(len(transfer_ids), points)
