"""At the till: look a voucher up, redeem it, take that back the same day; and what happened on a day."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer, VoucherSchema
from partners_api.services import keyring, now
from partners_api.shops.blueprint import shop_of, shops
from partners_api.shops.schemas import AtTillSchema, day_filter
from partners_api.texts import ENTERED_CODE
from partners_api.transactions import after_roll_back, commit, connection
from rewards.access import Principal
from rewards.errors import OverdraftError
from rewards.shops import ShopRevokedError
from rewards.staff import StaffLockedError, prove_staff, take_pin_try
from rewards.vouchers import (
    PinRequiredError,
    Redemption,
    Refusal,
    ReversalReason,
    ReversalTooLateError,
    ShopRedemption,
    ShortCodeLockedError,
    ShortCodeUnknownError,
    StaffRefusedError,
    Voucher,
    VoucherAlreadyRedeemedError,
    VoucherCancelledError,
    VoucherExpiredError,
    VoucherNotRedeemedError,
    VoucherOfAnotherShopError,
    VoucherRefusedError,
    VoucherReversedError,
    VoucherUnknownError,
    find_repeat_by_code,
    get_voucher_by_id,
    is_short_code,
    list_redemptions,
    list_refusals,
    look_up_by_short_code,
    look_up_voucher,
    record_refusal,
    redeem_by_short_code,
    redeem_voucher,
    reverse_redemption,
    take_try,
)
from rewards.vouchers.at_shops import Outcome

OF_STAFF = (PinRequiredError, StaffRefusedError, StaffLockedError)
OF_REDEMPTIONS = (
    VoucherUnknownError,
    VoucherOfAnotherShopError,
    VoucherAlreadyRedeemedError,
    VoucherReversedError,
    VoucherCancelledError,
    VoucherExpiredError,
    ShopRevokedError,
    *OF_STAFF,
)
REVERSAL_REASONS = get_args(ReversalReason)


class EnteredCodeSchema(ma.Schema):
    """A voucher's code, scanned or typed. In the body, so that it is in no access log."""

    code = fields.String(
        required=True,
        validate=ENTERED_CODE,
        metadata={
            "description": "`{authority}.{code}` as scanned, the code typed, or a short code of six signs for this "
            "shop; blanks and look-alikes forgiven"
        },
    )


class RedemptionOrderSchema(EnteredCodeSchema, AtTillSchema):
    """A voucher to redeem, and by whom."""


class RedemptionSchema(ma.Schema):
    """A voucher redeemed at this shop."""

    voucher_id = fields.UUID(required=True)
    title = fields.String(required=True)
    price_points = Integer(required=True)
    value_cents = Integer(required=True, metadata={"description": "What the shop is paid for it"})
    redeemed_at = Instant(required=True)
    is_repeat = fields.Boolean(required=True, metadata={"description": "The same key had redeemed it before"})


class ReversalOrderSchema(AtTillSchema):
    """Why a redemption is taken back, and by whom."""

    reason = fields.String(required=True, validate=validate.OneOf(REVERSAL_REASONS))


class ShopRedemptionSchema(ma.Schema):
    """A redemption in the shop's list; who did it is told to no one else."""

    voucher_id = fields.UUID(required=True)
    redeemed_at = Instant(required=True)
    status = fields.String(required=True, validate=validate.OneOf(["redeemed", "reversed"]))
    title = fields.String(required=True)
    price_points = Integer(required=True)
    value_cents = Integer(required=True)
    staff_id = fields.UUID(required=True, allow_none=True)
    staff = fields.String(required=True, allow_none=True)
    reversed_at = Instant(required=True, allow_none=True)
    reversal_reason = fields.String(required=True, allow_none=True, validate=validate.OneOf(REVERSAL_REASONS))
    reversed_by_staff_id = fields.UUID(required=True, allow_none=True)
    reversed_by_staff = fields.String(required=True, allow_none=True)


class RefusalSchema(ma.Schema):
    """Something a till was refused; the reasons are the codes of the errors."""

    refusal_id = fields.UUID(required=True)
    refused_at = Instant(required=True)
    reason = fields.String(required=True, validate=validate.OneOf(get_args(Outcome)))
    voucher_id = fields.UUID(
        required=True, allow_none=True, metadata={"description": "Null where none was found, or it is another shop's"}
    )
    title = fields.String(required=True, allow_none=True)


@operation(
    shops,
    "POST",
    "/vouchers/lookup",
    audience="shop",
    scope="redeem",
    body=EnteredCodeSchema,
    answers=(200, VoucherSchema),
    refuses=(VoucherUnknownError, VoucherOfAnotherShopError, ShortCodeUnknownError, ShortCodeLockedError),
)
def look_up(caller: Principal, entered: dict[str, str]) -> Voucher:
    """Look at a voucher of this shop without redeeming it."""
    at = now()
    if take_try_if_short(caller, entered["code"], at):
        return look_up_by_short_code(connection(), keyring(), **shop_of(caller), code=entered["code"], now=at)
    return look_up_voucher(connection(), keyring(), **shop_of(caller), code=entered["code"], now=at)


@operation(
    shops,
    "POST",
    "/redemptions",
    audience="shop",
    scope="redeem",
    body=RedemptionOrderSchema,
    answers=(201, RedemptionSchema),
    refuses=(*OF_REDEMPTIONS, ShortCodeUnknownError, ShortCodeLockedError),
    is_idempotent=True,
)
def redeem(caller: Principal, order: dict[str, Any], key: str) -> Redemption:
    """Redeem a voucher: its points become the shop's, once.

    Repeated with the same `Idempotency-Key` it answers the same again, for ever. Refusals are recorded. Shops that
    want PINs give `staff_id` and `pin` too.
    """
    at = now()
    if order["pin"] is not None or is_short_code(order["code"]):
        # Scanned and without a PIN nothing is asked but the voucher, which remembers its key by itself.
        repeat = find_repeat_by_code(connection(), keyring(), **shop_of(caller), code=order["code"], redemption_key=key)
        if repeat is not None:
            return repeat
    with recorded(caller, at):
        staff_id = prove(caller, order, at)
        is_short = take_try_if_short(caller, order["code"], at)
        work = redeem_by_short_code if is_short else redeem_voucher
        return work(
            connection(),
            keyring(),
            **shop_of(caller),
            code=order["code"],
            redemption_key=key,
            now=at,
            staff_id=staff_id,
        )


@operation(
    shops,
    "POST",
    "/redemptions/<uuid:voucher_id>/reversal",
    audience="shop",
    scope="redeem",
    body=ReversalOrderSchema,
    answers=(200, VoucherSchema),
    refuses=(
        VoucherUnknownError,
        VoucherOfAnotherShopError,
        VoucherNotRedeemedError,
        ReversalTooLateError,
        OverdraftError,
        *OF_STAFF,
    ),
    is_idempotent=True,
)
def reverse(caller: Principal, order: dict[str, Any], key: str, voucher_id: UUID) -> Voucher:
    """Take a redemption of today back: the points are the citizen's again, and the voucher stays spent."""
    at = now()
    with recorded(caller, at):
        staff_id = prove(caller, order, at)

        def take_back() -> dict[str, str]:
            reverse_redemption(
                connection(),
                voucher_id,
                **shop_of(caller),
                reason=order["reason"],
                reversed_by=f"key {caller.credential_id}",
                now=at,
                staff_id=staff_id,
            )
            return {"voucher_id": str(voucher_id)}

        once(caller, key, take_back)
    return get_voucher_by_id(connection(), voucher_id, authority_id=caller.authority_id, now=at)


@listing(
    shops,
    "/redemptions",
    audience="shop",
    scope="redeem",
    item=ShopRedemptionSchema,
    key=(datetime, UUID),
    filters={
        "day": day_filter("Redeemed"),
        "status": fields.String(load_default=None, validate=validate.OneOf(["redeemed", "reversed"])),
    },
)
def show_redemptions(caller: Principal, asked: dict[str, Any]) -> Page[ShopRedemption]:
    """List what the shop redeemed on a day, newest first, with what was taken back."""
    redemptions = list_redemptions(connection(), **shop_of(caller), **day_of(caller, asked), status=asked["status"])
    return page_of(redemptions, asked["limit"], lambda each: (each.redeemed_at, each.voucher_id))


@listing(
    shops,
    "/refusals",
    audience="shop",
    scope="redeem",
    item=RefusalSchema,
    key=(datetime, UUID),
    filters={
        "day": day_filter("Refused"),
        "reason": fields.String(load_default=None, validate=validate.OneOf(get_args(Outcome))),
    },
)
def show_refusals(caller: Principal, asked: dict[str, Any]) -> Page[Refusal]:
    """List what the shop's tills were refused on a day, newest first."""
    refusals = list_refusals(connection(), **shop_of(caller), **day_of(caller, asked), reason=asked["reason"])
    return page_of(refusals, asked["limit"], lambda each: (each.refused_at, each.refusal_id))


def day_of(caller: Principal, asked: dict[str, Any]) -> dict[str, Any]:
    """Return which page of which day is asked for."""
    timezone = ZoneInfo(caller.timezone)
    day = asked["day"] or now().astimezone(timezone).date()
    return {"day": day, "timezone": timezone, "after": asked["after"], "limit": asked["limit"]}


def take_try_if_short(caller: Principal, code: str, at: datetime) -> bool:
    """Tell whether a code is a short one, which costs a try until it proves to be right."""
    if not is_short_code(code):
        return False
    take_try(connection(), **shop_of(caller), now=at)
    commit()
    return True


def prove(caller: Principal, order: dict[str, Any], at: datetime) -> UUID | None:
    """Return who is at the till and has shown it, None when nobody is named; a wrong PIN costs a try."""
    staff_id: UUID | None = order["staff_id"]
    if staff_id is None or order["pin"] is None:
        return None
    take_pin_try(connection(), staff_id, **shop_of(caller), now=at)
    commit()
    prove_staff(connection(), keyring(), staff_id, order["pin"], **shop_of(caller))
    # Whatever becomes of the voucher, the PIN was right.
    commit()
    return staff_id


@contextmanager
def recorded(caller: Principal, at: datetime) -> Iterator[None]:
    """Record what is refused, in a transaction of its own."""
    try:
        yield
    except VoucherRefusedError as refusal:
        after_roll_back(partial(record_refusal, refusal=refusal, **shop_of(caller), now=at))
        raise
