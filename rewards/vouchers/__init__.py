"""Vouchers: issued for points that stay pending, then redeemed at a shop, cancelled or expired: one of these, once."""

from rewards.vouchers.asking_back import (
    RedemptionReversal,
    approve_reversal,
    ask_for_reversal,
    get_reversal,
    list_reversals,
    reject_reversal,
)
from rewards.vouchers.at_shops import Refusal, ShopRedemption, list_redemptions, list_refusals
from rewards.vouchers.by_card import list_vouchers_of_card, redeem_by_card, take_card_redemption_try, take_card_try
from rewards.vouchers.codes import voucher_text
from rewards.vouchers.issuing import cancel_voucher, expire_vouchers, issue_voucher
from rewards.vouchers.reading import Voucher, get_voucher, get_voucher_by_id, list_vouchers, look_up_voucher
from rewards.vouchers.redeeming import Redemption, record_refusal, redeem_voucher
from rewards.vouchers.refusals import (
    CardsLockedError,
    PinRequiredError,
    ReversalAlreadyAskedError,
    ReversalDecidedError,
    ReversalTooLateError,
    ReversalUnknownError,
    ShortCodeLockedError,
    ShortCodeUnknownError,
    StaffRefusedError,
    VoucherAlreadyRedeemedError,
    VoucherCancelledError,
    VoucherExpiredError,
    VoucherNotRedeemedError,
    VoucherOfAnotherShopError,
    VoucherRefusedError,
    VoucherReversedError,
    VoucherUnknownError,
)
from rewards.vouchers.repeating import find_repeat_by_card, find_repeat_by_code
from rewards.vouchers.reversing import ReversalReason, reverse_redemption
from rewards.vouchers.short_codes import (
    is_short_code,
    look_up_by_short_code,
    make_short_code,
    redeem_by_short_code,
    take_try,
)

__all__ = [
    "CardsLockedError",
    "PinRequiredError",
    "Redemption",
    "RedemptionReversal",
    "Refusal",
    "ReversalAlreadyAskedError",
    "ReversalDecidedError",
    "ReversalReason",
    "ReversalTooLateError",
    "ReversalUnknownError",
    "ShopRedemption",
    "ShortCodeLockedError",
    "ShortCodeUnknownError",
    "StaffRefusedError",
    "Voucher",
    "VoucherAlreadyRedeemedError",
    "VoucherCancelledError",
    "VoucherExpiredError",
    "VoucherNotRedeemedError",
    "VoucherOfAnotherShopError",
    "VoucherRefusedError",
    "VoucherReversedError",
    "VoucherUnknownError",
    "approve_reversal",
    "ask_for_reversal",
    "cancel_voucher",
    "expire_vouchers",
    "find_repeat_by_card",
    "find_repeat_by_code",
    "get_reversal",
    "get_voucher",
    "get_voucher_by_id",
    "is_short_code",
    "issue_voucher",
    "list_redemptions",
    "list_refusals",
    "list_reversals",
    "list_vouchers",
    "list_vouchers_of_card",
    "look_up_by_short_code",
    "look_up_voucher",
    "make_short_code",
    "record_refusal",
    "redeem_by_card",
    "redeem_by_short_code",
    "redeem_voucher",
    "reject_reversal",
    "reverse_redemption",
    "take_card_redemption_try",
    "take_card_try",
    "take_try",
    "voucher_text",
]
