"""Redeeming a voucher at a shop: one guarded update decides, and everything else follows from its row count.

Look-then-write paid 8 of 8 racing threads; the guarded update pays one. Five statements in one transaction,
the last three sent together.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import IntegrityError

from rewards.errors import IdempotencyKeyReusedError, violates
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.ledger import Transfer, end_pending_transfers, lock_pending_transfers, record_transfers
from rewards.pipelining import Write, execute_write, fetch_rows
from rewards.shops import ShopRevokedError, is_active, wants_pins
from rewards.vouchers.codes import digest_of_entered_code
from rewards.vouchers.refusals import (
    REFUSAL_OF_STATUS,
    PinRequiredError,
    VoucherExpiredError,
    VoucherOfAnotherShopError,
    VoucherRefusedError,
    VoucherUnknownError,
)


@dataclass(frozen=True, slots=True)
class Redemption:
    """A voucher paid to a shop. ``is_repeat``: the same key had redeemed it before, and nothing was done now."""

    voucher_id: UUID
    title: str
    price_points: int
    value_cents: int
    redeemed_at: datetime.datetime
    is_repeat: bool


class Redeemed(NamedTuple):
    """The voucher a redemption was decided for."""

    voucher_id: UUID
    title: str
    price_points: int
    value_cents: int
    ended_at: datetime.datetime
    shop_id: UUID | None
    account_id: UUID


REDEEM = text("""
    UPDATE vouchers v SET status = 'redeemed', ended_at = :now, redemption_key = :redemption_key,
           redeemed_by_shop_id = s.shop_id, redeemed_by_staff_id = CAST(:staff_id AS uuid)
      FROM offers o, shops s
     WHERE v.authority_id = :authority_id AND v.code_digest = :code_digest
       AND v.status = 'issued' AND v.expires_at > :now
       AND o.authority_id = v.authority_id AND o.offer_id = v.offer_id
       AND s.authority_id = v.authority_id AND s.shop_id = :shop_id AND s.shop_id = coalesce(v.shop_id, s.shop_id)
       AND s.state = 'active' AND (NOT s.wants_pins OR CAST(:staff_id AS uuid) IS NOT NULL)
    RETURNING v.voucher_id, o.title, v.price_points, v.value_cents, v.ended_at, v.shop_id, s.account_id
""")

FIND_BY_CODE_OR_KEY = text("""
    SELECT v.voucher_id, o.title, v.price_points, v.value_cents, v.ended_at, v.shop_id, v.status,
           v.code_digest = :code_digest AS has_code,
           COALESCE(v.redeemed_by_shop_id = :shop_id AND v.redemption_key = :redemption_key, false) AS has_key
      FROM vouchers v
      JOIN offers o ON o.authority_id = v.authority_id AND o.offer_id = v.offer_id
     WHERE v.authority_id = :authority_id
       AND (v.code_digest = :code_digest
            OR (v.redeemed_by_shop_id = :shop_id AND v.redemption_key = :redemption_key))
""")

INSERT_ATTEMPT = text("""
    INSERT INTO redemption_attempts (authority_id, attempt_id, shop_id, voucher_id, outcome, attempted_at)
    VALUES (:authority_id, :attempt_id, :shop_id, :voucher_id, :outcome, :now)
""")


def redeem_voucher(
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
    """Redeem the voucher with this code at the shop: its points are posted to the shop's account.

    ``staff_id`` names who does it, of the shop's staff and shown to be so (``rewards/staff``).

    Safe to repeat: the same key with the same voucher returns the first redemption again, for ever.
    A refusal is to be noted with :func:`record_refusal` in a second transaction.

    Raises:
        IdempotencyKeyReusedError: the shop redeemed another voucher with this key.
        VoucherUnknownError, VoucherOfAnotherShopError, VoucherAlreadyRedeemedError, VoucherReversedError,
        VoucherCancelledError, ShopRevokedError, PinRequiredError, VoucherExpiredError: in this order of precedence.
    """
    return redeem_by_digest(
        connection,
        digest_of_entered_code(keyring, code),
        authority_id=authority_id,
        shop_id=shop_id,
        redemption_key=redemption_key,
        now=now,
        staff_id=staff_id,
    )


def redeem_by_digest(
    connection: Connection,
    code_digest: bytes,
    *,
    authority_id: int,
    shop_id: UUID,
    redemption_key: str,
    now: datetime.datetime,
    staff_id: UUID | None = None,
) -> Redemption:
    """Do what :func:`redeem_voucher` does, by the digest of the voucher's code."""
    values = {
        "authority_id": authority_id,
        "shop_id": shop_id,
        "code_digest": code_digest,
        "redemption_key": redemption_key,
        "staff_id": staff_id,
        "now": now,
    }
    try:
        rows = fetch_rows(connection, REDEEM, values)
    except IntegrityError as error:
        if violates(error, "uq_vouchers_redemption_key"):
            raise IdempotencyKeyReusedError from error
        raise
    if not rows:
        found = connection.execute(FIND_BY_CODE_OR_KEY, values).all()
        redemption = repeat_or_refuse(found, shop_id=shop_id)
        if redemption is not None:
            return redemption
        if not is_active(connection, shop_id, authority_id=authority_id):
            raise ShopRevokedError
        voucher_id = next(row.voucher_id for row in found if row.has_code)
        if staff_id is None and wants_pins(connection, shop_id, authority_id=authority_id):
            raise PinRequiredError(voucher_id)
        raise VoucherExpiredError(voucher_id)
    row = Redeemed(*rows[0])
    also = [row.account_id] if row.shop_id is None else []
    pending = lock_pending_transfers(connection, [row.voucher_id], authority_id=authority_id, also=also)
    attempt = plan_attempt(
        authority_id=authority_id, shop_id=shop_id, voucher_id=row.voucher_id, outcome="redeemed", now=now
    )
    end_pending_transfers(connection, pending, authority_id=authority_id, phase="post", now=now, beside=[attempt])
    if row.shop_id is None:
        pay_from_network(connection, row, pending, authority_id=authority_id, now=now)
    return redemption_of(row, is_repeat=False)


def redemption_of(row: Redeemed | Row[*tuple[Any, ...]], *, is_repeat: bool) -> Redemption:
    """Return the redemption a row of ``vouchers`` tells of."""
    return Redemption(row.voucher_id, row.title, row.price_points, row.value_cents, row.ended_at, is_repeat)


def pay_from_network(
    connection: Connection,
    redeemed: Redeemed,
    pending: Sequence[Transfer],
    *,
    authority_id: int,
    now: datetime.datetime,
) -> None:
    """Hand what a voucher for any shop held towards the network on to the shop that redeemed it."""
    network = pending[0].credit_account_id
    paid = Transfer(network, redeemed.account_id, redeemed.price_points, voucher_id=redeemed.voucher_id)
    record_transfers(connection, [paid], authority_id=authority_id, now=now)


def repeat_or_refuse(rows: Sequence[Row[*tuple[Any, ...]]], *, shop_id: UUID) -> Redemption | None:
    """Return the redemption that ``rows`` (vouchers with the code or the key) show to be repeated, else refuse.

    None for a voucher that is still issued: its time is over, or its shop's.
    """
    voucher = next((row for row in rows if row.has_code), None)
    if any(row.has_key and not row.has_code for row in rows):
        raise IdempotencyKeyReusedError
    if voucher is None:
        raise VoucherUnknownError
    if voucher.shop_id not in (None, shop_id):
        raise VoucherOfAnotherShopError(voucher.voucher_id)
    if voucher.has_key:
        return redemption_of(voucher, is_repeat=True)
    if voucher.status == "issued":
        return None
    raise REFUSAL_OF_STATUS[voucher.status](voucher.voucher_id)


def record_refusal(
    connection: Connection,
    refusal: VoucherRefusedError,
    *,
    authority_id: int,
    shop_id: UUID,
    now: datetime.datetime,
) -> None:
    """Note a refused redemption; in a transaction of its own, since the refused one is rolled back."""
    attempt = plan_attempt(
        authority_id=authority_id, shop_id=shop_id, voucher_id=refusal.voucher_id, outcome=refusal.code, now=now
    )
    execute_write(connection, attempt)


def plan_attempt(
    *,
    authority_id: int,
    shop_id: UUID,
    voucher_id: UUID | None,
    outcome: str,
    now: datetime.datetime,
) -> Write:
    """Return the write that appends one try at a till with its outcome."""
    return Write(
        INSERT_ATTEMPT,
        {
            "authority_id": authority_id,
            "attempt_id": new_id(),
            "shop_id": shop_id,
            "voucher_id": voucher_id,
            "outcome": outcome,
            "now": now,
        },
    )
