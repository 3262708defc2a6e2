"""Why points cannot be given as asked; each code is explained in ``docs/errors.md``."""

from rewards.errors import RewardsError


class DonationPointsError(RewardsError):
    """Given are whole points, from one to a million at once."""

    code = "donation_points_wrong"


class CauseUnknownError(RewardsError):
    """The authority has no such cause."""

    code = "cause_unknown"


class CauseNotActiveError(RewardsError):
    """The cause takes no donations: it is paused or has ended."""

    code = "cause_not_active"
