"""Deciding about a credit in review: one guarded update says who decides, and the pending transfer is ended.

One person is enough: nothing is taken that could be spent. What was approved wrongly can still be corrected by two.
"""

import datetime
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.corrections.requesting import CorrectionReason
from rewards.expiry import begin_grace
from rewards.ledger import end_pending_transfers, lock_pending_credits
from rewards.reviews.refusals import ReviewDecidedError, ReviewUnknownError

DECIDE = text("""
    UPDATE reviews SET state = :state, decided_by = :decided_by, decided_at = :now, reason = :reason, note = :note
     WHERE authority_id = :authority_id AND transfer_id = :transfer_id AND state = 'open'
""")
FIND = text("SELECT state FROM reviews WHERE authority_id = :authority_id AND transfer_id = :transfer_id")


def approve_review(
    connection: Connection, transfer_id: UUID, *, authority_id: int, decided_by: str, now: datetime.datetime
) -> int:
    """Post a pending credit; return its points.

    Raises:
        ReviewUnknownError, ReviewDecidedError: nothing was changed.
    """
    decide(connection, transfer_id, "approved", authority_id=authority_id, decided_by=decided_by, now=now)
    return end_reviewed(connection, [transfer_id], authority_id=authority_id, phase="post", now=now)


def reject_review(
    connection: Connection,
    transfer_id: UUID,
    *,
    authority_id: int,
    reason: CorrectionReason,
    note: str,
    decided_by: str,
    now: datetime.datetime,
) -> int:
    """Void a pending credit; return the points that are not given. Caps and budgets stay used.

    ``reason`` is told to the citizen, ``note`` (1 to 500 characters) to the authority's people only.

    Raises:
        ReviewUnknownError, ReviewDecidedError: nothing was changed.
    """
    decide(
        connection,
        transfer_id,
        "rejected",
        authority_id=authority_id,
        decided_by=decided_by,
        now=now,
        reason=reason,
        note=note,
    )
    return end_reviewed(connection, [transfer_id], authority_id=authority_id, phase="void", now=now)


def decide(
    connection: Connection,
    transfer_id: UUID,
    state: Literal["approved", "rejected"],
    *,
    authority_id: int,
    decided_by: str,
    now: datetime.datetime,
    reason: CorrectionReason | None = None,
    note: str | None = None,
) -> None:
    """Decide, once."""
    values = {"authority_id": authority_id, "transfer_id": transfer_id}
    said = {"state": state, "decided_by": decided_by, "now": now, "reason": reason, "note": note}
    if connection.execute(DECIDE, {**values, **said}).rowcount == 1:
        return
    found = connection.scalar(FIND, values)
    if found is None:
        raise ReviewUnknownError(transfer_id)
    raise ReviewDecidedError(transfer_id, found)


def end_reviewed(
    connection: Connection,
    transfer_ids: Sequence[UUID],
    *,
    authority_id: int,
    phase: Literal["post", "void"],
    now: datetime.datetime,
) -> int:
    """Post or void pending credits that the caller has decided about in the same transaction; return their points.

    What comes into a lot that has expired meanwhile can be spent for a while longer.
    """
    pending = lock_pending_credits(connection, transfer_ids, authority_id=authority_id)
    if phase == "post":
        lots = [transfer.credit_account_id for transfer in pending]
        begin_grace(connection, lots, authority_id=authority_id, now=now)
    end_pending_transfers(connection, pending, authority_id=authority_id, phase=phase, now=now)
    return sum(transfer.points for transfer in pending)
