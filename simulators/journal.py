"""The event storage of one bin: every event is written here before it is sent (bin protocol, section "Events").

Knows nothing of MQTT or of the form of receipts: numbers, bytes, and when something was first sent or settled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from simulators.journal_file import JournalFile
from simulators.sequence_ranges import SequenceRanges

KEEP_SETTLED = timedelta(days=7)
LAZY_COMMIT = timedelta(seconds=5)
# 100,000 events offline within 30 days, and after draining them the 7 days for which they and 3,333 new ones a day are
# still kept: 123,333.
DEFAULT_CAPACITY = 125_000


class JournalFullError(Exception):
    """The storage holds as many events as it may; nothing was stored."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as it lies in the journal.

    Attributes:
        clock: The state of the bin's clock when it happened.
        ahead_ms: How far that clock was ahead, when it was ``free`` and has been measured since.
    """

    seq: int
    clock: str
    body: bytes
    ahead_ms: int | None = None


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
        self.capacity_events = capacity_events
        self.file = JournalFile(path)
        row = self.file.read("SELECT id, next_seq, boot, epoch, contents FROM journal")[0]
        self.id: str = row[0]
        self.next_seq: int = row[1]
        self.boot: int = row[2]
        self.epoch: int = row[3]
        self.contents: dict[str, dict[str, int]] = json.loads(row[4])
        self.held_events: int = self.file.read("SELECT count(*) FROM events")[0][0]
        self._first_seq_of_boot = self.next_seq
        self._has_uncommitted_events = False
        self._committed_at: datetime | None = None
        self._is_open = True

    def close(self) -> None:
        """Commit what is open and close the file; a second call does nothing."""
        if self._is_open:
            self._is_open = False
            self.file.close()

    def start_boot(self) -> int:
        """Count one more start of the firmware, durably, and return its number (1 for the first)."""
        self.file.write("UPDATE journal SET boot = boot + 1")
        self.boot += 1
        self.commit()
        return self.boot

    @property
    def is_unused(self) -> bool:
        """Whether no event was ever stored."""
        return self.next_seq == 1

    @property
    def is_full(self) -> bool:
        """Whether the storage holds as many events as it may."""
        return self.held_events >= self.capacity_events

    def append(self, body: bytes, *, clock: str) -> int:
        """Store one event under ``next_seq`` and return that number; durable after the next ``commit``.

        Raises:
            JournalFullError: as many events are held as the capacity allows; nothing has changed.
        """
        if self.is_full:
            raise JournalFullError(f"the journal holds its {self.capacity_events} events")
        seq = self.next_seq
        self.file.write("INSERT INTO events (seq, clock, body) VALUES (?, ?, ?)", seq, clock, body)
        self.file.write("UPDATE journal SET next_seq = ?, contents = ?", seq + 1, json.dumps(self.contents))
        self.next_seq = seq + 1
        self.held_events += 1
        self._has_uncommitted_events = True
        return seq

    def commit(self) -> None:
        """Make everything durable; returns after the storage has confirmed it."""
        self.file.commit()
        self._has_uncommitted_events = False

    def commit_before_sending(self, now: datetime) -> None:
        """Commit if an event is not yet durable, or if notes have waited five seconds."""
        if self._has_uncommitted_events or self._committed_at is None or now - self._committed_at >= LAZY_COMMIT:
            self._committed_at = now
            self.commit()

    def list_events(self, seqs: Iterable[int]) -> list[StoredEvent]:
        """Return the events with these numbers in the order given; numbers not held are left out."""
        statement = "SELECT seq, clock, body, ahead_ms FROM events WHERE seq = ?"
        return [StoredEvent(*row) for seq in seqs for row in self.file.read(statement, seq)]

    def list_outstanding(self) -> SequenceRanges:
        """Return the numbers of all events neither settled nor given up."""
        outstanding = SequenceRanges()
        for (seq,) in self.file.read("SELECT seq FROM events WHERE settled_at IS NULL ORDER BY seq"):
            outstanding.add(seq, seq)
        return outstanding

    @property
    def oldest_held(self) -> int:
        """The lowest number still stored, or the next number when nothing is."""
        lowest: int | None = self.file.read("SELECT min(seq) FROM events")[0][0]
        return self.next_seq if lowest is None else lowest

    @property
    def given_up_events(self) -> int:
        """How many of the stored events have been given up."""
        count: int = self.file.read("SELECT count(*) FROM events WHERE is_given_up")[0][0]
        return count

    def note_sent(self, seqs: Sequence[int], now: datetime) -> None:
        """Remember when these events were sent for the first time; later sends change nothing."""
        statement = "UPDATE events SET first_sent_at = ? WHERE seq = ? AND first_sent_at IS NULL"
        for seq in seqs:
            self.file.write(statement, now.timestamp(), seq)

    def note_settled(self, ranges: Sequence[tuple[int, int]], now: datetime) -> None:
        """Remember that a receipt settled these ranges; the seven days of keeping begin."""
        statement = "UPDATE events SET settled_at = ? WHERE seq BETWEEN ? AND ? AND settled_at IS NULL"
        for low, high in ranges:
            self.file.write(statement, now.timestamp(), low, high)

    def start_epoch(self, epoch: int) -> None:
        """Cancel every earlier receipt: all events held and not given up are unsettled again. Durable.

        For them the 30 days until giving up begin with their next send: they were verified once.
        """
        self.file.write(
            "UPDATE events SET settled_at = NULL, first_sent_at = NULL WHERE settled_at IS NOT NULL AND NOT is_given_up"
        )
        self.file.write("UPDATE journal SET epoch = ?", epoch)
        self.epoch = epoch
        self.commit()

    def unsettle(self, *, first: int, last: int) -> list[int]:
        """Make the events held from ``first`` to ``last`` unsettled again, given up or not; return them, ascending.

        As if never sent, so that the 30 days until giving up begin anew.
        """
        rows = self.file.write(
            "UPDATE events SET settled_at = NULL, first_sent_at = NULL, is_given_up = 0"
            " WHERE seq BETWEEN ? AND ? RETURNING seq",
            first,
            last,
        )
        return sorted(seq for (seq,) in rows)

    def note_ahead(self, ahead_ms: int) -> None:
        """Store how far the ``free`` clock was ahead with the events since the start that it stamped. Durable.

        Once for each event: the clock was set after the measurement, so a later one is about another time. Events of an
        earlier start are left out: nobody knows what their clock has been through.
        """
        self.file.write(
            "UPDATE events SET ahead_ms = ? WHERE seq >= ? AND clock = 'free' AND ahead_ms IS NULL",
            ahead_ms,
            self._first_seq_of_boot,
        )
        self.commit()

    def skip_to(self, next_seq: int) -> None:
        """Never use the numbers below ``next_seq``. Durable."""
        self.file.write("UPDATE journal SET next_seq = ?", next_seq)
        self.next_seq = next_seq
        self.commit()

    def give_up_sent_before(self, moment: datetime, now: datetime) -> list[int]:
        """Give up what was first sent at or before ``moment`` and is unsettled; return the numbers, ascending.

        For the keeping, what is given up counts as settled ``now``.
        """
        rows = self.file.write(
            "UPDATE events SET is_given_up = 1, settled_at = ? WHERE first_sent_at <= ? AND settled_at IS NULL"
            " RETURNING seq",
            now.timestamp(),
            moment.timestamp(),
        )
        return sorted(seq for (seq,) in rows)

    def forget_settled_before(self, moment: datetime) -> int:
        """Delete events settled before ``moment`` and return how many; call it with ``now - KEEP_SETTLED``."""
        deleted = len(self.file.write("DELETE FROM events WHERE settled_at < ? RETURNING seq", moment.timestamp()))
        self.held_events -= deleted
        return deleted
