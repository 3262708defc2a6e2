"""Rows of the stand-in database: what is committed, what a transaction has written, who has locked what.

The semantics of PostgreSQL's READ COMMITTED that the ingest rests on, and no others: a statement sees what was
committed when it began, a second writer of a row waits for the first, a unique key is decided when the first has
ended, and nothing of a transaction is there before all of it is.
"""

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

import psycopg

from reliability.simulation.scheduler import Scheduler, Task
from rewards.arrays import Columns
from rewards.journals import WIDE_RANGES

Key = tuple[Any, ...]
Row = Mapping[str, Any]
Place = tuple[str, Key]
"""Table and key of a row."""

COUNTERS = ("debits_posted", "credits_posted", "debits_pending", "credits_pending")
"""Of an account."""

ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^",{}\s][^",{}]*)')
ESCAPED = re.compile(r"\\(.)")
RANGE = re.compile(r"\[(\d+),(\d+)\)")


def read_ranges(literal: str) -> frozenset[int]:
    """Read a multirange as the set of its numbers; simulated journals are short."""
    return frozenset(number for low, high in RANGE.findall(literal) for number in range(int(low), int(high)))


READERS: Mapping[str, Callable[[str], Any]] = {
    "smallint": int,
    "integer": int,
    "bigint": int,
    "real": float,
    "boolean": lambda text: text == "True",
    "date": datetime.date.fromisoformat,
    "timestamptz": datetime.datetime.fromisoformat,
    "bytea": lambda text: bytes.fromhex(text[2:]),
    "int8multirange": read_ranges,
}


def read_rows(columns: Columns, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Read the array literals bound to ``columns`` as PostgreSQL's unnest does."""
    arrays = [read_array(parameters[name], READERS.get(kind, str)) for name, kind in columns.kinds.items()]
    return [dict(zip(columns.kinds, values, strict=True)) for values in zip_longest(*arrays)]


def read_array(literal: str, read: Callable[[str], Any]) -> list[Any]:
    """Read one array literal; NULL is None."""
    return [
        None if plain == "NULL" else read(plain or ESCAPED.sub(r"\1", quoted))
        for quoted, plain in ELEMENT.findall(literal)
    ]


@dataclass
class Tables:
    """What is committed. Rows are never changed, only replaced, so that a copy of the tables is a snapshot."""

    rows: dict[str, dict[Key, Row]] = field(default_factory=dict)
    born: dict[Place, int] = field(default_factory=dict)
    """The number of the commit that inserted each row."""
    commits: int = 0
    wide_ranges: int = WIDE_RANGES
    """From how many open ranges on a journal is wide; lower in some runs, whose journals are short."""
    compares_inside_insert: bool = False
    """Whether repeats are looked for inside the inserting statement; a control (docs/reliability.md)."""

    def table(self, name: str) -> dict[Key, Row]:
        """Return one table."""
        return self.rows.setdefault(name, {})

    def copy(self) -> "Tables":
        """Return a snapshot."""
        rows = {name: dict(table) for name, table in self.rows.items()}
        return replace(self, rows=rows, born=dict(self.born))


class Locks:
    """Who has locked which row, and who waits for it."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._holders: dict[Place, Transaction] = {}
        self._waiting: dict[Place, list[Task]] = {}

    def take(self, place: Place, transaction: "Transaction") -> bool:
        """Lock a row, waiting for whoever has it; return whether that was necessary.

        Raises:
            psycopg.errors.DeadlockDetected: whoever has it waits for us.
        """
        waited = False
        while (holder := self._holders.get(place)) not in {None, transaction}:
            if self._is_deadlock(holder, transaction):
                raise psycopg.errors.DeadlockDetected("deadlock detected")
            waited, transaction.waits_for = True, place
            self._waiting.setdefault(place, []).append(self._scheduler.task())
            try:
                self._scheduler.wait()
            finally:
                transaction.waits_for = None
            transaction.check()
        self._holders[place] = transaction
        transaction.locked[place] = None
        return waited

    def release(self, transaction: "Transaction") -> None:
        """Release all a transaction has locked."""
        for place in transaction.locked:
            self._holders.pop(place, None)
            for task in self._waiting.pop(place, []):
                if not task.is_killed:
                    self._scheduler.wake(task)
        transaction.locked.clear()

    def _is_deadlock(self, holder: "Transaction | None", transaction: "Transaction") -> bool:
        while holder is not None and holder.waits_for is not None:
            holder = self._holders.get(holder.waits_for)
            if holder is transaction:
                return True
        return False


class Transaction:
    """What one transaction has written and locked; nobody else sees it before the commit."""

    def __init__(self, tables: Tables, locks: Locks) -> None:
        self.tables = tables
        self.locked: dict[Place, None] = {}
        self.waits_for: Place | None = None
        self.written: dict[Place, Row] = {}
        self.is_severed = False
        self._locks = locks
        self.snapshot = tables.commits
        """The newest commit the statement at hand sees."""
        self.insert_snapshot = tables.commits
        """The same of the last insert of events, for the control that compares inside it."""

    def check(self) -> None:
        """Raise when the server has ended this transaction meanwhile."""
        if self.is_severed:
            raise psycopg.OperationalError("the connection is gone")

    def lock(self, table: str, key: Key) -> bool:
        """Lock a row, or the place of one; return whether somebody had to be waited for."""
        return self._locks.take((table, key), self)

    def find(self, table: str, key: Key, *, as_of: int | None = None) -> Row | None:
        """Find a row: our own, or one committed; with ``as_of`` only one inserted by that commit or before."""
        own = self.written.get((table, key))
        if own is not None:
            return own
        if as_of is not None and self.tables.born.get((table, key), 0) > as_of:
            return None
        return self.tables.table(table).get(key)

    def scan(self, table: str) -> Iterator[tuple[Key, Row]]:
        """Go through the rows of a table in the order they were inserted."""
        committed = self.tables.table(table)
        for key, row in committed.items():
            yield key, self.written.get((table, key), row)
        for (name, key), row in self.written.items():
            if name == table and key not in committed:
                yield key, row

    def put(self, table: str, key: Key, row: Row) -> None:
        """Write a row that is locked."""
        self.written[table, key] = row

    def insert(self, table: str, key: Key, row: Row) -> bool:
        """Insert unless somebody did (ON CONFLICT DO NOTHING); waits for whoever is about to."""
        self.lock(table, key)
        if self.find(table, key) is not None:
            return False
        self.put(table, key, row)
        return True

    def insert_unique(self, table: str, key: Key, row: Row) -> None:
        """Insert; raises ``UniqueViolation`` when the key is taken."""
        if not self.insert(table, key, row):
            raise psycopg.errors.UniqueViolation(f"duplicate key in {table}")
