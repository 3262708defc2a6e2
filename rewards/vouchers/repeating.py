"""A redemption that is asked for again: answered by its key, before anything is asked that may have changed since.

Whoever repeats has lost the answer, a moment or a month ago. By then the short code may be gone, the tries spent, the
card blocked, or who was at the till may have left: none of that undoes a redemption. Nothing is told that the shop has
not been told before, and no card and no other voucher's code is looked up, or a key used once would be a way to try
them out for nothing.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from rewards.errors import IdempotencyKeyReusedError
from rewards.keyring import Keyring
from rewards.vouchers.codes import digest_of_entered_code
from rewards.vouchers.redeeming import Redemption, redemption_of
from rewards.vouchers.short_codes import digest_of_short_code, is_short_code

FIND = text("""
    SELECT v.voucher_id, o.title, v.price_points, v.value_cents, v.ended_at, v.code_digest,
           c.code_digest AS short_code_digest
      FROM vouchers v
      JOIN offers o ON o.authority_id = v.authority_id AND o.offer_id = v.offer_id
      LEFT JOIN short_codes c ON c.authority_id = v.authority_id AND c.voucher_id = v.voucher_id
                             AND c.shop_id = v.redeemed_by_shop_id
     WHERE v.authority_id = :authority_id AND v.redeemed_by_shop_id = :shop_id AND v.redemption_key = :redemption_key
""")


def find_repeat_by_code(
    connection: Connection, keyring: Keyring, *, authority_id: int, shop_id: UUID, code: str, redemption_key: str
) -> Redemption | None:
    """Find what a shop's key has redeemed, by a code scanned or typed; None when it has redeemed nothing.

    A short code is compared while it is kept, which is a day.

    Raises:
        IdempotencyKeyReusedError: another voucher's code came with the key.
    """
    row = find_redeemed(connection, authority_id=authority_id, shop_id=shop_id, redemption_key=redemption_key)
    if row is None:
        return None
    if is_short_code(code):
        entered = digest_of_short_code(keyring, code, shop_id=shop_id)
        kept = entered if row.short_code_digest is None else bytes(row.short_code_digest)
    else:
        entered, kept = digest_of_entered_code(keyring, code), bytes(row.code_digest)
    if entered != kept:
        raise IdempotencyKeyReusedError
    return redemption_of(row, is_repeat=True)


def find_repeat_by_card(
    connection: Connection, *, authority_id: int, shop_id: UUID, voucher_id: UUID, redemption_key: str
) -> Redemption | None:
    """Find what a shop's key has redeemed, by the voucher chosen; None when it has redeemed nothing.

    Raises:
        IdempotencyKeyReusedError: another voucher came with the key.
    """
    row = find_redeemed(connection, authority_id=authority_id, shop_id=shop_id, redemption_key=redemption_key)
    if row is None:
        return None
    if row.voucher_id != voucher_id:
        raise IdempotencyKeyReusedError
    return redemption_of(row, is_repeat=True)


def find_redeemed(connection: Connection, *, authority_id: int, shop_id: UUID, redemption_key: str) -> Row[Any] | None:
    """Find the voucher a shop's key has redeemed, with the digests of its codes."""
    values = {"authority_id": authority_id, "shop_id": shop_id, "redemption_key": redemption_key}
    return connection.execute(FIND, values).one_or_none()
