"""The event storage of one bin: an SQLite file, written before anything is sent (bin protocol, section "Events").

Knows nothing of MQTT, of receipts' form or of time zones: numbers, bytes, and when something was first sent or settled.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from simulators.sequence_ranges import SequenceRanges

KEEP_SETTLED = timedelta(days=7)
LAZY_COMMIT = timedelta(seconds=5)
DEFAULT_CAPACITY = 100_000

_SCHEMA = """
CREATE TABLE journal (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id TEXT NOT NULL, next_seq INTEGER NOT NULL, boot INTEGER NOT NULL, epoch INTEGER NOT NULL,
    contents TEXT NOT NULL
);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, clock TEXT NOT NULL, body BLOB NOT NULL,
    first_sent_at REAL, settled_at REAL, is_given_up INTEGER NOT NULL DEFAULT 0
);
"""


class JournalFullError(Exception):
    """The storage holds as many events as it may; nothing was stored."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as it lies in the journal; ``clock`` is the state of the bin's clock when it happened."""

    seq: int
    clock: str
    body: bytes


class Journal:
    """One bin's events, numbered from 1 without reuse, kept until seven days after their receipt.

    Only one process can hold a journal: a second one fails with ``sqlite3.OperationalError: database is locked``,
    because two processes acting as one bin would use the same numbers twice.

    ``append`` and the notes about sending and settling join one open transaction; ``commit`` makes them durable
    (write-ahead log with ``synchronous=FULL``: one fdatasync a commit, 130 microseconds where this was measured).
    A lost note costs a repeat, a lost sent event would cost points: so only events force a commit before sending.
    """

    def __init__(self, path: Path, *, capacity_events: int = DEFAULT_CAPACITY) -> None:
        """Open the storage at ``path``, or create it with a newly drawn journal id."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._capacity_events = capacity_events
        self._db = sqlite3.connect(path, isolation_level=None)
        try:
            self._prepare()
            row = self._db.execute("SELECT id, next_seq, boot, epoch, contents FROM journal").fetchone()
        except BaseException:
            self._db.close()
            raise
        self.id: str = row[0]
        self.next_seq: int = row[1]
        self.boot: int = row[2]
        self.epoch: int = row[3]
        self.contents: dict[str, dict[str, int]] = json.loads(row[4])
        self.held_events: int = self._db.execute("SELECT count(*) FROM events").fetchone()[0]
        self._has_uncommitted_events = False
        self._committed_at: datetime | None = None

    def _prepare(self) -> None:
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("BEGIN IMMEDIATE")
        if self._db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'journal'").fetchone() is None:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                self._db.execute(statement)
            self._db.execute("INSERT INTO journal VALUES (1, ?, 1, 0, 0, '{}')", (secrets.token_hex(16),))
        self._db.execute("COMMIT")

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Commit what is open and close the file; a second call does nothing."""
        with closing(self._db):
            if self._is_open() and self._db.in_transaction:
                self._db.execute("COMMIT")

    def _is_open(self) -> bool:
        try:
            self._db.total_changes  # noqa: B018 - the property raises on a closed connection
        except sqlite3.ProgrammingError:
            return False
        return True

    def start_boot(self) -> int:
        """Count one more start of the firmware, durably, and return its number (1 for the first)."""
        self._write("UPDATE journal SET boot = boot + 1")
        self.boot += 1
        self.commit()
        return self.boot

    def append(self, body: bytes, *, clock: str) -> int:
        """Store one event under ``next_seq`` and return that number; durable after the next ``commit``.

        Raises:
            JournalFullError: as many events are held as the capacity allows; nothing has changed.
        """
        if self.held_events >= self._capacity_events:
            raise JournalFullError(f"the journal holds its {self._capacity_events} events")
        seq = self.next_seq
        self._write("INSERT INTO events (seq, clock, body) VALUES (?, ?, ?)", (seq, clock, body))
        self._write(
            "UPDATE journal SET next_seq = ?, contents = ?", (seq + 1, json.dumps(self.contents, sort_keys=True))
        )
        self.next_seq = seq + 1
        self.held_events += 1
        self._has_uncommitted_events = True
        return seq

    def commit(self) -> None:
        """Make everything durable; returns after the storage has confirmed it."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")
        self._has_uncommitted_events = False

    def commit_before_sending(self, now: datetime) -> None:
        """Commit if an event is not yet durable, or if notes have waited five seconds."""
        if self._committed_at is None or now - self._committed_at >= LAZY_COMMIT or self._has_uncommitted_events:
            self._committed_at = now
            self.commit()

    def list_events(self, seqs: Iterable[int]) -> list[StoredEvent]:
        """Return the events with these numbers in the order given; numbers not held are left out."""
        statement = "SELECT seq, clock, body FROM events WHERE seq = ?"
        rows = (self._db.execute(statement, (seq,)).fetchone() for seq in seqs)
        return [StoredEvent(*row) for row in rows if row is not None]

    def list_outstanding(self) -> SequenceRanges:
        """Return the numbers of all events neither settled nor given up."""
        rows = self._db.execute("SELECT seq FROM events WHERE settled_at IS NULL AND NOT is_given_up ORDER BY seq")
        outstanding = SequenceRanges()
        for (seq,) in rows:
            outstanding.add(seq, seq)
        return outstanding

    @property
    def oldest_held(self) -> int:
        """The lowest number still stored, or the next number when nothing is."""
        lowest: int | None = self._db.execute("SELECT min(seq) FROM events").fetchone()[0]
        return self.next_seq if lowest is None else lowest

    @property
    def given_up_events(self) -> int:
        """How many stored events have been given up."""
        count: int = self._db.execute("SELECT count(*) FROM events WHERE is_given_up").fetchone()[0]
        return count

    def note_sent(self, seqs: Iterable[int], now: datetime) -> None:
        """Remember when these events were sent for the first time; later sends change nothing."""
        statement = "UPDATE events SET first_sent_at = ? WHERE seq = ? AND first_sent_at IS NULL"
        self._begin()
        self._db.executemany(statement, [(now.timestamp(), seq) for seq in seqs])

    def note_settled(self, ranges: Iterable[tuple[int, int]], now: datetime) -> None:
        """Remember that a receipt settled these ranges; the seven days of keeping begin."""
        statement = "UPDATE events SET settled_at = ? WHERE seq BETWEEN ? AND ? AND settled_at IS NULL"
        self._begin()
        self._db.executemany(statement, [(now.timestamp(), low, high) for low, high in ranges])

    def start_epoch(self, epoch: int) -> None:
        """Cancel every earlier receipt: all events still held and not given up are unsettled again. Durable."""
        self._write("UPDATE events SET settled_at = NULL WHERE settled_at IS NOT NULL")
        self._write("UPDATE journal SET epoch = ?", (epoch,))
        self.epoch = epoch
        self.commit()

    def skip_to(self, next_seq: int) -> None:
        """Never use the numbers below ``next_seq``. Durable."""
        self._write("UPDATE journal SET next_seq = ?", (next_seq,))
        self.next_seq = next_seq
        self.commit()

    def give_up_sent_before(self, moment: datetime) -> list[int]:
        """Give up unsettled events first sent at or before ``moment`` and return their numbers, ascending."""
        rows = self._write(
            "UPDATE events SET is_given_up = 1 WHERE first_sent_at <= ? AND settled_at IS NULL"
            " AND NOT is_given_up RETURNING seq",
            (moment.timestamp(),),
        )
        return sorted(seq for (seq,) in rows)

    def forget_settled_before(self, moment: datetime) -> int:
        """Delete events settled before ``moment`` and return how many; call it with ``now - KEEP_SETTLED``."""
        cursor = self._db.execute("SELECT 1 FROM events WHERE settled_at < ? LIMIT 1", (moment.timestamp(),))
        if cursor.fetchone() is None:
            return 0
        deleted = len(self._write("DELETE FROM events WHERE settled_at < ? RETURNING seq", (moment.timestamp(),)))
        self.held_events -= deleted
        return deleted

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")

    def _write(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[int]]:
        self._begin()
        return self._db.execute(statement, values).fetchall()
