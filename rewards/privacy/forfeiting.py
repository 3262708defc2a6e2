"""What a wallet holds goes to the authority's ``forfeited`` account, by a transfer a lot; then its links are cut.

Every sum stays true: the lots stay, empty and nobody's. A link is left where something may still come into its lot: a
worker remembers the lot of the month for a second, a review ends within days. A later pass cuts it.
"""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.expiry import today_of
from rewards.ledger import lock_accounts, open_authority_account
from rewards.ledger.sweeping import sweep_these
from rewards.lots import lot_month_of
from rewards.vouchers.issuing import void_vouchers
from rewards.vouchers.reading import IS_AMONG_THOSE_OF_WALLET
from rewards.wallets import WALLETS_OF

CANCEL_ALL = text(f"""
    UPDATE vouchers v SET status = 'cancelled', ended_at = :now
     WHERE v.authority_id = :authority_id AND v.status = 'issued' AND {IS_AMONG_THOSE_OF_WALLET}
    RETURNING v.voucher_id
""")
LIST_LOTS = text(f"""
    SELECT account_id FROM wallet_accounts WHERE authority_id = :authority_id AND wallet_id = ANY({WALLETS_OF})
""")
LIST_PAID_TO = text("""
    SELECT DISTINCT credit_account_id FROM transfers
     WHERE authority_id = :authority_id AND voucher_id = ANY(CAST(:voucher_ids AS uuid[])) AND phase = 'pending'
""")
CUT = text(f"""
    DELETE FROM wallet_accounts w USING accounts a
     WHERE w.authority_id = :authority_id AND w.wallet_id = ANY({WALLETS_OF})
       AND a.authority_id = w.authority_id AND a.account_id = w.account_id
       AND a.credits_posted = a.debits_posted AND a.debits_pending = 0 AND a.credits_pending = 0
       AND w.lot_month < :open_month
""")
IS_LINKED = text(f"""
    SELECT EXISTS (SELECT FROM wallet_accounts
                    WHERE authority_id = :authority_id AND wallet_id = ANY({WALLETS_OF}))
""")
LATE = datetime.timedelta(days=1)
"""A worker credits a citizen who is gone for a second at most, a frozen one until its session is cut."""


@dataclass(frozen=True, slots=True)
class Forfeited:
    """What a wallet had to give: free points, of vouchers too that were cancelled. ``is_cut``: no link is left."""

    points: int
    vouchers: int
    is_cut: bool


def forfeit_wallet(
    connection: Connection, wallet_id: UUID, *, authority_id: int, is_final: bool, now: datetime.datetime
) -> Forfeited:
    """Cancel the vouchers of a wallet, empty its lots, and cut their links; the caller holds the wallet.

    Safe to repeat. Until ``is_final`` the lots stay linked that workers may still know. A voucher bought at the same
    moment stays too, and its lots: the next pass finds it.
    """
    wallet = {"authority_id": authority_id, "wallet_id": wallet_id, "now": now}
    voucher_ids = list(connection.scalars(CANCEL_ALL, wallet))
    lots = list(connection.scalars(LIST_LOTS, wallet))
    into = open_authority_account(connection, "forfeited", authority_id=authority_id, now=now)
    # Points that a voucher gives back may meet others in their lot that have expired.
    expired = open_authority_account(connection, "expired", authority_id=authority_id, now=now)
    paid_to = connection.scalars(LIST_PAID_TO, {"authority_id": authority_id, "voucher_ids": voucher_ids})
    # All at once and in the order of their ids, as every writer of accounts does.
    lock_accounts(connection, {*lots, *paid_to, into, expired}, authority_id=authority_id)
    if voucher_ids:
        void_vouchers(connection, voucher_ids, authority_id=authority_id, now=now)
    points = sweep_these(connection, lots, into, authority_id=authority_id, now=now, reason="forfeiture")
    open_month = lot_month_of(today_of(connection, authority_id=authority_id, now=now - LATE))
    if is_final:
        open_month = datetime.date.max
    connection.execute(CUT, {**wallet, "open_month": open_month})
    return Forfeited(points, len(voucher_ids), is_cut=not connection.scalar(IS_LINKED, wallet))
