"""Why a decision about a review is refused; each code is explained in ``docs/operators.md``."""

from uuid import UUID

from rewards.errors import OperatorRefusedError


class ReviewUnknownError(OperatorRefusedError):
    """The authority has no credit in review under this id."""

    code = "review_unknown"

    def __init__(self, transfer_id: UUID) -> None:
        super().__init__(f"there is no credit in review {transfer_id}: see bontri reviews list")


class ReviewDecidedError(OperatorRefusedError):
    """It was approved or rejected before, or posted itself."""

    code = "review_decided"

    def __init__(self, transfer_id: UUID, state: str) -> None:
        self.state = state
        what = "its points were posted when its time was over" if state == "lapsed" else f"it is {state}"
        super().__init__(f"{transfer_id} has been decided: {what}; nothing was changed now")
