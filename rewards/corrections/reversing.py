"""Taking a wrong credit back.

Taken are the points of the very lot first: those that can still be spent, then those that expired in it unspent. Then
of the wallet's others that can be spent, soonest to expire first. What a voucher holds is not taken: its offer was
accepted in good faith.
"""

import datetime
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from rewards.corrections.expired import count_expired
from rewards.expiry import sweep_late
from rewards.ledger import Transfer, open_authority_account, record_transfers
from rewards.wallets import hold_wallet_of_lot, lock_lots, take_from_lots

GET_CREDIT = text("""
    SELECT debit_account_id, credit_account_id, points FROM transfers
     WHERE authority_id = :authority_id AND transfer_id = :transfer_id
""")
NOTE_POINTS = text("""
    UPDATE corrections SET taken_points = :taken, expired_points = :expired, lost_points = :lost
     WHERE authority_id = :authority_id AND correction_id = :correction_id
""")


@dataclass(frozen=True, slots=True)
class Corrected:
    """What taking a credit back came to: points from the wallet, and those spent before, the authority's loss.

    ``expired_points`` had expired unspent: nobody loses them.
    """

    taken_points: int
    lost_points: int
    expired_points: int = 0


def take_credit_back(
    connection: Connection, correction_id: UUID, transfer_id: UUID, *, authority_id: int, now: datetime.datetime
) -> Corrected:
    """Take a credit's points back to the account they came from; the caller has decided so."""
    credit = connection.execute(GET_CREDIT, {"authority_id": authority_id, "transfer_id": transfer_id}).one()
    taken, expired_points = take_back(connection, credit, authority_id=authority_id, now=now)
    taken_points = sum(points for _, points in taken)
    lost_points = credit.points - taken_points - expired_points
    if expired_points:
        taken.append(
            (open_authority_account(connection, "expired", authority_id=authority_id, now=now), expired_points)
        )
    if lost_points:
        taken.append((open_authority_account(connection, "loss", authority_id=authority_id, now=now), lost_points))
    transfers = [
        Transfer(account_id, credit.debit_account_id, points, reason="reversal", cause_id=correction_id)
        for account_id, points in taken
    ]
    record_transfers(connection, transfers, authority_id=authority_id, now=now)
    amounts = {"taken": taken_points, "expired": expired_points, "lost": lost_points}
    connection.execute(NOTE_POINTS, {"authority_id": authority_id, "correction_id": correction_id, **amounts})
    return Corrected(taken_points, lost_points, expired_points)


def take_back(
    connection: Connection, credit: Row[Any], *, authority_id: int, now: datetime.datetime
) -> tuple[list[tuple[UUID, int]], int]:
    """Lock what the points can come from; return (account, points) of lots, and points that had expired.

    Less than the credit in all where they were spent.
    """
    lot = credit.credit_account_id
    wallet_id = hold_wallet_of_lot(connection, lot, authority_id=authority_id)
    if wallet_id is None:
        # Retention or erasure has cut the link: nobody's points are left to take.
        return [], 0
    lots = lock_lots(
        connection, authority_id=authority_id, wallet_id=wallet_id, paid_to=credit.debit_account_id, now=now
    )
    # Where the job has not been yet, else the others would pay for what is about to expire too.
    sweep_late(connection, [lot], authority_id=authority_id, now=now)
    taken = take_from_lots([each for each in lots if each.account_id == lot], credit.points)
    left = credit.points - sum(points for _, points in taken)
    expired_points = min(left, count_expired(connection, lot, authority_id=authority_id))
    taken += take_from_lots([each for each in lots if each.account_id != lot], left - expired_points)
    return taken, expired_points
