"""Why staff is not changed, or cannot be asked who they are.

That a PIN is wrong is in ``rewards/vouchers/refusals.py``: it is recorded with the redemptions that were refused.
"""

from rewards.errors import RewardsError
from rewards.tries import TriesSpentError


class StaffUnknownError(RewardsError):
    """The shop has nobody of this id."""

    code = "staff_unknown"


class StaffLockedError(TriesSpentError):
    """Five wrong PINs were given for somebody within ten minutes: wait, or name somebody else."""

    code = "staff_locked"
