"""Which commands a bin has answered, and how: kept with its journal, so that an id is executed once for ever."""

from __future__ import annotations

from datetime import datetime, timedelta

from simulators.journal_file import JournalFile

ANSWERED_FOR = timedelta(minutes=10)
ANSWERS_MAX = 20
# A clock that is set again may go back by half of a prompt round trip; a command must not come to life by that.
KEPT_AFTER_EXPIRY = timedelta(minutes=10)


class CommandLog:
    """The answered commands of one bin, by id."""

    def __init__(self, file: JournalFile) -> None:
        """Share the file of the journal, and its transaction."""
        self._file = file

    def find_state(self, command_id: str) -> str | None:
        """Return what this command was answered with, or None when it is new."""
        rows = self._file.read("SELECT state FROM commands WHERE id = ?", command_id)
        return rows[0][0] if rows else None

    def note(self, command_id: str, state: str, *, expires_at: datetime, now: datetime) -> None:
        """Remember an answer together with everything else that is not yet committed. Durable."""
        values = (command_id, state, expires_at.timestamp(), now.timestamp())
        self._file.write("INSERT INTO commands (id, state, expires_at, answered_at) VALUES (?, ?, ?, ?)", *values)
        self._file.commit()

    def note_repeat(self, command_id: str, now: datetime) -> None:
        """Give the answer again from now on."""
        self._file.write("UPDATE commands SET answered_at = ? WHERE id = ?", now.timestamp(), command_id)

    def forget_expired(self, reading: datetime, now: datetime) -> None:
        """Forget what has expired and was answered long enough.

        Args:
            reading: What the bin's clock shows; only a synced one may be asked.
            now: True time, in which answers are stored.
        """
        self._file.write(
            "DELETE FROM commands WHERE expires_at < ? AND answered_at < ?",
            (reading - KEPT_AFTER_EXPIRY).timestamp(),
            (now - ANSWERED_FOR).timestamp(),
        )

    def list_answers(self, now: datetime) -> list[dict[str, object]]:
        """Return the answers of the last ten minutes as ``status`` carries them, the newest first, at most 20."""
        rows = self._file.read(
            "SELECT id, state FROM commands WHERE answered_at > ? ORDER BY answered_at DESC, rowid DESC LIMIT ?",
            (now - ANSWERED_FOR).timestamp(),
            ANSWERS_MAX,
        )
        return [{"id": command_id, "state": state} for command_id, state in rows]
