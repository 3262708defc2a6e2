"""Showing vouchers: to their owner, and to the shop they are for. Nothing here changes anything."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.keyring import Keyring
from rewards.vouchers.codes import digest_of_entered_code
from rewards.vouchers.refusals import VoucherOfAnotherShopError, VoucherUnknownError
from rewards.wallets import WALLETS_OF


@dataclass(frozen=True, slots=True)
class Voucher:
    """A voucher as its owner or its shop sees it. ``status`` is ``expired`` from ``expires_at`` on.

    Without a shop every partner shop takes it; once redeemed, the shop is the one that did.
    """

    voucher_id: UUID
    offer_id: UUID
    shop_id: UUID | None
    shop: str | None
    title: str
    price_points: int
    value_cents: int
    status: str
    issued_at: datetime.datetime
    expires_at: datetime.datetime
    ended_at: datetime.datetime | None


VOUCHERS = """
    SELECT v.voucher_id, v.offer_id, s.shop_id, s.name AS shop, o.title, v.price_points, v.value_cents,
           CASE WHEN v.status = 'issued' AND v.expires_at <= :now THEN 'expired' ELSE v.status END AS status,
           v.issued_at, v.expires_at, v.ended_at
      FROM vouchers v
      JOIN offers o ON o.authority_id = v.authority_id AND o.offer_id = v.offer_id
      LEFT JOIN shops s ON s.authority_id = v.authority_id AND s.shop_id = coalesce(v.redeemed_by_shop_id, v.shop_id)
     WHERE v.authority_id = :authority_id
"""
IS_PAID_BY_WALLET = f"""
    EXISTS (SELECT 1 FROM transfers t
              JOIN wallet_accounts w ON w.authority_id = t.authority_id AND w.account_id = t.debit_account_id
             WHERE t.authority_id = :authority_id AND t.voucher_id = v.voucher_id AND t.phase = 'pending'
               AND w.wallet_id = ANY({WALLETS_OF}))
"""
IS_AMONG_THOSE_OF_WALLET = f"""
    v.voucher_id IN (SELECT t.voucher_id FROM wallet_accounts w
                       JOIN transfers t ON t.authority_id = w.authority_id AND t.debit_account_id = w.account_id
                      WHERE w.authority_id = :authority_id AND w.wallet_id = ANY({WALLETS_OF})
                        AND t.voucher_id IS NOT NULL AND t.phase = 'pending')
"""
"""The same for lists: begins with the wallet, not with every voucher."""

GET_VOUCHER = text(f"{VOUCHERS} AND v.voucher_id = :voucher_id AND {IS_PAID_BY_WALLET}")
LIST_VOUCHERS = text(f"""
    {VOUCHERS} AND {IS_AMONG_THOSE_OF_WALLET}
       AND (CAST(:after AS uuid) IS NULL OR v.voucher_id < :after)
     ORDER BY v.voucher_id DESC LIMIT :limit
""")
GET_VOUCHER_BY_ID = text(f"{VOUCHERS} AND v.voucher_id = :voucher_id")
LOOK_UP = text(f"{VOUCHERS} AND v.code_digest = :code_digest")


def get_voucher(
    connection: Connection, *, authority_id: int, wallet_id: UUID, voucher_id: UUID, now: datetime.datetime
) -> Voucher:
    """Return a voucher of the wallet.

    Raises:
        VoucherUnknownError: the wallet has no such voucher.
    """
    values = {"authority_id": authority_id, "wallet_id": wallet_id, "voucher_id": voucher_id, "now": now}
    row = connection.execute(GET_VOUCHER, values).first()
    if row is None:
        raise VoucherUnknownError
    return Voucher(*row)


def get_voucher_by_id(
    connection: Connection, voucher_id: UUID, *, authority_id: int, now: datetime.datetime
) -> Voucher:
    """Return a voucher whosever it is; the caller has seen its code.

    Raises:
        VoucherUnknownError: the authority has no such voucher.
    """
    values = {"authority_id": authority_id, "voucher_id": voucher_id, "now": now}
    row = connection.execute(GET_VOUCHER_BY_ID, values).one_or_none()
    if row is None:
        raise VoucherUnknownError
    return Voucher(*row)


def list_vouchers(
    connection: Connection,
    *,
    authority_id: int,
    wallet_id: UUID,
    now: datetime.datetime,
    after: tuple[UUID] | None = None,
    limit: int = 50,
) -> list[Voucher]:
    """List the vouchers of the wallet, newest first, behind the id of ``after``."""
    values = {"authority_id": authority_id, "wallet_id": wallet_id, "now": now, "limit": limit}
    rows = connection.execute(LIST_VOUCHERS, {**values, "after": after[0] if after else None})
    return [Voucher(*row) for row in rows]


def look_up_voucher(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    shop_id: UUID,
    code: str,
    now: datetime.datetime,
) -> Voucher:
    """Return the voucher with this code, in whatever status, to the shop it is for. Changes nothing.

    Raises:
        VoucherUnknownError: no voucher of the authority has the code.
        VoucherOfAnotherShopError: it is for another shop.
    """
    values = {"authority_id": authority_id, "code_digest": digest_of_entered_code(keyring, code), "now": now}
    row = connection.execute(LOOK_UP, values).first()
    if row is None:
        raise VoucherUnknownError
    if row.shop_id not in (None, shop_id):
        raise VoucherOfAnotherShopError(row.voucher_id)
    return Voucher(*row)
