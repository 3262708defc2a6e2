"""Why wallets are not put together or parted; the first five are told to citizens too, see ``docs/errors.md``."""

from rewards.errors import OperatorRefusedError, RewardsError
from rewards.tries import TriesSpentError


class WalletChangedError(RewardsError):
    """Somebody merged or left the wallet at the same moment: look again, and ask again."""

    code = "wallet_changed"


class WalletSharedError(RewardsError):
    """Others share the wallet, and each of them joins or leaves by their own will: leave it first."""

    code = "wallet_shared"


class WalletNotSharedError(RewardsError):
    """Nobody shares the wallet: there is nothing to leave."""

    code = "wallet_not_shared"


class InvitationUnknownError(RewardsError):
    """No wallet can be joined with this code, or no longer."""

    code = "invitation_unknown"


class InvitationLockedError(TriesSpentError):
    """Five codes were tried within ten minutes: wait as long as Retry-After says."""

    code = "invitation_locked"


class HouseholdTooSoonError(RewardsError):
    """Who left a household can join one again after 30 days."""

    code = "household_too_soon"


class ShareTooLargeError(OperatorRefusedError):
    """The wallet has fewer points free to share out than were agreed on."""

    code = "share_too_large"

    def __init__(self, *, points: int, available_points: int) -> None:
        super().__init__(f"{points:,} points were asked for, {available_points:,} can be shared out now")
