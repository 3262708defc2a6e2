"""Taking a redemption back for the authority by two agents: one asks, another decides; approval moves the points.

Whoever asked may reject, not approve; statement and CHECK say so by the agents' ids.
"""

import datetime
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import IntegrityError

from rewards.corrections.refusals import SecondPersonRequiredError
from rewards.errors import violates
from rewards.ids import new_id
from rewards.vouchers.refusals import (
    ReversalAlreadyAskedError,
    ReversalDecidedError,
    ReversalUnknownError,
    VoucherNotRedeemedError,
    VoucherUnknownError,
)
from rewards.vouchers.reversing import ReversalReason, reverse_redemption

ReversalState = Literal["requested", "approved", "rejected"]

ASK = text("""
    INSERT INTO redemption_reversals (authority_id, reversal_id, voucher_id, reason, note, state, requested_by,
                                      requested_by_agent_id, requested_at)
    SELECT authority_id, CAST(:reversal_id AS uuid), voucher_id, :reason, :note, 'requested', :requested_by,
           CAST(:agent_id AS uuid), :now
      FROM vouchers
     WHERE authority_id = :authority_id AND voucher_id = :voucher_id AND status = 'redeemed'
""")
FIND_VOUCHER = text("SELECT status FROM vouchers WHERE authority_id = :authority_id AND voucher_id = :voucher_id")
DECIDE = text("""
    UPDATE redemption_reversals
       SET state = :state, decided_by = :decided_by, decided_by_agent_id = CAST(:agent_id AS uuid), decided_at = :now
     WHERE authority_id = :authority_id AND reversal_id = :reversal_id AND state = 'requested'
       AND (:state = 'rejected' OR requested_by_agent_id <> CAST(:agent_id AS uuid))
    RETURNING voucher_id, reason
""")
LIST = text("""
    SELECT r.reversal_id, r.voucher_id, v.price_points AS points, r.reason, r.note, r.state, r.requested_by,
           r.requested_at, r.decided_by, r.decided_at
      FROM redemption_reversals r
      JOIN vouchers v ON v.authority_id = r.authority_id AND v.voucher_id = r.voucher_id
     WHERE r.authority_id = :authority_id AND (:with_decided OR r.state = 'requested')
       AND (CAST(:reversal_id AS uuid) IS NULL OR r.reversal_id = CAST(:reversal_id AS uuid))
       AND (CAST(:after AS uuid) IS NULL OR r.reversal_id < CAST(:after AS uuid))
     ORDER BY r.reversal_id DESC
     LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class RedemptionReversal:
    """A redemption of ``points`` that one agent asked to take back, and what another made of it."""

    reversal_id: UUID
    voucher_id: UUID
    points: int
    reason: str
    note: str
    state: ReversalState
    requested_by: str
    requested_at: datetime.datetime
    decided_by: str | None
    decided_at: datetime.datetime | None


def ask_for_reversal(
    connection: Connection,
    voucher_id: UUID,
    *,
    authority_id: int,
    reason: ReversalReason,
    note: str,
    requested_by: str,
    agent_id: UUID,
    now: datetime.datetime,
) -> UUID:
    """Ask that a redemption be taken back; return the id to decide by. ``note`` (1 to 500 characters) is for agents.

    Raises:
        VoucherUnknownError, VoucherNotRedeemedError: there is nothing to take back.
        ReversalAlreadyAskedError: it was asked for before and not rejected; the transaction must be rolled back.
    """
    reversal_id = new_id()
    values = {
        "authority_id": authority_id,
        "reversal_id": reversal_id,
        "voucher_id": voucher_id,
        "reason": reason,
        "note": note,
        "requested_by": requested_by,
        "agent_id": agent_id,
        "now": now,
    }
    try:
        asked = connection.execute(ASK, values).rowcount == 1
    except IntegrityError as error:
        if violates(error, "uq_redemption_reversals_voucher"):
            raise ReversalAlreadyAskedError from error
        raise
    if not asked:
        known = connection.execute(FIND_VOUCHER, values).first()
        raise VoucherUnknownError if known is None else VoucherNotRedeemedError
    return reversal_id


def approve_reversal(
    connection: Connection,
    reversal_id: UUID,
    *,
    authority_id: int,
    decided_by: str,
    agent_id: UUID,
    now: datetime.datetime,
) -> None:
    """Take the redemption back that another agent asked for: the points are the citizen's again.

    Raises:
        ReversalUnknownError, ReversalDecidedError, SecondPersonRequiredError: in this order; nothing was changed.
        VoucherNotRedeemedError, OverdraftError: the shop has taken it back meanwhile, or the points are not where they
            were paid to; the transaction must be rolled back.
    """
    tenant: dict[str, Any] = {"authority_id": authority_id, "now": now}
    asked = decide(connection, reversal_id, "approved", **tenant, decided_by=decided_by, agent_id=agent_id)
    reverse_redemption(connection, asked.voucher_id, **tenant, reason=asked.reason, reversed_by=decided_by)


def reject_reversal(
    connection: Connection,
    reversal_id: UUID,
    *,
    authority_id: int,
    decided_by: str,
    agent_id: UUID,
    now: datetime.datetime,
) -> None:
    """Leave the redemption as it is; it can be asked for again. Whoever asked may reject too.

    Raises:
        ReversalUnknownError, ReversalDecidedError: nothing was changed.
    """
    tenant: dict[str, Any] = {"authority_id": authority_id, "now": now}
    decide(connection, reversal_id, "rejected", **tenant, decided_by=decided_by, agent_id=agent_id)


def decide(
    connection: Connection,
    reversal_id: UUID,
    state: Literal["approved", "rejected"],
    *,
    authority_id: int,
    decided_by: str,
    agent_id: UUID,
    now: datetime.datetime,
) -> Row[Any]:
    """Decide, once; return voucher and reason."""
    values = {"authority_id": authority_id, "reversal_id": reversal_id, "state": state}
    values |= {"decided_by": decided_by, "agent_id": agent_id, "now": now}
    decided = connection.execute(DECIDE, values).one_or_none()
    if decided is not None:
        return decided
    found = get_reversal(connection, reversal_id, authority_id=authority_id)
    raise ReversalDecidedError if found.state != "requested" else SecondPersonRequiredError(decided_by)


def list_reversals(
    connection: Connection,
    *,
    authority_id: int,
    with_decided: bool = False,
    reversal_id: UUID | None = None,
    after: tuple[UUID] | None = None,
    limit: int = 100,
) -> list[RedemptionReversal]:
    """List what agents asked to take back, newest first: what is open, or all, or one; behind the id of ``after``."""
    values = {"authority_id": authority_id, "with_decided": with_decided, "reversal_id": reversal_id, "limit": limit}
    rows = connection.execute(LIST, {**values, "after": after[0] if after else None})
    return [RedemptionReversal(*row) for row in rows]


def get_reversal(connection: Connection, reversal_id: UUID, *, authority_id: int) -> RedemptionReversal:
    """Return what an agent asked to take back, whatever was decided; raises ``ReversalUnknownError``."""
    found = list_reversals(connection, authority_id=authority_id, with_decided=True, reversal_id=reversal_id)
    if not found:
        raise ReversalUnknownError
    return found[0]
