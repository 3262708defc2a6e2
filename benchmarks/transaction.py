"""Our transaction alone, without broker, signature and decoding; and COPY of the very rows it inserted.

COPY is the fastest way a row gets into PostgreSQL. It inserts what our transaction inserts, into tables with the same
indexes, and updates nothing: no counters, caps, journals and daily sums.

Two rates of one run: the transaction with all that our process does for it, and its statements alone, which is the time
the driver waits for PostgreSQL. COPY decides and prepares nothing either, so the second is what it is compared with.
"""

import datetime
import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import psycopg

from benchmarks.errors import BenchError
from benchmarks.scene import Scene
from benchmarks.town import BenchMessage, BenchTown
from ingest.commit import Tenant, commit_tenant
from ingest.decoding import decode
from ingest.directory import Directory
from ingest.messages import Message
from ingest.verification import Rejected, find_topic, verify
from ingest.worker import utc_now
from rewards.database import open_engine
from rewards.lots import lot_month_of
from rewards.memory import Memory

BATCH = 1000
INSERTED = ("events", "transfers", "capped_deposits")
"""Tables that get rows with every batch; each row knows when it was recorded."""


class TransactionAlone:
    """Commits batches of decoded messages as one writer of a worker does, and copies what they inserted."""

    def __init__(self, scene: Scene, town: BenchTown, *, database: str, copy_database: str) -> None:
        self._engine = open_engine(scene.server.url(database), role="bontri_ingest", pool_size=1)
        self._source = psycopg.connect(scene.plain_url(database))
        self._copy = psycopg.connect(scene.plain_url(copy_database))
        self._keyring = scene.keyring
        self._town = town
        self._memory = Memory()
        self._waited_s = 0.0
        with self._engine.connect() as connection:
            self._time_waits(connection.connection.driver_connection)

    def __enter__(self) -> "TransactionAlone":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._engine.dispose()
        self._source.close()
        self._copy.close()

    def measure(self, events: int) -> dict[str, float]:
        """Return events a second of our transactions, of their statements alone, and of COPY of what they inserted."""
        tenants = self._decode(list(self._town.messages(events, now=utc_now())))
        recorded_at: list[datetime.datetime] = []
        waited_before_s = self._waited_s
        with collector_of_a_worker():
            started_s = time.perf_counter()
            for tenant in tenants:
                recorded_at.append(self._commit(tenant))
            transaction_s = time.perf_counter() - started_s
        sql_s = self._waited_s - waited_before_s
        chunks = [self._read_inserted(each) for each in recorded_at]
        started_s = time.perf_counter()
        for chunk in chunks:
            self._write_copy(chunk)
        copy_s = time.perf_counter() - started_s
        seconds = {"transaction_alone": transaction_s, "transaction_sql": sql_s, "copy": copy_s}
        return {name: events / each_s for name, each_s in seconds.items()}

    def _time_waits(self, driver: Any) -> None:
        """Add up what the one connection of the pool waits for the server, statements and commits alike."""
        wait = driver.wait

        def timed(*args: Any, **kwargs: Any) -> Any:
            started_s = time.perf_counter()
            try:
                return wait(*args, **kwargs)
            finally:
                self._waited_s += time.perf_counter() - started_s

        driver.wait = timed

    def _decode(self, made: Sequence[BenchMessage]) -> list[Tenant]:
        """Verify and decode before the clock starts, in batches."""
        directory = Directory(self._engine)
        tenants = []
        for start in range(0, len(made), BATCH):
            messages = [Message(each.topic, each.payload, utc_now()) for each in made[start : start + BATCH]]
            topics = [find_topic(message) for message in messages]
            directory.load(topics, monotonic_s=time.monotonic())
            rules = next(found for topic in topics if topic and (found := directory.find_rules(topic)))
            tenant = Tenant(rules)
            for message, topic in zip(messages, topics, strict=True):
                verdict = verify(message, topic, directory, self._keyring)
                decoded = verdict if isinstance(verdict, Rejected) else decode(verdict)
                if isinstance(decoded, Rejected):
                    raise BenchError(f"a message of ours was refused: {decoded.code}")
                tenant.messages.append(decoded)
            tenants.append(tenant)
        return tenants

    def _commit(self, tenant: Tenant) -> datetime.datetime:
        """Commit one batch as the pipeline does; return the instant its rows were recorded at."""
        now = utc_now()
        lot_month = lot_month_of(now.astimezone(tenant.rules.timezone).date())
        recollection = self._memory.recall(tenant.rules, lot_month=lot_month)
        with self._engine.begin() as connection:
            commit_tenant(connection, tenant, recollection, keyring=self._keyring, now=now, is_isolated=False)
        recollection.keep()
        return now

    def _read_inserted(self, recorded_at: datetime.datetime) -> dict[str, bytes]:
        """Read the rows one batch inserted, as COPY takes them."""
        with self._source.cursor() as cursor:
            return {table: read_rows(cursor, table, recorded_at) for table in INSERTED}

    def _write_copy(self, chunk: dict[str, bytes]) -> None:
        """Insert the rows of one batch by COPY, and commit."""
        with self._copy.cursor() as cursor:
            for table, rows in chunk.items():
                with cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
                    copy.write(rows)
        self._copy.commit()


def read_rows(cursor: psycopg.Cursor[Any], table: str, recorded_at: datetime.datetime) -> bytes:
    """Return the rows of a table recorded at an instant, in the binary form of COPY."""
    query = f"COPY (SELECT * FROM {table} WHERE recorded_at = %s) TO STDOUT (FORMAT binary)"
    with cursor.copy(query, [recorded_at]) as copy:
        return b"".join(copy)


@contextmanager
def collector_of_a_worker() -> Iterator[None]:
    """Have Python look for garbage as seldom as a worker does (bontri/worker.py)."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
