"""Vouchers: issued for points that stay pending, then redeemed at a shop, cancelled or expired: one of these, once."""

from rewards.vouchers.codes import voucher_text
from rewards.vouchers.issuing import cancel_voucher, expire_vouchers, issue_voucher
from rewards.vouchers.reading import Voucher, get_voucher, list_vouchers, look_up_voucher
from rewards.vouchers.redeeming import Redemption, record_refusal, redeem_voucher
from rewards.vouchers.refusals import (
    PointsInsufficientError,
    VoucherAlreadyRedeemedError,
    VoucherCancelledError,
    VoucherExpiredError,
    VoucherOfAnotherShopError,
    VoucherRefusedError,
    VoucherUnknownError,
)

__all__ = [
    "PointsInsufficientError",
    "Redemption",
    "Voucher",
    "VoucherAlreadyRedeemedError",
    "VoucherCancelledError",
    "VoucherExpiredError",
    "VoucherOfAnotherShopError",
    "VoucherRefusedError",
    "VoucherUnknownError",
    "cancel_voucher",
    "expire_vouchers",
    "get_voucher",
    "issue_voucher",
    "list_vouchers",
    "look_up_voucher",
    "record_refusal",
    "redeem_voucher",
    "voucher_text",
]
