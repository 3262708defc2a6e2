"""Taking a redemption back: the points go from the shop, or what it was settled into, to the lots they came from.

A shop can on the same day, the authority later. What a statement has by then, the next one deducts. The voucher is
spent all the same: its owner takes a new one.
"""

import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, Row, text

from rewards.expiry import begin_grace
from rewards.ledger import Transfer, lock_pending_transfers, open_authority_account, record_transfers
from rewards.offers import give_back_to_budgets, return_to_stock
from rewards.territory import get_timezone
from rewards.vouchers.refusals import (
    PinRequiredError,
    ReversalTooLateError,
    VoucherNotRedeemedError,
    VoucherOfAnotherShopError,
    VoucherUnknownError,
)

ReversalReason = Literal["mistake", "goods_returned", "fraud", "other"]

REVERSE = text("""
    UPDATE vouchers v SET status = 'reversed', reversed_at = :now, reversed_by = :reversed_by,
           reversed_by_staff_id = CAST(:staff_id AS uuid), reversal_reason = :reason
      FROM shops s
     WHERE v.authority_id = :authority_id AND v.voucher_id = :voucher_id AND v.status = 'redeemed'
       AND s.authority_id = v.authority_id AND s.shop_id = v.redeemed_by_shop_id
       AND (CAST(:shop_id AS uuid) IS NULL
            OR (v.redeemed_by_shop_id = :shop_id AND v.ended_at >= :today
                AND (NOT s.wants_pins OR CAST(:staff_id AS uuid) IS NOT NULL)))
    RETURNING s.account_id, v.settled_at
""")
FIND = text("""
    SELECT v.status, v.redeemed_by_shop_id, v.ended_at >= :today AS is_of_today
      FROM vouchers v WHERE v.authority_id = :authority_id AND v.voucher_id = :voucher_id
""")


def reverse_redemption(
    connection: Connection,
    voucher_id: UUID,
    *,
    authority_id: int,
    reason: ReversalReason,
    reversed_by: str,
    now: datetime.datetime,
    shop_id: UUID | None = None,
    staff_id: UUID | None = None,
) -> None:
    """Take a redemption back; ``shop_id`` names the shop that asks, None stands for the authority.

    ``staff_id`` names who does it, of the shop's staff and shown to be so (``rewards/staff``).

    Raises:
        VoucherUnknownError, VoucherOfAnotherShopError, VoucherNotRedeemedError, ReversalTooLateError,
        PinRequiredError: in this order.
        OverdraftError: the points are not where they were paid to.
    """
    local = now.astimezone(get_timezone(connection, authority_id=authority_id))
    values = {
        "authority_id": authority_id,
        "voucher_id": voucher_id,
        "shop_id": shop_id,
        "today": local.replace(hour=0, minute=0, second=0, microsecond=0),
        "reversed_by": reversed_by,
        "staff_id": staff_id,
        "reason": reason,
        "now": now,
    }
    reversed_ = connection.execute(REVERSE, values).one_or_none()
    if reversed_ is None:
        raise refusal_of(connection.execute(FIND, values).one_or_none(), voucher_id, shop_id=shop_id)
    taken_from = reversed_.account_id
    if reversed_.settled_at is not None:
        taken_from = open_authority_account(connection, "settled", authority_id=authority_id, now=now)
    pending = lock_pending_transfers(connection, [voucher_id], authority_id=authority_id, also=[taken_from])
    begin_grace(connection, [each.debit_account_id for each in pending], authority_id=authority_id, now=now)
    back = [Transfer(taken_from, each.debit_account_id, each.points, voucher_id=voucher_id) for each in pending]
    record_transfers(connection, back, authority_id=authority_id, now=now)
    return_to_stock(connection, [voucher_id], authority_id=authority_id)
    give_back_to_budgets(connection, [voucher_id], authority_id=authority_id)


def refusal_of(found: Row[Any] | None, voucher_id: UUID, *, shop_id: UUID | None) -> Exception:
    """Return why a redemption is not taken back."""
    if found is None:
        return VoucherUnknownError()
    if shop_id is not None and found.redeemed_by_shop_id not in (None, shop_id):
        return VoucherOfAnotherShopError(voucher_id)
    if found.status != "redeemed":
        return VoucherNotRedeemedError()
    return PinRequiredError(voucher_id) if found.is_of_today else ReversalTooLateError()
