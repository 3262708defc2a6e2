"""Why a card is not blocked, replaced or claimed; the first two are told to citizens too (``docs/errors.md``).

No card is named: what was read from it is its secret.
"""

from rewards.errors import OperatorRefusedError, RewardsError


class CardUnknownError(RewardsError):
    """No citizen has this card, or none who may see it: check what was read from it."""

    code = "card_unknown"


class CardBlockedError(RewardsError):
    """The card is blocked, and blocked cards stay so: take another one."""

    code = "card_blocked"


class CitizenUnknownError(OperatorRefusedError):
    """The authority has no such citizen, or they are blocked."""

    code = "citizen_unknown"

    def __init__(self, said: str) -> None:
        super().__init__(f"there is no citizen by this {said}")
