"""Short codes, typed at one shop's till where scanning does not work: six characters, ten minutes, five tries.

Thirty bits would not do by themselves: a code is good at one shop only, and a shop that gets five wrong within ten
minutes can only scan (``rewards/tries.py``). A right code gives the try back.
"""

import datetime
import secrets
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from rewards.keyring import CROCKFORD, LOOK_ALIKES, Keyring
from rewards.shops import ShopRevokedError, is_active
from rewards.tries import Tries
from rewards.vouchers.reading import Voucher, get_voucher, get_voucher_by_id
from rewards.vouchers.redeeming import Redemption, redeem_by_digest
from rewards.vouchers.refusals import (
    REFUSAL_OF_STATUS,
    ShortCodeLockedError,
    ShortCodeUnknownError,
    VoucherOfAnotherShopError,
)

CHARACTERS = 6
GOOD_FOR = datetime.timedelta(minutes=10)

KEEP = text("""
    INSERT INTO short_codes AS c (authority_id, voucher_id, shop_id, code_digest, expires_at)
    VALUES (:authority_id, :voucher_id, :shop_id, :code_digest, :expires_at)
    ON CONFLICT (authority_id, voucher_id) DO UPDATE
       SET shop_id = excluded.shop_id, code_digest = excluded.code_digest, expires_at = excluded.expires_at
""")
TRIES = Tries("short_code_tries", "shop_id", most=5, window=datetime.timedelta(minutes=10))
# What a key has redeemed is answered again with it, long after the ten minutes.
FIND = text("""
    SELECT v.code_digest, v.voucher_id FROM short_codes c
      JOIN vouchers v ON v.authority_id = c.authority_id AND v.voucher_id = c.voucher_id
     WHERE c.authority_id = :authority_id AND c.shop_id = :shop_id AND c.code_digest = :code_digest
       AND (c.expires_at > :now OR (v.redeemed_by_shop_id = :shop_id AND v.redemption_key = :redemption_key))
""")


def make_short_code(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    wallet_id: UUID,
    voucher_id: UUID,
    shop_id: UUID,
    now: datetime.datetime,
) -> tuple[str, datetime.datetime]:
    """Make the short code of a voucher for one shop, in place of an earlier one; return it and until when it is good.

    Raises:
        VoucherUnknownError: the wallet has no such voucher.
        VoucherOfAnotherShopError: the voucher is for another shop.
        ShopRevokedError: there is no such shop, or no longer.
        VoucherAlreadyRedeemedError, VoucherReversedError, VoucherCancelledError, VoucherExpiredError: it has ended.
    """
    voucher = get_voucher(connection, authority_id=authority_id, wallet_id=wallet_id, voucher_id=voucher_id, now=now)
    if voucher.status != "issued":
        raise REFUSAL_OF_STATUS[voucher.status](voucher_id)
    if voucher.shop_id not in (None, shop_id):
        raise VoucherOfAnotherShopError(voucher_id)
    if not is_active(connection, shop_id, authority_id=authority_id):
        raise ShopRevokedError
    code = "".join(secrets.choice(CROCKFORD) for _ in range(CHARACTERS))
    expires_at = now + GOOD_FOR
    connection.execute(
        KEEP,
        {
            "authority_id": authority_id,
            "voucher_id": voucher_id,
            "shop_id": shop_id,
            "code_digest": digest_of_short_code(keyring, code, shop_id=shop_id),
            "expires_at": expires_at,
        },
    )
    return code, expires_at


def take_try(connection: Connection, *, authority_id: int, shop_id: UUID, now: datetime.datetime) -> None:
    """Take one of a shop's tries; to be committed before :func:`redeem_by_short_code`.

    Raises:
        ShortCodeLockedError: none is left for now.
    """
    if not TRIES.take(connection, shop_id, authority_id=authority_id, now=now):
        raise ShortCodeLockedError(TRIES.find_wait_s(connection, shop_id, authority_id=authority_id, now=now))


def is_short_code(entered: str) -> bool:
    """Tell whether what was scanned or typed has the length of a short code; vouchers' own have four times that."""
    return len(entered.translate(LOOK_ALIKES)) == CHARACTERS


def look_up_by_short_code(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    shop_id: UUID,
    code: str,
    now: datetime.datetime,
) -> Voucher:
    """Return the voucher with this short code at the shop; the try is given back.

    Raises:
        ShortCodeUnknownError: no voucher has this code at this shop, or no longer.
    """
    found = find_by_short_code(
        connection, keyring, authority_id=authority_id, shop_id=shop_id, code=code, redemption_key=None, now=now
    )
    TRIES.give_back(connection, shop_id, authority_id=authority_id)
    return get_voucher_by_id(connection, found.voucher_id, authority_id=authority_id, now=now)


def redeem_by_short_code(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    shop_id: UUID,
    code: str,
    redemption_key: str,
    now: datetime.datetime,
    staff_id: UUID | None = None,
) -> Redemption:
    """Redeem the voucher with this short code at the shop, as ``redeem_voucher`` does; the try is given back.

    Raises:
        ShortCodeUnknownError: no voucher has this code at this shop, or no longer; and what ``redeem_voucher`` raises.
    """
    found = find_by_short_code(
        connection,
        keyring,
        authority_id=authority_id,
        shop_id=shop_id,
        code=code,
        redemption_key=redemption_key,
        now=now,
    )
    redemption = redeem_by_digest(
        connection,
        bytes(found.code_digest),
        authority_id=authority_id,
        shop_id=shop_id,
        redemption_key=redemption_key,
        now=now,
        staff_id=staff_id,
    )
    TRIES.give_back(connection, shop_id, authority_id=authority_id)
    return redemption


def find_by_short_code(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    shop_id: UUID,
    code: str,
    redemption_key: str | None,
    now: datetime.datetime,
) -> Row[Any]:
    """Return id and digest of the voucher a short code stands for, or raise ShortCodeUnknownError."""
    values = {
        "authority_id": authority_id,
        "shop_id": shop_id,
        "code_digest": digest_of_short_code(keyring, code, shop_id=shop_id),
        "redemption_key": redemption_key,
        "now": now,
    }
    found = connection.execute(FIND, values).one_or_none()
    if found is None:
        raise ShortCodeUnknownError
    return found


def digest_of_short_code(keyring: Keyring, entered: str, *, shop_id: UUID) -> bytes:
    """Return what a short code is found by at a shop; look-alikes and blanks are forgiven."""
    return keyring.secret_digest(f"short-code {shop_id}", entered.upper().translate(LOOK_ALIKES))
