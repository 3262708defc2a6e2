"""Issuing a voucher holds points, cancelling or expiring it gives them back.

A voucher holds one pending transfer per lot it is paid from; ending it posts or voids them whole. It names no wallet:
whose it is follows from the lots its pending transfers debit.
"""

import datetime
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.expiry import begin_grace
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.ledger import Transfer, end_pending_transfers, lock_pending_transfers, record_transfers
from rewards.offers import get_offer, give_back_to_budgets, return_to_stock, spend_budget, take_from_stock
from rewards.offers.selling import require_within_limit
from rewards.pipelining import Write
from rewards.territory import get_timezone
from rewards.vouchers.codes import digest_of_new_code
from rewards.vouchers.reading import IS_PAID_BY_WALLET, get_voucher
from rewards.vouchers.refusals import REFUSAL_OF_STATUS, VoucherUnknownError
from rewards.wallets import lock_lots, pay_from_lots

INSERT = text("""
    INSERT INTO vouchers (authority_id, voucher_id, offer_id, shop_id, price_points, value_cents, funder_id,
                          budget_year, status, code_digest, issued_at, expires_at)
    VALUES (:authority_id, :voucher_id, :offer_id, :shop_id, :price_points, :value_cents, :funder_id,
            :budget_year, 'issued', :code_digest, :now, :expires_at)
""")
CANCEL = text(f"""
    UPDATE vouchers v SET status = 'cancelled', ended_at = :now
     WHERE v.authority_id = :authority_id AND v.voucher_id = :voucher_id AND v.status = 'issued'
       AND {IS_PAID_BY_WALLET}
""")

LOCK_EXPIRING = text("""
    SELECT voucher_id FROM vouchers
     WHERE authority_id = :authority_id AND status = 'issued' AND expires_at <= :now
     ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
""")
EXPIRE = text("""
    UPDATE vouchers SET status = 'expired', ended_at = :now
     WHERE authority_id = :authority_id AND voucher_id = ANY(CAST(:voucher_ids AS uuid[])) AND status = 'issued'
""")


def issue_voucher(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    wallet_id: UUID,
    offer_id: UUID,
    now: datetime.datetime,
) -> UUID:
    """Issue a voucher and hold its price, from the lots that expire soonest; return its id.

    Raises:
        OfferUnknownError, OfferNotOnSaleError: the offer cannot be had, or not now.
        OfferLimitReachedError: the wallet has had as many as one may have.
        PointsInsufficientError: the lots that have not expired hold less than the price.
        OfferSoldOutError: its stock is used up.
        FunderBudgetSpentError: what its funder gives this year is used up.
    """
    offer = get_offer(connection, authority_id=authority_id, offer_id=offer_id, now=now)
    held_by = offer.held_by_account_id
    lots = lock_lots(connection, authority_id=authority_id, wallet_id=wallet_id, paid_to=held_by, now=now)
    if offer.most_per_wallet is not None:
        timezone = get_timezone(connection, authority_id=authority_id)
        require_within_limit(
            connection, offer, authority_id=authority_id, wallet_id=wallet_id, timezone=timezone, now=now
        )
    paid = pay_from_lots(lots, offer.price_points)
    take_from_stock(connection, offer, authority_id=authority_id)
    spend_budget(connection, offer, authority_id=authority_id)
    voucher_id = new_id()
    voucher = {
        "authority_id": authority_id,
        "voucher_id": voucher_id,
        "offer_id": offer_id,
        "shop_id": offer.shop_id,
        "price_points": offer.price_points,
        "value_cents": offer.value_cents,
        "funder_id": offer.funder_id,
        "budget_year": offer.budget_year,
        "code_digest": digest_of_new_code(keyring, voucher_id),
        "now": now,
        "expires_at": now + datetime.timedelta(days=offer.voucher_valid_days),
    }
    holds = [Transfer(account_id, held_by, points, "pending", voucher_id=voucher_id) for account_id, points in paid]
    record_transfers(connection, holds, authority_id=authority_id, now=now, beside=[Write(INSERT, voucher)])
    return voucher_id


def cancel_voucher(
    connection: Connection, *, authority_id: int, wallet_id: UUID, voucher_id: UUID, now: datetime.datetime
) -> None:
    """Cancel a voucher of the wallet; its points go back to the lots they came from.

    Raises:
        VoucherUnknownError: the wallet has no such voucher.
        VoucherAlreadyRedeemedError, VoucherCancelledError, VoucherExpiredError: it has ended before.
    """
    values = {"authority_id": authority_id, "wallet_id": wallet_id, "voucher_id": voucher_id, "now": now}
    if connection.execute(CANCEL, values).rowcount != 1:
        voucher = get_voucher(
            connection, authority_id=authority_id, wallet_id=wallet_id, voucher_id=voucher_id, now=now
        )
        # One that is issued came to the wallet between the two looks (by a merge), so the first did not find it.
        raise REFUSAL_OF_STATUS.get(voucher.status, VoucherUnknownError)(voucher_id)
    void_vouchers(connection, [voucher_id], authority_id=authority_id, now=now)


def expire_vouchers(connection: Connection, *, authority_id: int, now: datetime.datetime, limit: int = 500) -> int:
    """Expire up to ``limit`` vouchers whose time is over and give their points back; return how many.

    Safe to run twice and at once: vouchers another run (or a till) holds are left to it. Call until it returns 0.
    """
    voucher_ids = connection.scalars(LOCK_EXPIRING, {"authority_id": authority_id, "now": now, "limit": limit}).all()
    if not voucher_ids:
        return 0
    connection.execute(EXPIRE, {"authority_id": authority_id, "voucher_ids": list(voucher_ids), "now": now})
    void_vouchers(connection, voucher_ids, authority_id=authority_id, now=now)
    return len(voucher_ids)


def void_vouchers(
    connection: Connection, voucher_ids: Sequence[UUID], *, authority_id: int, now: datetime.datetime
) -> None:
    """Void what vouchers hold; the caller has ended them in the same transaction.

    What comes back into a lot that has expired meanwhile can be spent for a while longer.
    """
    pending = lock_pending_transfers(connection, voucher_ids, authority_id=authority_id)
    lots = [transfer.debit_account_id for transfer in pending]
    begin_grace(connection, lots, authority_id=authority_id, now=now)
    end_pending_transfers(connection, pending, authority_id=authority_id, phase="void", now=now)
    return_to_stock(connection, voucher_ids, authority_id=authority_id)
    give_back_to_budgets(connection, voucher_ids, authority_id=authority_id)
