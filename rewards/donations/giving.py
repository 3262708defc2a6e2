"""Giving points: single transfers from the lots that expire soonest, one a lot, that name the donation.

Whether the receiver takes them is decided by the statement that writes the donation, once the accounts are locked.
To repeat a donation safely is the caller's business, as with a voucher: ``Idempotency-Key`` of the API.
"""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.donations.refusals import CauseNotActiveError, CauseUnknownError, DonationPointsError
from rewards.ids import new_id
from rewards.ledger import Transfer, record_transfers
from rewards.wallets import Lot, lock_lots, pay_from_lots

MOST_POINTS = 1_000_000

FIND_CAUSE = text("SELECT account_id FROM causes WHERE authority_id = :authority_id AND cause_id = :cause_id")
KEEP = text("""
    INSERT INTO donations (authority_id, donation_id, to_cause_id, points, donated_at)
    SELECT authority_id, :donation_id, cause_id, :points, :now FROM causes
     WHERE authority_id = :authority_id AND cause_id = :cause_id AND state = 'active'
""")
GET = text("""
    SELECT donation_id, to_cause_id, to_goal_id, points, donated_at FROM donations
     WHERE authority_id = :authority_id AND donation_id = :donation_id
""")


@dataclass(frozen=True, slots=True)
class Donation:
    """Points given, to a cause or to a goal."""

    donation_id: UUID
    to_cause_id: UUID | None
    to_goal_id: UUID | None
    points: int
    donated_at: datetime.datetime


def donate_to_cause(
    connection: Connection,
    cause_id: UUID,
    *,
    authority_id: int,
    wallet_id: UUID,
    points: int,
    now: datetime.datetime,
) -> UUID:
    """Give points of a wallet to a cause, at once and for good; return the donation's id.

    Raises:
        DonationPointsError: not a whole number from 1 to ``MOST_POINTS``.
        CauseUnknownError, CauseNotActiveError: the cause is not the authority's, or takes none.
        PointsInsufficientError: the lots that have not expired hold less; the transaction must be rolled back.
    """
    require_whole_points(points)
    donation_id = new_id()
    values = {
        "authority_id": authority_id,
        "cause_id": cause_id,
        "donation_id": donation_id,
        "points": points,
        "now": now,
    }
    account_id = connection.scalar(FIND_CAUSE, values)
    if account_id is None:
        raise CauseUnknownError
    lots = lock_lots(connection, authority_id=authority_id, wallet_id=wallet_id, paid_to=account_id, now=now)
    if connection.execute(KEEP, values).rowcount != 1:
        raise CauseNotActiveError
    pay_donation(connection, lots, points, account_id, donation_id=donation_id, authority_id=authority_id, now=now)
    return donation_id


def require_whole_points(points: int) -> None:
    """Raise DonationPointsError unless ``points`` is a whole number one can give."""
    if type(points) is not int or not 1 <= points <= MOST_POINTS:
        raise DonationPointsError


def pay_donation(
    connection: Connection,
    lots: list[Lot],
    points: int,
    account_id: UUID,
    *,
    donation_id: UUID,
    authority_id: int,
    now: datetime.datetime,
) -> None:
    """Move the points of a donation out of locked ``lots`` into the receiver's account, locked too."""
    gifts = [
        Transfer(lot_id, account_id, part, reason="donation", cause_id=donation_id)
        for lot_id, part in pay_from_lots(lots, points)
    ]
    record_transfers(connection, gifts, authority_id=authority_id, now=now)


def get_donation(connection: Connection, donation_id: UUID, *, authority_id: int) -> Donation:
    """Return a donation just made; whose it was is not told."""
    values = {"authority_id": authority_id, "donation_id": donation_id}
    return Donation(*connection.execute(GET, values).one())
