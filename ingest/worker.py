"""The worker: take a batch, commit it, send receipts, acknowledge. In this order, whatever happens.

Nothing is acknowledged that is not committed or quarantined. While the database is away nothing is acknowledged
either: the worker backs off and takes up the same batch again. A batch that fails for another reason is halved until
the message at fault stands alone; that one goes to quarantine, and the others pass.
"""

import datetime
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import DBAPIError

from ingest.messages import Message, MessageSource
from ingest.pipeline import Pipeline, Processed

log = structlog.get_logger(__name__)

FIRST_BACK_OFF_S = 0.1
LONGEST_BACK_OFF_S = 5.0
IDLE_WAIT_S = 0.5

TRANSIENT_SQLSTATES = ("08", "40", "53", "55", "57")
"""Classes of errors that pass by themselves: connection, rollback (deadlock), resources, not in state, operator."""


@dataclass(slots=True)
class Handled:
    """Totals of a worker since it started."""

    messages: int = 0
    batches: int = 0
    events: int = 0
    repeats: int = 0
    quarantined: int = 0
    receipts: int = 0


def utc_now() -> datetime.datetime:
    """Return the wall clock, aware, in UTC."""
    return datetime.datetime.now(datetime.UTC)


class Worker:
    """Runs one source through one pipeline until told to stop."""

    def __init__(
        self,
        source: MessageSource,
        pipeline: Pipeline,
        *,
        stop: threading.Event,
        clock: Callable[[], datetime.datetime] = utc_now,
    ) -> None:
        self._source = source
        self._pipeline = pipeline
        self._stop = stop
        self._clock = clock
        self.handled = Handled()

    def run(self) -> None:
        """Handle batches until stopped; the batch at hand is finished first unless the database is away."""
        while not self._stop.is_set():
            batch = self._source.next_batch(wait_s=IDLE_WAIT_S)
            if batch:
                self.handle(batch)

    def handle(self, batch: Sequence[Message]) -> None:
        """Commit a batch, then publish its receipts, then acknowledge it; nothing of this when stopped before."""
        started_s = time.perf_counter()
        processed = self._commit(batch)
        if processed is None:
            return
        self._source.publish(processed.receipts)
        self._source.acknowledge(batch)
        self._count(batch, processed, ms=(time.perf_counter() - started_s) * 1000)

    def _commit(self, batch: Sequence[Message], *, is_isolated: bool = False) -> Processed | None:
        """Process until committed; None when stopped while the database was away."""
        back_off_s = FIRST_BACK_OFF_S
        while True:
            try:
                return self._pipeline.process(batch, now=self._clock(), is_isolated=is_isolated)
            except DBAPIError as error:
                if not is_transient(error):
                    return self._halve(batch, error, is_isolated=is_isolated)
                log.warning("database_unavailable", sqlstate=sqlstate_of(error), retry_in_s=back_off_s)
                if self._stop.wait(back_off_s):
                    return None
                back_off_s = min(back_off_s * 2, LONGEST_BACK_OFF_S)
            except Exception as error:  # noqa: BLE001 (a top: one message must not stop the stream)
                return self._halve(batch, error, is_isolated=is_isolated)

    def _halve(self, batch: Sequence[Message], error: Exception, *, is_isolated: bool) -> Processed | None:
        """Process a failed batch in halves; a message that fails alone is set aside, with its events settled.

        One that cannot even be set aside so is quarantined whole, and settles nothing.
        """
        if len(batch) == 1:
            log.error("message_set_aside", topic=batch[0].topic, is_isolated=is_isolated, exc_info=error)
            if is_isolated:
                return self._pipeline.set_aside(batch[0])
            return self._commit(batch, is_isolated=True)
        whole = Processed()
        for part in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
            processed = self._commit(part)
            if processed is None:
                return None
            whole.receipts += processed.receipts
            whole.events += processed.events
            whole.repeats += processed.repeats
            whole.quarantined += processed.quarantined
        return whole

    def _count(self, batch: Sequence[Message], processed: Processed, *, ms: float) -> None:
        self.handled.messages += len(batch)
        self.handled.batches += 1
        self.handled.events += processed.events
        self.handled.repeats += processed.repeats
        self.handled.quarantined += processed.quarantined
        self.handled.receipts += len(processed.receipts)
        log.debug(
            "batch_committed",
            messages=len(batch),
            events=processed.events,
            repeats=processed.repeats,
            quarantined=processed.quarantined,
            ms=round(ms, 1),
        )


def sqlstate_of(error: DBAPIError) -> str | None:
    """Return PostgreSQL's code of an error; None when the connection broke before it could say one."""
    return getattr(error.orig, "sqlstate", None)


def is_transient(error: DBAPIError) -> bool:
    """Tell whether trying again may help, as when the database is away or two batches deadlocked."""
    sqlstate = sqlstate_of(error)
    if sqlstate is None:
        return error.connection_invalidated or type(error).__name__ in ("OperationalError", "InterfaceError")
    return sqlstate[:2] in TRANSIENT_SQLSTATES
