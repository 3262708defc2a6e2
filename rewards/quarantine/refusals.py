"""Why what an operator asks of the quarantine is refused; each code is explained in ``docs/operators.md``."""

from rewards.errors import OperatorRefusedError


class MessageMissingError(OperatorRefusedError):
    """No message in quarantine has this id."""

    code = "message_missing"

    def __init__(self, id_digits: str) -> None:
        super().__init__(f"no message in quarantine has the id {id_digits!r}: see bontri quarantine list --all")
