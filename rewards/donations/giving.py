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
from rewards.wallets import WALLETS_OF, Lot, lock_lots, pay_from_lots

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


LIST_OWN = text(f"""
    SELECT d.donation_id, d.to_cause_id, d.to_goal_id, d.points, d.donated_at, d.returned_at,
           coalesce(c.name, g.title) AS receiver
      FROM donations d
      LEFT JOIN causes c ON c.authority_id = d.authority_id AND c.cause_id = d.to_cause_id
      LEFT JOIN goals g ON g.authority_id = d.authority_id AND g.goal_id = d.to_goal_id
     WHERE d.authority_id = :authority_id
       AND d.donation_id IN (SELECT t.cause_id FROM wallet_accounts w
                               JOIN transfers t ON t.authority_id = w.authority_id AND t.debit_account_id = w.account_id
                              WHERE w.authority_id = :authority_id AND w.wallet_id = ANY({WALLETS_OF})
                                AND t.reason = 'donation' AND t.journal_no IS NULL)
       AND (CAST(:before AS uuid) IS NULL OR d.donation_id < :before)
     ORDER BY d.donation_id DESC LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class OwnDonation:
    """A gift as its givers see it; ``returned_at``: the goal was missed, and the points came back."""

    donation_id: UUID
    to_cause_id: UUID | None
    to_goal_id: UUID | None
    points: int
    donated_at: datetime.datetime
    returned_at: datetime.datetime | None
    receiver: str


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


def list_own_donations(
    connection: Connection,
    *,
    authority_id: int,
    wallet_id: UUID,
    after: tuple[UUID] | None = None,
    limit: int = 50,
) -> list[OwnDonation]:
    """List what a wallet gave, newest first, behind the id of ``after``."""
    values = {"authority_id": authority_id, "wallet_id": wallet_id, "limit": limit}
    rows = connection.execute(LIST_OWN, {**values, "before": after[0] if after else None})
    return [OwnDonation(*row) for row in rows]
