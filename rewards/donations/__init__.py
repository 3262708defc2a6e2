"""Donations: points of a wallet given away, to a cause at once or to a goal with others (``rewards/goals``)."""

from rewards.donations.giving import Donation, donate_to_cause, get_donation
from rewards.donations.refusals import CauseNotActiveError, CauseUnknownError, DonationPointsError

__all__ = [
    "CauseNotActiveError",
    "CauseUnknownError",
    "Donation",
    "DonationPointsError",
    "donate_to_cause",
    "get_donation",
]
