"""The event storage of one bin: every event is written here before it is sent (bin protocol, section "Events").

Knows nothing of MQTT or of the form of receipts: numbers, bytes, and when something was first sent or settled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from simulators.journal_file import open_journal_file
from simulators.sequence_ranges import SequenceRanges

KEEP_SETTLED = timedelta(days=7)
LAZY_COMMIT = timedelta(seconds=5)
DEFAULT_CAPACITY = 100_000


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

    ``append`` and the ``note_`` methods join one open transaction, and ``commit`` makes it durable. A lost note costs a
    repeat, a lost event that was sent would cost points: so only events force a commit before something is sent.
    """

    def __init__(self, path: Path, *, capacity_events: int = DEFAULT_CAPACITY) -> None:
        """Open the storage at ``path``, or create it with a newly drawn id.

        Raises:
            sqlite3.OperationalError: another process holds this journal, or the folder cannot be written.
        """
        self._capacity_events = capacity_events
        self._db = open_journal_file(path)
        row = self._db.execute("SELECT id, next_seq, boot, epoch, contents FROM journal").fetchone()
        self.id: str = row[0]
        self.next_seq: int = row[1]
        self.boot: int = row[2]
        self.epoch: int = row[3]
        self.contents: dict[str, dict[str, int]] = json.loads(row[4])
        self.held_events: int = self._db.execute("SELECT count(*) FROM events").fetchone()[0]
        self._has_uncommitted_events = False
        self._committed_at: datetime | None = None
        self._is_open = True

    def close(self) -> None:
        """Commit what is open and close the file; a second call does nothing."""
        if self._is_open:
            self._is_open = False
            self.commit()
            self._db.close()

    def start_boot(self) -> int:
        """Count one more start of the firmware, durably, and return its number (1 for the first)."""
        self._write("UPDATE journal SET boot = boot + 1")
        self.boot += 1
        self.commit()
        return self.boot

    @property
    def is_full(self) -> bool:
        """Whether the storage holds as many events as it may."""
        return self.held_events >= self._capacity_events

    def append(self, body: bytes, *, clock: str) -> int:
        """Store one event under ``next_seq`` and return that number; durable after the next ``commit``.

        Raises:
            JournalFullError: as many events are held as the capacity allows; nothing has changed.
        """
        if self.is_full:
            raise JournalFullError(f"the journal holds its {self._capacity_events} events")
        seq = self.next_seq
        self._write("INSERT INTO events (seq, clock, body) VALUES (?, ?, ?)", seq, clock, body)
        self._write("UPDATE journal SET next_seq = ?, contents = ?", seq + 1, json.dumps(self.contents))
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
        if self._has_uncommitted_events or self._committed_at is None or now - self._committed_at >= LAZY_COMMIT:
            self._committed_at = now
            self.commit()

    def list_events(self, seqs: Iterable[int]) -> list[StoredEvent]:
        """Return the events with these numbers in the order given; numbers not held are left out."""
        statement = "SELECT seq, clock, body FROM events WHERE seq = ?"
        rows = (self._db.execute(statement, (seq,)).fetchone() for seq in seqs)
        return [StoredEvent(*row) for row in rows if row is not None]

    def list_outstanding(self) -> SequenceRanges:
        """Return the numbers of all events neither settled nor given up."""
        outstanding = SequenceRanges()
        for (seq,) in self._db.execute("SELECT seq FROM events WHERE settled_at IS NULL ORDER BY seq"):
            outstanding.add(seq, seq)
        return outstanding

    @property
    def oldest_held(self) -> int:
        """The lowest number still stored, or the next number when nothing is."""
        lowest: int | None = self._db.execute("SELECT min(seq) FROM events").fetchone()[0]
        return self.next_seq if lowest is None else lowest

    @property
    def given_up_events(self) -> int:
        """How many of the stored events have been given up."""
        count: int = self._db.execute("SELECT count(*) FROM events WHERE is_given_up").fetchone()[0]
        return count

    def note_sent(self, seqs: Sequence[int], now: datetime) -> None:
        """Remember when these events were sent for the first time; later sends change nothing."""
        statement = "UPDATE events SET first_sent_at = ? WHERE seq = ? AND first_sent_at IS NULL"
        for seq in seqs:
            self._write(statement, now.timestamp(), seq)

    def note_settled(self, ranges: Sequence[tuple[int, int]], now: datetime) -> None:
        """Remember that a receipt settled these ranges; the seven days of keeping begin."""
        statement = "UPDATE events SET settled_at = ? WHERE seq BETWEEN ? AND ? AND settled_at IS NULL"
        for low, high in ranges:
            self._write(statement, now.timestamp(), low, high)

    def start_epoch(self, epoch: int) -> None:
        """Cancel every earlier receipt: all events held and not given up are unsettled again. Durable."""
        self._write("UPDATE events SET settled_at = NULL WHERE settled_at IS NOT NULL AND NOT is_given_up")
        self._write("UPDATE journal SET epoch = ?", epoch)
        self.epoch = epoch
        self.commit()

    def skip_to(self, next_seq: int) -> None:
        """Never use the numbers below ``next_seq``. Durable."""
        self._write("UPDATE journal SET next_seq = ?", next_seq)
        self.next_seq = next_seq
        self.commit()

    def give_up_sent_before(self, moment: datetime, now: datetime) -> list[int]:
        """Give up what was first sent at or before ``moment`` and is unsettled; return the numbers, ascending.

        For the keeping, what is given up counts as settled ``now``.
        """
        rows = self._write(
            "UPDATE events SET is_given_up = 1, settled_at = ? WHERE first_sent_at <= ? AND settled_at IS NULL"
            " RETURNING seq",
            now.timestamp(),
            moment.timestamp(),
        )
        return sorted(seq for (seq,) in rows)

    def forget_settled_before(self, moment: datetime) -> int:
        """Delete events settled before ``moment`` and return how many; call it with ``now - KEEP_SETTLED``."""
        deleted = len(self._write("DELETE FROM events WHERE settled_at < ? RETURNING seq", moment.timestamp()))
        self.held_events -= deleted
        return deleted

    def _write(self, statement: str, *values: object) -> list[tuple[int]]:
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")
        return self._db.execute(statement, values).fetchall()
