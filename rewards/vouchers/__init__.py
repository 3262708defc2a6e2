"""Vouchers: issued for points that stay pending, then redeemed at a shop, cancelled or expired: one of these, once."""

from rewards.vouchers.by_card import list_vouchers_of_card, redeem_by_card, take_card_try
from rewards.vouchers.codes import voucher_text
from rewards.vouchers.issuing import cancel_voucher, expire_vouchers, issue_voucher
from rewards.vouchers.reading import Voucher, get_voucher, list_vouchers, look_up_voucher
from rewards.vouchers.redeeming import Redemption, record_refusal, redeem_voucher
from rewards.vouchers.refusals import (
    CardsLockedError,
    ReversalTooLateError,
    ShortCodeLockedError,
    ShortCodeUnknownError,
    VoucherAlreadyRedeemedError,
    VoucherCancelledError,
    VoucherExpiredError,
    VoucherNotRedeemedError,
    VoucherOfAnotherShopError,
    VoucherRefusedError,
    VoucherReversedError,
    VoucherUnknownError,
)
from rewards.vouchers.reversing import reverse_redemption
from rewards.vouchers.short_codes import make_short_code, redeem_by_short_code, take_try

__all__ = [
    "CardsLockedError",
    "Redemption",
    "ReversalTooLateError",
    "ShortCodeLockedError",
    "ShortCodeUnknownError",
    "Voucher",
    "VoucherAlreadyRedeemedError",
    "VoucherCancelledError",
    "VoucherExpiredError",
    "VoucherNotRedeemedError",
    "VoucherOfAnotherShopError",
    "VoucherRefusedError",
    "VoucherReversedError",
    "VoucherUnknownError",
    "cancel_voucher",
    "expire_vouchers",
    "get_voucher",
    "issue_voucher",
    "list_vouchers",
    "list_vouchers_of_card",
    "look_up_voucher",
    "make_short_code",
    "record_refusal",
    "redeem_by_card",
    "redeem_by_short_code",
    "redeem_voucher",
    "reverse_redemption",
    "take_card_try",
    "take_try",
    "voucher_text",
]
