"""Everything below ``/shop``."""

from functools import partial
from typing import Any

from partners_api.operations import Blueprint, operation
from partners_api.schemas import VoucherSchema
from partners_api.services import keyring, now
from partners_api.shops.schemas import EnteredCodeSchema, RedemptionSchema
from partners_api.transactions import after_roll_back, connection
from rewards.access import Principal
from rewards.shops import ShopRevokedError
from rewards.vouchers import (
    Redemption,
    Voucher,
    VoucherAlreadyRedeemedError,
    VoucherCancelledError,
    VoucherExpiredError,
    VoucherOfAnotherShopError,
    VoucherRefusedError,
    VoucherReversedError,
    VoucherUnknownError,
    look_up_voucher,
    record_refusal,
    redeem_voucher,
)

shops = Blueprint("shop", __name__, url_prefix="/shop", description="For shops' tills")


@operation(
    shops,
    "POST",
    "/vouchers/lookup",
    audience="shop",
    scope="redeem",
    body=EnteredCodeSchema,
    answers=(200, VoucherSchema),
    refuses=(VoucherUnknownError, VoucherOfAnotherShopError),
)
def look_up(caller: Principal, entered: dict[str, str]) -> Voucher:
    """Look at a voucher of this shop without redeeming it."""
    return look_up_voucher(connection(), keyring(), **shop_of(caller), code=entered["code"], now=now())


@operation(
    shops,
    "POST",
    "/redemptions",
    audience="shop",
    scope="redeem",
    body=EnteredCodeSchema,
    answers=(201, RedemptionSchema),
    refuses=(
        VoucherUnknownError,
        VoucherOfAnotherShopError,
        VoucherAlreadyRedeemedError,
        VoucherReversedError,
        VoucherCancelledError,
        VoucherExpiredError,
        ShopRevokedError,
    ),
    is_idempotent=True,
)
def redeem(caller: Principal, entered: dict[str, str], key: str) -> Redemption:
    """Redeem a voucher: its points become the shop's, once.

    Repeated with the same `Idempotency-Key` it answers the same again, for ever. Refusals are recorded.
    """
    at = now()
    try:
        return redeem_voucher(
            connection(), keyring(), **shop_of(caller), code=entered["code"], redemption_key=key, now=at
        )
    except VoucherRefusedError as refusal:
        after_roll_back(partial(record_refusal, refusal=refusal, **shop_of(caller), now=at))
        raise


def shop_of(caller: Principal) -> dict[str, Any]:
    """Return which shop's calls these are."""
    return {"authority_id": caller.authority_id, "shop_id": caller.subject_id}
