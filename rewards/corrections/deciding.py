"""Deciding about a correction: one guarded update says who decides, and an approval moves the points back.

Taken are the points of the very lot first, then of the wallet's others that can still be spent, soonest to expire
first. What a voucher holds is not taken: its offer was accepted in good faith.
"""

import datetime
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, Row, text

from rewards.corrections.refusals import (
    CorrectionDecidedError,
    CorrectionUnknownError,
    SecondPersonRequiredError,
)
from rewards.ledger import Transfer, open_authority_account, record_transfers
from rewards.wallets import find_wallet_of_lot, lock_lots, take_from_lots

# A person may take their own request back, but not approve it.
DECIDE = text("""
    UPDATE corrections SET state = :state, decided_by = :decided_by, decided_at = :now
     WHERE authority_id = :authority_id AND correction_id = :correction_id AND state = 'requested'
       AND (:state = 'rejected' OR requested_by <> :decided_by)
    RETURNING transfer_id
""")
FIND = text("SELECT state FROM corrections WHERE authority_id = :authority_id AND correction_id = :correction_id")
GET_TRANSFER = text("""
    SELECT debit_account_id, credit_account_id, points FROM transfers
     WHERE authority_id = :authority_id AND transfer_id = :transfer_id
""")
NOTE_POINTS = text("""
    UPDATE corrections SET taken_points = :taken_points, lost_points = :lost_points
     WHERE authority_id = :authority_id AND correction_id = :correction_id
""")


@dataclass(frozen=True, slots=True)
class Corrected:
    """What an approval came to: points back from the wallet, and those spent before, which are the authority's loss."""

    taken_points: int
    lost_points: int


def approve_correction(
    connection: Connection, correction_id: UUID, *, authority_id: int, decided_by: str, now: datetime.datetime
) -> Corrected:
    """Take the points back to the account they came from.

    Raises:
        CorrectionUnknownError, CorrectionDecidedError, SecondPersonRequiredError: in this order; nothing was changed.
    """
    transfer_id = decide(
        connection, correction_id, "approved", authority_id=authority_id, decided_by=decided_by, now=now
    )
    credit = connection.execute(GET_TRANSFER, {"authority_id": authority_id, "transfer_id": transfer_id}).one()
    taken = take_back(connection, credit, authority_id=authority_id, now=now)
    taken_points = sum(points for _, points in taken)
    lost_points = credit.points - taken_points
    if lost_points:
        taken.append((open_authority_account(connection, "loss", authority_id=authority_id, now=now), lost_points))
    transfers = [
        Transfer(account_id, credit.debit_account_id, points, reason="reversal", cause_id=correction_id)
        for account_id, points in taken
    ]
    record_transfers(connection, transfers, authority_id=authority_id, now=now)
    corrected = Corrected(taken_points, lost_points)
    connection.execute(
        NOTE_POINTS,
        {
            "authority_id": authority_id,
            "correction_id": correction_id,
            "taken_points": taken_points,
            "lost_points": lost_points,
        },
    )
    return corrected


def reject_correction(
    connection: Connection, correction_id: UUID, *, authority_id: int, decided_by: str, now: datetime.datetime
) -> None:
    """Leave the credit as it is; it can be asked for again. Whoever asked may reject too.

    Raises:
        CorrectionUnknownError, CorrectionDecidedError: nothing was changed.
    """
    decide(connection, correction_id, "rejected", authority_id=authority_id, decided_by=decided_by, now=now)


def decide(
    connection: Connection,
    correction_id: UUID,
    state: Literal["approved", "rejected"],
    *,
    authority_id: int,
    decided_by: str,
    now: datetime.datetime,
) -> UUID:
    """Decide, once; return the transfer it is about."""
    values = {
        "authority_id": authority_id,
        "correction_id": correction_id,
        "state": state,
        "decided_by": decided_by,
        "now": now,
    }
    transfer_id: UUID | None = connection.scalar(DECIDE, values)
    if transfer_id is not None:
        return transfer_id
    found = connection.execute(FIND, values).one_or_none()
    if found is None:
        raise CorrectionUnknownError(correction_id)
    if found.state != "requested":
        raise CorrectionDecidedError(correction_id, found.state)
    raise SecondPersonRequiredError(decided_by)


def take_back(
    connection: Connection, credit: Row[Any], *, authority_id: int, now: datetime.datetime
) -> list[tuple[UUID, int]]:
    """Lock what the points can come from, and return (account, points): less than the credit where they were spent."""
    wallet_id = find_wallet_of_lot(connection, credit.credit_account_id, authority_id=authority_id)
    if wallet_id is None:
        # Retention or erasure has cut the link: nobody's points are left to take.
        return []
    lots = lock_lots(
        connection, authority_id=authority_id, wallet_id=wallet_id, paid_to=credit.debit_account_id, now=now
    )
    own_first = sorted(lots, key=lambda lot: lot.account_id != credit.credit_account_id)
    return take_from_lots(own_first, credit.points)
