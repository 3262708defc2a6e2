"""Deciding about a dispute, once: rejected for a reason, or accepted by asking for a correction."""

import datetime
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.disputes.refusals import DisputeDecidedError, DisputeUnknownError, RemedyImpossibleError
from rewards.errors import OperatorRefusedError

DECIDE = text("""
    UPDATE disputes SET state = :state, decided_by = :decided_by, decided_at = :now, refusal = :refusal,
           answer = :answer, correction_id = :correction_id
     WHERE authority_id = :authority_id AND dispute_id = :dispute_id AND state = 'open'
""")
FIND = text("SELECT transfer_id, state FROM disputes WHERE authority_id = :authority_id AND dispute_id = :dispute_id")


def accept_dispute(
    connection: Connection,
    dispute_id: UUID,
    remedy: Callable[..., UUID],
    *,
    authority_id: int,
    reason: str,
    note: str,
    answer: str,
    decided_by: str,
    agent_id: UUID | None = None,
    now: datetime.datetime,
) -> UUID:
    """Accept a dispute by asking for a correction of the transfer it is about; return the correction's id.

    ``remedy`` is one of ``rewards/corrections/requesting.py`` that knows ``reason``: that the credit be taken back,
    that expired points be given back, or (with its ``points`` bound) that missing ones be credited. ``answer`` is told
    to the citizen, ``note`` to whoever approves. ``agent_id`` is the agent who asks.

    Raises:
        DisputeUnknownError, DisputeDecidedError: there is nothing to decide; the transaction must be rolled back.
        RemedyImpossibleError: the transfer cannot be corrected so; the transaction must be rolled back.
    """
    named = {"authority_id": authority_id, "dispute_id": dispute_id}
    found = connection.execute(FIND, named).one_or_none()
    if found is None:
        raise DisputeUnknownError
    if found.state != "open":
        raise DisputeDecidedError
    asked = {"requested_by": decided_by, "requested_by_agent_id": agent_id, "now": now}
    try:
        correction_id = remedy(
            connection, found.transfer_id, authority_id=authority_id, reason=reason, note=note, **asked
        )
    except OperatorRefusedError as refusal:
        raise RemedyImpossibleError from refusal
    said = {"state": "accepted", "refusal": None, "answer": answer, "correction_id": correction_id}
    decide(connection, {**named, **said, "decided_by": decided_by, "now": now})
    return correction_id


def reject_dispute(
    connection: Connection,
    dispute_id: UUID,
    *,
    authority_id: int,
    refusal: str,
    answer: str,
    decided_by: str,
    now: datetime.datetime,
) -> None:
    """Leave the movement as it is, for one of ``DISPUTE_REFUSALS``; both are told to the citizen, who may ask again.

    Raises:
        DisputeUnknownError, DisputeDecidedError: nothing was changed.
    """
    named = {"authority_id": authority_id, "dispute_id": dispute_id}
    said = {"state": "rejected", "refusal": refusal, "answer": answer, "correction_id": None}
    decide(connection, {**named, **said, "decided_by": decided_by, "now": now})


def decide(connection: Connection, decision: dict[str, object]) -> None:
    """Decide, once: of two agents at it the second is refused, and what they asked for is rolled back."""
    if connection.execute(DECIDE, decision).rowcount == 1:
        return
    raise DisputeUnknownError if connection.execute(FIND, decision).first() is None else DisputeDecidedError
