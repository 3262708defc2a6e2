"""Why a report of a bin is not taken, or not closed."""

from rewards.errors import RewardsError


class BinUnknownError(RewardsError):
    """No bin in use has this id."""

    code = "bin_unknown"


class ProblemUnknownError(RewardsError):
    """The authority has no such report."""

    code = "problem_unknown"


class ProblemClosedError(RewardsError):
    """Somebody has closed the report before."""

    code = "problem_closed"
