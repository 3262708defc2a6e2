"""Short codes, typed at one shop's till where scanning does not work: six characters, ten minutes, five tries.

Thirty bits would not do by themselves: a code is good at one shop only, and a shop that gets five wrong within ten
minutes can only scan (``rewards/tries.py``). A right code gives the try back.
"""

import datetime
import secrets
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.keyring import CROCKFORD, LOOK_ALIKES, Keyring
from rewards.tries import Tries
from rewards.vouchers.reading import get_voucher
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
FIND = text("""
    SELECT v.code_digest FROM short_codes c
      JOIN vouchers v ON v.authority_id = c.authority_id AND v.voucher_id = c.voucher_id
     WHERE c.authority_id = :authority_id AND c.shop_id = :shop_id AND c.code_digest = :code_digest
       AND c.expires_at > :now
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
        VoucherAlreadyRedeemedError, VoucherReversedError, VoucherCancelledError, VoucherExpiredError: it has ended.
    """
    voucher = get_voucher(connection, authority_id=authority_id, wallet_id=wallet_id, voucher_id=voucher_id, now=now)
    if voucher.status != "issued":
        raise REFUSAL_OF_STATUS[voucher.status](voucher_id)
    if voucher.shop_id not in (None, shop_id):
        raise VoucherOfAnotherShopError(voucher_id)
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
        raise ShortCodeLockedError


def redeem_by_short_code(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    shop_id: UUID,
    code: str,
    redemption_key: str,
    now: datetime.datetime,
) -> Redemption:
    """Redeem the voucher with this short code at the shop, as ``redeem_voucher`` does; the try is given back.

    Raises:
        ShortCodeUnknownError: no voucher has this code at this shop, or no longer; and what ``redeem_voucher`` raises.
    """
    values = {
        "authority_id": authority_id,
        "shop_id": shop_id,
        "code_digest": digest_of_short_code(keyring, code, shop_id=shop_id),
        "now": now,
    }
    code_digest = connection.scalar(FIND, values)
    if code_digest is None:
        raise ShortCodeUnknownError
    redemption = redeem_by_digest(
        connection,
        bytes(code_digest),
        authority_id=authority_id,
        shop_id=shop_id,
        redemption_key=redemption_key,
        now=now,
    )
    TRIES.give_back(connection, shop_id, authority_id=authority_id)
    return redemption


def digest_of_short_code(keyring: Keyring, entered: str, *, shop_id: UUID) -> bytes:
    """Return what a short code is found by at a shop; look-alikes and blanks are forgiven."""
    return keyring.secret_digest(f"short-code {shop_id}", entered.upper().translate(LOOK_ALIKES))
