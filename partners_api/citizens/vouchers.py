"""Vouchers in the hands of their owner."""

import datetime
import io
from dataclasses import asdict
from typing import Any
from uuid import UUID

import segno
from flask import Response

from partners_api.citizens.blueprint import citizens, wallet_of
from partners_api.citizens.schemas import (
    OwnVoucherSchema,
    ShortCodeOrderSchema,
    ShortCodeSchema,
    VoucherOrderSchema,
)
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import VoucherSchema
from partners_api.services import keyring, now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.offers import (
    FunderBudgetSpentError,
    OfferLimitReachedError,
    OfferNotOnSaleError,
    OfferSoldOutError,
    OfferUnknownError,
)
from rewards.shops import ShopRevokedError
from rewards.vouchers import (
    Voucher,
    VoucherAlreadyRedeemedError,
    VoucherCancelledError,
    VoucherExpiredError,
    VoucherOfAnotherShopError,
    VoucherReversedError,
    VoucherUnknownError,
    cancel_voucher,
    get_voucher,
    issue_voucher,
    list_vouchers,
    make_short_code,
    voucher_text,
)
from rewards.wallets import PointsInsufficientError


@operation(
    citizens,
    "POST",
    "/vouchers",
    audience="citizen",
    body=VoucherOrderSchema,
    answers=(201, OwnVoucherSchema),
    refuses=(
        OfferUnknownError,
        OfferNotOnSaleError,
        OfferSoldOutError,
        FunderBudgetSpentError,
        OfferLimitReachedError,
        PointsInsufficientError,
    ),
    is_idempotent=True,
)
def buy_voucher(caller: Principal, order: dict[str, Any], key: str) -> dict[str, Any]:
    """Spend points on a voucher. The points are held until it is redeemed, cancelled or expires."""

    def issue() -> dict[str, str]:
        voucher_id = issue_voucher(connection(), keyring(), **wallet_of(caller), **order, now=now())
        return {"voucher_id": str(voucher_id)}

    return show_own(caller, UUID(once(caller, key, issue)["voucher_id"]))


@listing(citizens, "/vouchers", audience="citizen", item=VoucherSchema, key=(UUID,))
def show_vouchers(caller: Principal, asked: dict[str, Any]) -> Page[Voucher]:
    """List one's vouchers, newest first, whatever became of them."""
    vouchers = list_vouchers(connection(), **wallet_of(caller), **asked, now=now())
    return page_of(vouchers, asked["limit"], lambda voucher: (voucher.voucher_id,))


@operation(
    citizens,
    "GET",
    "/vouchers/<uuid:voucher_id>",
    audience="citizen",
    answers=(200, OwnVoucherSchema),
    refuses=(VoucherUnknownError,),
)
def show_voucher(caller: Principal, voucher_id: UUID) -> dict[str, Any]:
    """Show one voucher with the code the shop reads."""
    return show_own(caller, voucher_id)


@operation(
    citizens,
    "GET",
    "/vouchers/<uuid:voucher_id>/qr.svg",
    audience="citizen",
    answers=(200, None),
    content_type="image/svg+xml",
    refuses=(VoucherUnknownError,),
)
def show_voucher_qr(caller: Principal, voucher_id: UUID) -> Response:
    """Show the code of a voucher as a QR picture."""
    picture = io.BytesIO()
    code = segno.make(show_own(caller, voucher_id)["code"], error="m", micro=False)
    code.save(picture, kind="svg", scale=8, xmldecl=False, light="#fff")
    return Response(picture.getvalue(), mimetype="image/svg+xml")


@operation(
    citizens,
    "POST",
    "/vouchers/<uuid:voucher_id>/cancellation",
    audience="citizen",
    answers=(200, OwnVoucherSchema),
    refuses=(VoucherUnknownError, VoucherAlreadyRedeemedError, VoucherCancelledError, VoucherExpiredError),
    is_idempotent=True,
)
def cancel_own_voucher(caller: Principal, key: str, voucher_id: UUID) -> dict[str, Any]:
    """Cancel a voucher not yet redeemed; its points come back to where they were."""

    def cancel() -> dict[str, str]:
        cancel_voucher(connection(), **wallet_of(caller), voucher_id=voucher_id, now=now())
        return {"voucher_id": str(voucher_id)}

    once(caller, key, cancel)
    return show_own(caller, voucher_id)


@operation(
    citizens,
    "POST",
    "/vouchers/<uuid:voucher_id>/short-code",
    audience="citizen",
    body=ShortCodeOrderSchema,
    answers=(201, ShortCodeSchema),
    refuses=(
        VoucherUnknownError,
        VoucherOfAnotherShopError,
        ShopRevokedError,
        VoucherAlreadyRedeemedError,
        VoucherReversedError,
        VoucherCancelledError,
        VoucherExpiredError,
    ),
)
def make_voucher_short_code(
    caller: Principal, order: dict[str, Any], voucher_id: UUID
) -> dict[str, str | datetime.datetime]:
    """Make a code of six characters to be typed at one shop's till, where the QR code cannot be read.

    It is good for ten minutes.
    """
    code, expires_at = make_short_code(
        connection(), keyring(), **wallet_of(caller), voucher_id=voucher_id, **order, now=now()
    )
    return {"code": code, "expires_at": expires_at}


def show_own(caller: Principal, voucher_id: UUID) -> dict[str, Any]:
    """Return a voucher with its code, to its owner."""
    voucher = get_voucher(connection(), **wallet_of(caller), voucher_id=voucher_id, now=now())
    return asdict(voucher) | {"code": voucher_text(keyring(), authority=caller.authority, voucher_id=voucher_id)}
