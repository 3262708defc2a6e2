"""Why an operator's command about a cause is refused; each code is explained in ``docs/operators.md``.

What a citizen who donates is refused is in ``rewards/donations/refusals.py``.
"""

from uuid import UUID

from rewards.errors import OperatorRefusedError


class CauseMissingError(OperatorRefusedError):
    """The authority has no such cause."""

    code = "cause_missing"

    def __init__(self, cause_id: UUID) -> None:
        super().__init__(f"there is no cause {cause_id}: see bontri causes list --all")


class CauseStateError(OperatorRefusedError):
    """What is asked does not follow on the state the cause is in."""

    code = "cause_state_wrong"

    def __init__(self, cause_id: UUID, state: str) -> None:
        super().__init__(f"cause {cause_id} is {state}: nothing was changed")


class CauseNumberError(OperatorRefusedError):
    """The number of the association is none: its form or its check digit is wrong."""

    code = "cause_number_wrong"

    def __init__(self, kind: str, number: str) -> None:
        super().__init__(f"{number!r} is no {kind} number: look it up at annuaire-entreprises.data.gouv.fr")
