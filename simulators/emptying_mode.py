"""The time in which a crew empties the bin and the hatch takes nothing (bin protocol, section "Commands")."""

from __future__ import annotations

from datetime import UTC, datetime

from simulators.journal_file import JournalFile


class HatchClosedError(Exception):
    """The bin is in emptying mode; nothing was taken."""


class EmptyingMode:
    """On until a moment, or off; kept with the journal, so that a crew may also change the battery."""

    def __init__(self, file: JournalFile) -> None:
        """Continue as the last start of the firmware left it."""
        self._file = file
        [(until,)] = file.read("SELECT closed_until FROM journal")
        self._until = None if until is None else datetime.fromtimestamp(until, UTC)

    def is_on(self, now: datetime) -> bool:
        """Tell whether the hatch is closed; true time, as a timer would measure it."""
        return self._until is not None and now < self._until

    def start(self, until: datetime) -> None:
        """Close the hatch until then; durable after the next commit."""
        self._until = until
        self._file.write("UPDATE journal SET closed_until = ?", until.timestamp())

    def end(self) -> None:
        """Open the hatch; durable after the next commit."""
        self._until = None
        self._file.write("UPDATE journal SET closed_until = NULL")
