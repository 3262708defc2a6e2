"""The SQLite file below a journal: its schema, its creation, and how durable and how exclusive it is."""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path
from typing import Any

# One script for each version of the file; a file of an older version gets those it has not had. ``user_version`` counts
# them, except in files of the time before it was counted.
_SCRIPTS = (
    """
CREATE TABLE journal (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id TEXT NOT NULL, next_seq INTEGER NOT NULL, boot INTEGER NOT NULL, epoch INTEGER NOT NULL,
    contents TEXT NOT NULL
);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, clock TEXT NOT NULL, body BLOB NOT NULL,
    first_sent_at REAL, settled_at REAL, is_given_up INTEGER NOT NULL DEFAULT 0
);
""",
    """
ALTER TABLE events ADD COLUMN ahead_ms INTEGER;
ALTER TABLE journal ADD COLUMN closed_until REAL;
ALTER TABLE journal ADD COLUMN config BLOB;
CREATE TABLE commands (id TEXT PRIMARY KEY, state TEXT NOT NULL, expires_at REAL NOT NULL, answered_at REAL NOT NULL);
""",
)


class JournalFile:
    """One transaction at a time, begun by the first ``write`` and made durable by ``commit``."""

    def __init__(self, path: Path) -> None:
        """Open the storage at ``path``; when there is none, create it and draw its journal id (128 random bits).

        A commit returns after the storage has confirmed it: write-ahead log with ``synchronous=FULL``, one fdatasync a
        commit, 130 microseconds where this was measured (rollback journal: 480).

        Raises:
            sqlite3.OperationalError: another process holds the file (two processes acting as one bin would give the
                same number to two events), or the folder cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None, timeout=0.2)
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("BEGIN IMMEDIATE")
        is_new = not self.read("SELECT 1 FROM sqlite_schema WHERE name = 'journal'")
        [(version,)] = self.read("PRAGMA user_version")
        for script in _SCRIPTS[0 if is_new else max(version, 1) :]:
            for statement in filter(str.strip, script.split(";")):
                self._db.execute(statement)
        if is_new:
            values = (secrets.token_hex(16),)
            self._db.execute(
                "INSERT INTO journal (only, id, next_seq, boot, epoch, contents) VALUES (1, ?, 1, 0, 0, '{}')", values
            )
        self._db.execute(f"PRAGMA user_version = {len(_SCRIPTS)}")
        self._db.execute("COMMIT")

    def read(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return all rows, what is not yet committed included."""
        return self._db.execute(statement, values).fetchall()

    def write(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Change something and return the rows of a RETURNING clause; durable after the next ``commit``."""
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")
        return self._db.execute(statement, values).fetchall()

    def commit(self) -> None:
        """Make everything durable; returns after the storage has confirmed it."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Commit and close."""
        self.commit()
        self._db.close()
