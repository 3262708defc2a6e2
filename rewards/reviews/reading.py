"""Showing credits in review: what was dropped where, why it waits, until when. Nothing here changes anything.

Whose it is is not told: who decides judges the deposit, not the person.
"""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.reviews.refusals import ReviewUnknownError

LIST = text("""
    SELECT r.transfer_id, r.rule, r.state, t.points, t.recorded_at, r.due_at, e.bin_id, e.material, e.items, e.mass_g,
           e.occurred_at, r.decided_by, r.decided_at, r.reason, r.note
      FROM reviews r
      JOIN transfers t ON t.authority_id = r.authority_id AND t.transfer_id = r.transfer_id
      JOIN events e ON e.authority_id = t.authority_id AND e.journal_no = t.journal_no AND e.seq = t.seq
     WHERE r.authority_id = :authority_id AND (:with_decided OR r.state = 'open')
       AND (CAST(:transfer_id AS uuid) IS NULL OR r.transfer_id = :transfer_id)
       AND (CAST(:after_due AS timestamptz) IS NULL
            OR (r.due_at, r.transfer_id) > (:after_due, CAST(:after_id AS uuid)))
     ORDER BY r.due_at, r.transfer_id
     LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class ListedReview:
    """A credit of ``points`` that waits, or waited, for a review; named by the transfer that is pending."""

    transfer_id: UUID
    rule: str
    state: str
    points: int
    recorded_at: datetime.datetime
    due_at: datetime.datetime
    bin_id: str
    material: str
    items: int
    mass_g: int | None
    occurred_at: datetime.datetime
    decided_by: str | None
    decided_at: datetime.datetime | None
    reason: str | None
    note: str | None


def list_reviews(
    connection: Connection,
    *,
    authority_id: int,
    with_decided: bool = False,
    transfer_id: UUID | None = None,
    after: tuple[datetime.datetime, UUID] | None = None,
    limit: int = 100,
) -> list[ListedReview]:
    """List credits in review, those that post themselves soonest first: the open ones, or all, or one.

    ``after`` is the (due, transfer) of the last one known.
    """
    due_at, after_id = after or (None, None)
    values = {"authority_id": authority_id, "with_decided": with_decided, "transfer_id": transfer_id, "limit": limit}
    rows = connection.execute(LIST, {**values, "after_due": due_at, "after_id": after_id})
    return [ListedReview(*row) for row in rows]


def get_review(connection: Connection, transfer_id: UUID, *, authority_id: int) -> ListedReview:
    """Return a credit in review, whatever was decided; raises ``ReviewUnknownError``."""
    found = list_reviews(connection, authority_id=authority_id, with_decided=True, transfer_id=transfer_id)
    if not found:
        raise ReviewUnknownError(transfer_id)
    return found[0]
