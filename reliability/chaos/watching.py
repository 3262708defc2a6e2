"""What is looked at while everything is being killed: commits, the ledger under concurrent reads, receipts as told.

Each watcher is a thread with a connection of its own, which it loses and opens again like everybody else.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import make_url

from benchmarks.town import AUTHORITY_ID
from reliability.chaos.proxy import Passed, Proxy

CONNECT_WITHIN_S = 2
COMMITS_EVERY_S = 0.05
SNAPSHOTS_EVERY_S = 0.008
RECEIPTS_EVERY_S = 0.3
AWAY_S = 0.1
MOST_RECEIPTS = 500

COUNT_EVENTS = "SELECT coalesce(sum(deposits), 0)::bigint AS events FROM daily_deposits WHERE authority_id = %(id)s"

# One statement is one snapshot. A wallet below zero, or points that came from nowhere, would show in it.
SNAPSHOT = """
    SELECT coalesce(sum(a.debits_posted - a.credits_posted), 0) AS posted,
           coalesce(sum(a.debits_pending - a.credits_pending), 0) AS pending,
           count(*) FILTER (WHERE a.kind = 'lot' AND a.credits_posted - a.debits_posted - a.debits_pending < 0)
             AS overdrawn
      FROM accounts a WHERE a.authority_id = %(id)s
"""

# Only receipts of the epoch in force at this snapshot bind; those of an earlier one have been cancelled.
BROKEN_RECEIPTS = """
    SELECT r.bin_id, r.journal, r.settled::text AS settled, coalesce(j.received, '{}')::text AS received
      FROM unnest(%(bins)s::text[], %(journals)s::text[], %(settled)s::int8multirange[], %(epochs)s::bigint[])
             AS r (bin_id, journal, settled, epoch)
      JOIN authorities a ON a.authority_id = %(id)s AND a.epoch = r.epoch
      LEFT JOIN bin_journals j
        ON j.authority_id = a.authority_id AND j.bin_id = r.bin_id AND j.journal = r.journal
     WHERE NOT r.settled <@ (coalesce(j.received, '{}') + coalesce(j.lost, '{}'))
"""


@dataclass(slots=True)
class Sample:
    """How many events were committed at a moment (monotonic)."""

    at_s: float
    events: int


@dataclass
class Watcher:
    """Runs one look again and again in a thread, with a connection it opens again when that is gone."""

    database_url: str
    look: Callable[[psycopg.Connection[dict[str, Any]]], None]
    every_s: float
    name: str
    looks: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._conninfo = make_url(self.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join(10.0)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with psycopg.connect(
                    self._conninfo, autocommit=True, row_factory=dict_row, connect_timeout=CONNECT_WITHIN_S
                ) as connection:
                    while not self._stop.wait(self.every_s):
                        self.look(connection)
                        self.looks += 1
            except psycopg.Error as error:
                self.failures[type(error).__name__] += 1
                self._stop.wait(AWAY_S)


@dataclass
class Watch:
    """All that is looked at during one scene."""

    database_url: str
    proxy: Proxy
    samples: list[Sample] = field(default_factory=list)
    bad_snapshots: list[dict[str, Any]] = field(default_factory=list)
    broken_receipts: list[dict[str, Any]] = field(default_factory=list)
    receipts_checked: int = 0

    def __post_init__(self) -> None:
        self._are_receipts_held = False
        self.commits = Watcher(self.database_url, self._count, COMMITS_EVERY_S, "commits")
        self.snapshots = Watcher(self.database_url, self._snapshot, SNAPSHOTS_EVERY_S, "snapshots")
        self.receipts = Watcher(self.database_url, self._check_receipts, RECEIPTS_EVERY_S, "receipts")

    @property
    def _all(self) -> list[Watcher]:
        return [self.commits, self.snapshots, self.receipts]

    def start(self) -> None:
        """Begin to look."""
        for watcher in self._all:
            watcher.start()

    def stop(self) -> None:
        """Look no more."""
        for watcher in self._all:
            watcher.stop()

    @contextmanager
    def receipts_held(self) -> Iterator[None]:
        """Check no receipts in the block: the database, now down, is set back, and its epoch not yet raised."""
        self._are_receipts_held = True
        try:
            yield
        finally:
            self._are_receipts_held = False

    @property
    def events(self) -> int:
        """Deposits committed when last looked."""
        return self.samples[-1].events if self.samples else 0

    def _count(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        row = connection.execute(COUNT_EVENTS, {"id": AUTHORITY_ID}).fetchone()
        self.samples.append(Sample(time.monotonic(), int(row["events"]) if row else 0))

    def _snapshot(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        row = connection.execute(SNAPSHOT, {"id": AUTHORITY_ID}).fetchone()
        if row and any(row.values()):
            self.bad_snapshots.append({name: int(value) for name, value in row.items()})

    def _check_receipts(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        """Compare receipts with the database: what they say is settled must be there, from before they were sent."""
        if self._are_receipts_held:
            return
        said = [read_receipt(each) for each in self.proxy.receipts[self.receipts_checked :][:MOST_RECEIPTS]]
        if not said:
            return
        rows = connection.execute(
            BROKEN_RECEIPTS,
            {
                "id": AUTHORITY_ID,
                "bins": [each.bin_id for each in said],
                "journals": [each.journal for each in said],
                "settled": [each.multirange for each in said],
                "epochs": [each.epoch for each in said],
            },
        ).fetchall()
        self.broken_receipts += rows
        self.receipts_checked += len(said)


@dataclass(frozen=True, slots=True)
class ToldReceipt:
    """What a receipt says: all the ranges it settles, ends included."""

    bin_id: str
    journal: str
    epoch: int
    ranges: list[tuple[int, int]]
    at_s: float

    @property
    def multirange(self) -> str:
        """The ranges as PostgreSQL writes them."""
        return "{" + ",".join(f"[{low},{high}]" for low, high in self.ranges) + "}"

    def settles(self, seq: int) -> bool:
        """Whether it settles an event."""
        return any(low <= seq <= high for low, high in self.ranges)


def read_receipt(passed: Passed) -> ToldReceipt:
    """Return what a receipt on its way says."""
    receipt = json.loads(passed.payload.partition(b"\n")[0])
    ranges = ([(1, receipt["upto"])] if receipt["upto"] else []) + [
        (low, high) for low, high in receipt.get("also", [])
    ]
    return ToldReceipt(passed.topic.split("/")[3], receipt["journal"], receipt["epoch"], ranges, passed.at_s)
