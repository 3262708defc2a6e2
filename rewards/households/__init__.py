"""Households: several citizens, one wallet. Caps stay each citizen's own; a shared wallet shares spending only.

Read ``merging.py`` (two wallets become one), ``splitting.py`` (a member leaves with a share), ``joining.py`` (how
citizens agree on it), ``changes.py`` (what both do to lots), ``reading.py`` (what the town hall reads out).
"""

from rewards.households.joining import accept_invitation, invite_to_wallet, take_invitation_try
from rewards.households.merging import Merged, merge_wallets
from rewards.households.reading import WalletOverview, describe_wallet
from rewards.households.refusals import (
    HouseholdTooSoonError,
    InvitationLockedError,
    InvitationUnknownError,
    ShareTooLargeError,
    WalletChangedError,
    WalletNotSharedError,
    WalletSharedError,
)
from rewards.households.splitting import Share, count_members, leave_household

__all__ = [
    "HouseholdTooSoonError",
    "InvitationLockedError",
    "InvitationUnknownError",
    "Merged",
    "Share",
    "ShareTooLargeError",
    "WalletChangedError",
    "WalletNotSharedError",
    "WalletOverview",
    "WalletSharedError",
    "accept_invitation",
    "count_members",
    "describe_wallet",
    "invite_to_wallet",
    "leave_household",
    "merge_wallets",
    "take_invitation_try",
]
