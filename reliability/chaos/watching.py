"""What is looked at while everything is being killed: commits, the ledger under concurrent reads, receipts as told.

Each watcher is a thread with a connection of its own, which it loses and opens again like everybody else.
"""

import datetime
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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

# Receipts of an earlier epoch have been cancelled; one of a later epoch than the authority's nobody can have sent.
COMPARE_RECEIPTS = """
    SELECT r.place - 1 AS place, sign(r.epoch - a.epoch)::int AS epoch_sign,
           r.settled <@ coalesce(j.received, '{}') AS is_settled
      FROM unnest(%(bins)s::text[], %(journals)s::text[], %(settled)s::int8multirange[], %(epochs)s::bigint[])
             WITH ORDINALITY AS r (bin_id, journal, settled, epoch, place)
      JOIN authorities a ON a.authority_id = %(id)s
      LEFT JOIN bin_journals j
        ON j.authority_id = a.authority_id AND j.bin_id = r.bin_id AND j.journal = r.journal
"""

# The commit of every event a receipt names, by the server's clock, which is this machine's too.
EARLY_RESULTS = """
    SELECT r.place - 1 AS place, r.seq, pg_xact_commit_timestamp(e.xmin) AS committed_at
      FROM unnest(%(bins)s::text[], %(journals)s::text[], %(seqs)s::bigint[], %(told_at)s::timestamptz[])
             WITH ORDINALITY AS r (bin_id, journal, seq, told_at, place)
      JOIN bin_journals j ON j.authority_id = %(id)s AND j.bin_id = r.bin_id AND j.journal = r.journal
      JOIN events e ON e.authority_id = j.authority_id AND e.journal_no = j.journal_no AND e.seq = r.seq
     WHERE pg_xact_commit_timestamp(e.xmin) > r.told_at
"""


@dataclass(slots=True)
class Sample:
    """How many events were committed at a moment (monotonic)."""

    at_s: float
    events: int


@dataclass
class Watcher:
    """Runs one look again and again in a thread, with a connection it opens again when that is gone.

    ``fault`` tells why it looks no more, if anything else than a lost connection stopped it.
    """

    database_url: str
    look: Callable[[psycopg.Connection[dict[str, Any]]], None]
    every_s: float
    name: str
    looks: int = 0
    reconnections: int = 0
    fault: str | None = None

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
        if self._thread.ident is not None:
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
            except psycopg.OperationalError:
                self.reconnections += 1
                self._stop.wait(AWAY_S)
            except Exception as error:  # noqa: BLE001 (a top: a watcher that has died must be seen)
                self.fault = f"{self.name}: {type(error).__name__}: {error}"
                return


@dataclass
class Watch:
    """All that is looked at during one scene."""

    database_url: str
    proxy: Proxy
    samples: list[Sample] = field(default_factory=list)
    bad_snapshots: list[dict[str, Any]] = field(default_factory=list)
    untrue_receipts: list[dict[str, Any]] = field(default_factory=list)
    receipts_compared: int = 0
    receipts_cancelled: int = 0
    results_compared: int = 0

    def __post_init__(self) -> None:
        self._are_receipts_held = False
        self._looked_at = 0
        self.commits = Watcher(self.database_url, self._count, COMMITS_EVERY_S, "commits")
        self.snapshots = Watcher(self.database_url, self._snapshot, SNAPSHOTS_EVERY_S, "snapshots")
        self.receipts = Watcher(self.database_url, self._compare_receipts, RECEIPTS_EVERY_S, "receipts")

    @property
    def _all(self) -> list[Watcher]:
        return [self.commits, self.snapshots, self.receipts]

    @property
    def faults(self) -> list[str]:
        """Why watchers look no more."""
        return [each.fault for each in self._all if each.fault]

    @property
    def receipts_waiting(self) -> int:
        """Receipts not looked at yet."""
        return len(self.proxy.receipts) - self._looked_at

    @property
    def broken_promises(self) -> int:
        """What was found so far."""
        return len(self.bad_snapshots) + len(self.untrue_receipts) + len(self.faults)

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
        """Compare no receipts in the block: the database, now down, is set back, and its epoch not yet raised."""
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

    def _compare_receipts(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        """Compare receipts with the database: what they settle must be there, from before they were sent."""
        if self._are_receipts_held:
            return
        said = [read_receipt(each) for each in self.proxy.receipts[self._looked_at :][:MOST_RECEIPTS]]
        if not said:
            return
        rows = connection.execute(
            COMPARE_RECEIPTS,
            {
                "id": AUTHORITY_ID,
                "bins": [each.bin_id for each in said],
                "journals": [each.journal for each in said],
                "settled": [each.multirange for each in said],
                "epochs": [each.epoch for each in said],
            },
        ).fetchall()
        in_force = [said[row["place"]] for row in rows if row["epoch_sign"] == 0]
        early = self._list_early(connection, in_force)
        untrue = [row for row in rows if row["epoch_sign"] > 0 or (row["epoch_sign"] == 0 and not row["is_settled"])]
        self.untrue_receipts += [{**row, "receipt": str(said[row["place"]])} for row in untrue] + early
        self.receipts_compared += len(in_force)
        self.receipts_cancelled += sum(row["epoch_sign"] < 0 for row in rows)
        self._looked_at += len(said)

    def _list_early(
        self, connection: psycopg.Connection[dict[str, Any]], told: Sequence["ToldReceipt"]
    ) -> list[dict[str, Any]]:
        """List results told before their event was committed."""
        results = [(each, seq) for each in told for seq in each.named]
        self.results_compared += len(results)
        return connection.execute(
            EARLY_RESULTS,
            {
                "id": AUTHORITY_ID,
                "bins": [each.bin_id for each, _ in results],
                "journals": [each.journal for each, _ in results],
                "seqs": [seq for _, seq in results],
                "told_at": [each.told_at for each, _ in results],
            },
        ).fetchall()


@dataclass(frozen=True, slots=True)
class ToldReceipt:
    """What a receipt says: all the ranges it settles, ends included, and the events it names."""

    bin_id: str
    journal: str
    epoch: int
    ranges: list[tuple[int, int]]
    named: list[int]
    at_s: float
    told_at: datetime.datetime

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
    named = [result["seq"] for result in receipt.get("results", [])]
    bin_id = passed.topic.split("/")[3]
    return ToldReceipt(bin_id, receipt["journal"], receipt["epoch"], ranges, named, passed.at_s, passed.passed_at)
