"""Why a voucher cannot be used as asked: a closed list, the same at the till, on the phone and in the records."""

from uuid import UUID

from rewards.errors import RewardsError
from rewards.tries import TriesSpentError


class VoucherRefusedError(RewardsError):
    """A voucher cannot be used as asked. ``voucher_id`` is None when there is no such voucher."""

    def __init__(self, voucher_id: UUID | None = None) -> None:
        super().__init__(voucher_id)
        self.voucher_id = voucher_id


class VoucherUnknownError(VoucherRefusedError):
    """No voucher of the authority has this code or id, or it is somebody else's."""

    code = "voucher_unknown"


class VoucherAlreadyRedeemedError(VoucherRefusedError):
    """It was redeemed before."""

    code = "voucher_already_redeemed"


class VoucherCancelledError(VoucherRefusedError):
    """Its owner cancelled it; the points went back."""

    code = "voucher_cancelled"


class VoucherExpiredError(VoucherRefusedError):
    """Its time is over; the points go back."""

    code = "voucher_expired"


class VoucherOfAnotherShopError(VoucherRefusedError):
    """It is good, but at another shop."""

    code = "voucher_of_another_shop"


class VoucherReversedError(VoucherRefusedError):
    """Its redemption was taken back; the points are in the wallet again."""

    code = "voucher_reversed"


class ShortCodeUnknownError(VoucherRefusedError):
    """No voucher can be had with this typed code at this shop, or no longer."""

    code = "short_code_unknown"


class ShortCodeLockedError(TriesSpentError):
    """The shop got five typed codes wrong within ten minutes: scan the QR code, or wait."""

    code = "short_code_locked"


class CardsLockedError(TriesSpentError):
    """The shop read ten cards within ten minutes and redeemed nothing, or failed to: wait, or scan the voucher."""

    code = "cards_locked"


class PinRequiredError(VoucherRefusedError):
    """The shop wants to know who does this: name one of its staff, with the PIN."""

    code = "pin_required"


class StaffRefusedError(VoucherRefusedError):
    """The shop has nobody of this id and PIN at work."""

    code = "staff_refused"


class VoucherNotRedeemedError(RewardsError):
    """There is no redemption to take back."""

    code = "voucher_not_redeemed"


class ReversalTooLateError(RewardsError):
    """A shop can take a redemption back on its own day; after that the authority can."""

    code = "reversal_too_late"


class ReversalAlreadyAskedError(RewardsError):
    """An agent asked for it before, and it is open or approved."""

    code = "reversal_already_asked"


class ReversalUnknownError(RewardsError):
    """Nobody of the authority asked for such a reversal."""

    code = "reversal_unknown"


class ReversalDecidedError(RewardsError):
    """It was approved or rejected before."""

    code = "reversal_decided"


REFUSAL_OF_STATUS: dict[str, type[VoucherRefusedError]] = {
    "redeemed": VoucherAlreadyRedeemedError,
    "reversed": VoucherReversedError,
    "cancelled": VoucherCancelledError,
    "expired": VoucherExpiredError,
}
