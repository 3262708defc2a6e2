"""Why a goal takes no points (``docs/errors.md``), and why a command about one is refused (``docs/operators.md``)."""

from uuid import UUID

from rewards.errors import OperatorRefusedError, RewardsError


class GoalUnknownError(RewardsError):
    """The authority has no such goal."""

    code = "goal_unknown"


class GoalNotOpenError(RewardsError):
    """The goal takes no points: it has not begun, is over, or has reached its target."""

    code = "goal_not_open"


class GoalMissingError(OperatorRefusedError):
    """The authority has no such goal."""

    code = "goal_missing"

    def __init__(self, goal_id: UUID) -> None:
        super().__init__(f"there is no goal {goal_id}: see bontri goals list --all")


class GoalStateError(OperatorRefusedError):
    """The goal was closed or missed before."""

    code = "goal_state_wrong"

    def __init__(self, goal_id: UUID, state: str) -> None:
        super().__init__(f"goal {goal_id} is {state}: nothing was changed")
