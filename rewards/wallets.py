"""Wallets: the balance is the sum of a wallet's lots, and is kept nowhere else.

What happened to a wallet over time is in ``rewards/statements.py``.
"""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.errors import OverdraftError
from rewards.pipelining import fetch_rows

# Lots expire at midnight of the authority's own time zone.
TODAY = """(SELECT CAST(CAST(:now AS timestamptz) AT TIME ZONE timezone AS date)
              FROM authorities WHERE authority_id = :authority_id)"""

WALLETS_OF = """ARRAY(SELECT CAST(:wallet_id AS uuid) UNION ALL
                      SELECT m.wallet_id FROM wallets m
                       WHERE m.authority_id = :authority_id AND m.merged_into = :wallet_id)"""
"""A wallet and those merged into it: whatever lies or comes back in any of their lots is the one wallet's."""

LIST_LOTS = text(f"""
    SELECT a.account_id, a.credits_posted - a.debits_posted - a.debits_pending AS points,
           a.debits_pending AS pending_points, a.expires_on, a.expires_on > {TODAY} AS is_spendable,
           a.credits_pending AS in_review_points
      FROM wallet_accounts w
      JOIN accounts a ON a.authority_id = w.authority_id AND a.account_id = w.account_id
     WHERE w.authority_id = :authority_id AND w.wallet_id = ANY({WALLETS_OF})
     ORDER BY a.expires_on, a.account_id
""")

LIST_SPENDABLE = text(f"""
    SELECT a.account_id, a.credits_posted - a.debits_posted - a.debits_pending AS points,
           a.debits_pending AS pending_points, a.expires_on, true AS is_spendable,
           a.credits_pending AS in_review_points
      FROM wallet_accounts w
      JOIN accounts a ON a.authority_id = w.authority_id AND a.account_id = w.account_id
     WHERE w.authority_id = :authority_id AND w.wallet_id = ANY({WALLETS_OF}) AND a.expires_on > {TODAY}
       AND a.credits_posted - a.debits_posted + a.credits_pending > 0
       AND (CAST(:within_days AS integer) IS NULL OR a.expires_on <= {TODAY} + CAST(:within_days AS integer))
       AND (CAST(:after_day AS date) IS NULL
            OR (a.expires_on, a.account_id) > (CAST(:after_day AS date), CAST(:after_id AS uuid)))
     ORDER BY a.expires_on, a.account_id LIMIT :limit
""")

# Locked in the order of their ids, as every writer of accounts does. The account the points will go to is locked with
# them: taken later, it made a deadlock with a redemption at the same shop.
LOCK_LOTS = text(f"""
    SELECT a.account_id, a.credits_posted - a.debits_posted - a.debits_pending AS points,
           a.debits_pending AS pending_points, a.expires_on, COALESCE(a.expires_on > {TODAY}, false) AS is_spendable,
           a.credits_pending AS in_review_points
      FROM accounts a
     WHERE a.authority_id = :authority_id
       AND a.account_id = ANY (ARRAY(SELECT w.account_id FROM wallet_accounts w
                                      WHERE w.authority_id = :authority_id AND w.wallet_id = ANY({WALLETS_OF}))
                               || CAST(:paid_to AS uuid))
     ORDER BY a.account_id
       FOR UPDATE
""")


@dataclass(frozen=True, slots=True)
class Lot:
    """Points that expire together, on ``expires_on``: the first day they can no longer be spent.

    ``points`` are free to spend; ``pending_points`` are held by vouchers not yet redeemed; ``in_review_points`` were
    credited pending a review and are in neither.
    """

    account_id: UUID
    points: int
    pending_points: int
    expires_on: datetime.date
    is_spendable: bool
    in_review_points: int


@dataclass(frozen=True, slots=True)
class Wallet:
    """What a citizen has. ``lots`` are those that can still be spent or hold points, soonest to expire first."""

    points: int
    pending_points: int
    in_review_points: int
    lots: list[Lot]


class PointsInsufficientError(OverdraftError):
    """The wallet holds fewer points than are asked of it."""

    def __init__(self, *, available_points: int, wanted_points: int) -> None:
        super().__init__(f"{available_points} of {wanted_points} points")
        self.available_points = available_points
        self.wanted_points = wanted_points


WALLET_OF_LOT = """
    SELECT coalesce(x.merged_into, x.wallet_id) FROM wallet_accounts w
      JOIN wallets x ON x.authority_id = w.authority_id AND x.wallet_id = w.wallet_id
     WHERE w.authority_id = :authority_id AND w.account_id = :account_id
"""
FIND_WALLET_OF_LOT = text(WALLET_OF_LOT)
# Who merges locks the wallets, with those merged into them, before any account: so it is waited for.
HOLD_WALLET_OF_LOT = text(f"{WALLET_OF_LOT} FOR SHARE OF x")


def find_wallet_of_lot(connection: Connection, account_id: UUID, *, authority_id: int) -> UUID | None:
    """Find whose a lot is; None once retention or erasure has cut the link."""
    values = {"authority_id": authority_id, "account_id": account_id}
    wallet_id: UUID | None = connection.scalar(FIND_WALLET_OF_LOT, values)
    return wallet_id


def hold_wallet_of_lot(connection: Connection, account_id: UUID, *, authority_id: int) -> UUID | None:
    """Find whose a lot is, and let nobody merge or leave that wallet until the transaction ends; before locking lots.

    Without it, points that a merge moves at the same moment are in neither wallet for who looks at one of them.
    """
    values = {"authority_id": authority_id, "account_id": account_id}
    wallet_id: UUID | None = connection.scalar(HOLD_WALLET_OF_LOT, values)
    return wallet_id


def get_wallet(connection: Connection, *, authority_id: int, wallet_id: UUID, now: datetime.datetime) -> Wallet:
    """Return the balance at ``now``; points of expired lots count no more, unless a voucher holds them."""
    rows = fetch_rows(connection, LIST_LOTS, {"authority_id": authority_id, "wallet_id": wallet_id, "now": now})
    lots = [Lot(*row) for row in rows]
    return Wallet(
        points=sum(lot.points for lot in lots if lot.is_spendable),
        pending_points=sum(lot.pending_points for lot in lots),
        in_review_points=sum(lot.in_review_points for lot in lots),
        lots=[lot for lot in lots if lot.is_spendable and (lot.points or lot.pending_points or lot.in_review_points)],
    )


def list_lots(
    connection: Connection,
    *,
    authority_id: int,
    wallet_id: UUID,
    now: datetime.datetime,
    within_days: int | None = None,
    after: tuple[datetime.date, UUID] | None = None,
    limit: int = 50,
) -> list[Lot]:
    """List the lots that can be spent or hold points, those that expire ``within_days`` or all, soonest first."""
    after_day, after_id = after or (None, None)
    values = {"authority_id": authority_id, "wallet_id": wallet_id, "now": now, "within_days": within_days}
    asked = {**values, "after_day": after_day, "after_id": after_id, "limit": limit}
    return [Lot(*row) for row in connection.execute(LIST_SPENDABLE, asked)]


def lock_lots(
    connection: Connection, *, authority_id: int, wallet_id: UUID, paid_to: UUID, now: datetime.datetime
) -> list[Lot]:
    """Lock the wallet's lots and the account ``paid_to`` until the transaction ends.

    Returns:
        The lots that can be spent at ``now``, soonest to expire first.
    """
    values = {"authority_id": authority_id, "wallet_id": wallet_id, "paid_to": paid_to, "now": now}
    lots = [Lot(*row) for row in connection.execute(LOCK_LOTS, values) if row.is_spendable]
    return sorted(lots, key=lambda lot: (lot.expires_on, lot.account_id))


def take_from_lots(lots: list[Lot], points: int) -> list[tuple[UUID, int]]:
    """Return (account, points) taken from ``lots`` in their order; sums to less than ``points`` if they hold less."""
    taken = []
    for lot in lots:
        part = min(lot.points, points)
        if part > 0:
            taken.append((lot.account_id, part))
            points -= part
    return taken


def pay_from_lots(lots: list[Lot], points: int) -> list[tuple[UUID, int]]:
    """Return (account, points) taken from ``lots`` in their order, to the sum of ``points``.

    Raises:
        PointsInsufficientError: they hold less.
    """
    taken = take_from_lots(lots, points)
    available_points = sum(part for _, part in taken)
    if available_points < points:
        raise PointsInsufficientError(available_points=available_points, wanted_points=points)
    return taken
