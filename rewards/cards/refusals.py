"""Why a card is not blocked, replaced or claimed; each code is explained in ``docs/operators.md``.

No card is named: what was read from it is its secret.
"""

from rewards.errors import OperatorRefusedError


class CardUnknownError(OperatorRefusedError):
    """No citizen of the authority has this card."""

    code = "card_unknown"

    def __init__(self) -> None:
        super().__init__("no citizen of this authority has the card: check what was read from it")


class CardBlockedError(OperatorRefusedError):
    """The card is blocked, and blocked cards stay so."""

    code = "card_blocked"

    def __init__(self) -> None:
        super().__init__("the card is blocked: take another one")


class CitizenUnknownError(OperatorRefusedError):
    """The authority has no such citizen, or they are blocked."""

    code = "citizen_unknown"

    def __init__(self, said: str) -> None:
        super().__init__(f"there is no citizen by this {said}")
