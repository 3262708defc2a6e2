"""Why a command about the quarantine is refused; each code is explained in ``docs/operators.md``."""

from rewards.errors import OperatorRefusedError


class MessageAmbiguousError(OperatorRefusedError):
    """More than one message has an id that begins so."""

    code = "message_ambiguous"

    def __init__(self, id_digits: str, *, first: str, second: str) -> None:
        super().__init__(f"the id {id_digits} is ambiguous ({first}, {second}): give more digits, or --authority")


class MessageUnreadableError(OperatorRefusedError):
    """The bytes were stored under another key."""

    code = "message_unreadable"

    def __init__(self, short_id: str) -> None:
        super().__init__(
            f"the bytes of {short_id} cannot be read: they were stored under another BONTRI_STORAGE_KEY, give that one"
        )


class ReplayNotTakenUpError(OperatorRefusedError):
    """No worker takes up what was requested; it stays requested."""

    code = "replay_not_taken_up"

    def __init__(self, waiting: int, *, patience_s: float) -> None:
        super().__init__(
            f"no worker has taken up {waiting:,} of the messages for {patience_s:.0f} s: they stay requested, and are"
            " replayed as soon as a worker runs (bontri ingest)"
        )
