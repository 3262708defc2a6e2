"""Deciding about a correction: one guarded update says who decides, and an approval moves the points."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.corrections.crediting import Granted, grant_missing
from rewards.corrections.refusals import (
    CorrectionDecidedError,
    CorrectionUnknownError,
    SecondPersonRequiredError,
)
from rewards.corrections.reinstating import Reinstated, give_back_expired
from rewards.corrections.reversing import Corrected, take_credit_back

# A person may take their own request back, but not approve it.
DECIDE = text("""
    UPDATE corrections SET state = :state, decided_by = :decided_by, decided_at = :now, decided_by_agent_id = :agent_id
     WHERE authority_id = :authority_id AND correction_id = :correction_id AND state = 'requested'
       AND (:state = 'rejected'
            OR (requested_by <> :decided_by AND coalesce(requested_by_agent_id <> CAST(:agent_id AS uuid), true)))
    RETURNING kind, transfer_id
""")
FIND = text("SELECT state FROM corrections WHERE authority_id = :authority_id AND correction_id = :correction_id")


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about."""

    kind: Literal["reversal", "reinstatement", "credit"]
    transfer_id: UUID


def approve_correction(
    connection: Connection,
    correction_id: UUID,
    *,
    authority_id: int,
    decided_by: str,
    agent_id: UUID | None = None,
    now: datetime.datetime,
) -> Corrected | Reinstated | Granted:
    """Take a credit's points back to the account they came from, give expired ones back, or credit missing ones.

    Raises:
        CorrectionUnknownError, CorrectionDecidedError, SecondPersonRequiredError: in this order; nothing was changed.
        LotWithoutWalletError, ExpiredPointsCorrectedError: points cannot be given, or not any more; the transaction
            must be rolled back.
    """
    decided = decide(
        connection,
        correction_id,
        "approved",
        authority_id=authority_id,
        decided_by=decided_by,
        agent_id=agent_id,
        now=now,
    )
    moves: dict[str, Callable[..., Corrected | Reinstated | Granted]] = {
        "reversal": take_credit_back,
        "reinstatement": give_back_expired,
        "credit": grant_missing,
    }
    return moves[decided.kind](connection, correction_id, decided.transfer_id, authority_id=authority_id, now=now)


def reject_correction(
    connection: Connection,
    correction_id: UUID,
    *,
    authority_id: int,
    decided_by: str,
    agent_id: UUID | None = None,
    now: datetime.datetime,
) -> None:
    """Leave the points where they are; it can be asked for again. Whoever asked may reject too.

    Raises:
        CorrectionUnknownError, CorrectionDecidedError: nothing was changed.
    """
    decide(
        connection,
        correction_id,
        "rejected",
        authority_id=authority_id,
        decided_by=decided_by,
        agent_id=agent_id,
        now=now,
    )


def decide(
    connection: Connection,
    correction_id: UUID,
    state: Literal["approved", "rejected"],
    *,
    authority_id: int,
    decided_by: str,
    agent_id: UUID | None,
    now: datetime.datetime,
) -> Decided:
    """Decide, once; return what it is about."""
    values = {
        "authority_id": authority_id,
        "correction_id": correction_id,
        "state": state,
        "decided_by": decided_by,
        "agent_id": agent_id,
        "now": now,
    }
    decided = connection.execute(DECIDE, values).one_or_none()
    if decided is not None:
        return Decided(*decided)
    found = connection.execute(FIND, values).one_or_none()
    if found is None:
        raise CorrectionUnknownError(correction_id)
    if found.state != "requested":
        raise CorrectionDecidedError(correction_id, found.state)
    raise SecondPersonRequiredError(decided_by)
