"""Why a dispute is not opened or not decided."""

from rewards.errors import RewardsError


class MovementUnknownError(RewardsError):
    """The wallet has no credit and no expiry under this id; only these can be disputed."""

    code = "movement_unknown"


class DisputeExistsError(RewardsError):
    """The movement is disputed already, or was with success."""

    code = "dispute_exists"


class DisputeUnknownError(RewardsError):
    """There is no such dispute."""

    code = "dispute_unknown"


class DisputeDecidedError(RewardsError):
    """Somebody has decided about it before."""

    code = "dispute_decided"


class RemedyImpossibleError(RewardsError):
    """The movement cannot be corrected this way, or was corrected before: choose another, or reject the dispute."""

    code = "remedy_impossible"
