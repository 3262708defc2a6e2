"""The worker: take a batch, commit it, send receipts, acknowledge. In this order, whatever happens.

Nothing is acknowledged that is not committed or quarantined. While the database is away nothing is acknowledged
either: the worker backs off and takes up the same batch again. A batch that fails for another reason is halved until
the event at fault stands alone; that one goes to quarantine, and the others pass.
"""

import datetime
import itertools
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import DBAPIError

from ingest.messages import Heartbeat, Message, MessageSource
from ingest.observer import Observer
from ingest.pipeline import Pipeline, Processed
from ingest.receipt_desk import Departure, ReceiptDesk
from rewards.crash_points import crash

log = structlog.get_logger(__name__)

FIRST_BACK_OFF_S = 0.1
LONGEST_BACK_OFF_S = 5.0
IDLE_WAIT_S = 0.5
LOADED_EVENTS = 100
"""A batch of so many shows that there is load; then receipts are held back a moment (``ingest/receipt_desk.py``)."""

POISON_SQLSTATES = ("22", "23", "54", "57014")
"""What a message can bring about: data that does not fit, a constraint, a limit, a statement that takes too long.

Everything else is the database's own state (away, read-only, deadlocked, half migrated, a right missing) and is waited
out, since to go on without it would settle a whole town's deposits without points.
"""


@dataclass(slots=True)
class Handled:
    """Totals of a worker since it started."""

    messages: int = 0
    batches: int = 0
    events: int = 0
    repeats: int = 0
    receipts: int = 0
    quarantined_by_code: Counter[str] = field(default_factory=Counter)

    @property
    def quarantined(self) -> int:
        """Messages refused whole and events refused on their own."""
        return self.quarantined_by_code.total()

    @property
    def conflicts(self) -> int:
        """Events whose number is taken by another content."""
        return self.quarantined_by_code["event_conflict"]


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
        writers: int = 1,
        clock: Callable[[], datetime.datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        loaded_events: int = LOADED_EVENTS,
        observer: Observer | None = None,
    ) -> None:
        self._source = source
        self._pipeline = pipeline
        self._stop = stop
        self._writers = writers
        self._clock = clock
        self._loaded_events = loaded_events
        self._observer = observer or Observer()
        self._taking = threading.Lock()
        self._taken = itertools.count()
        self._ending = threading.Lock()
        self._desk = ReceiptDesk(monotonic)
        self._committed: dict[int, tuple[Sequence[Message], int]] = {}
        self._next_to_acknowledge = 0
        self._told = 0
        self._told_ahead: set[int] = set()
        self.handled = Handled()

    def run(self) -> None:
        """Handle batches until stopped; those at hand are finished first unless the database is away.

        Each writer is a thread with a connection of its own: while PostgreSQL works for one, the other prepares.
        What one of them raises stops all, and is raised here.
        """
        with ThreadPoolExecutor(self._writers, thread_name_prefix="writer") as pool:
            writers = [pool.submit(self.write) for _ in range(self._writers)]
            wait(writers, return_when=FIRST_EXCEPTION)
            self._stop.set()
        self.finish()
        for writer in writers:
            writer.result()

    def finish(self) -> None:
        """Publish the receipts still held back, and acknowledge what they answer; once no writer is at work."""
        self._tell(self._desk.pop_all())

    def write(self) -> None:
        """Be a writer until stopped: take batches, one writer at a time, and handle them beside the others."""
        while not self._stop.is_set():
            self._tell(self._desk.pop_due())
            with self._taking:
                self._observer.vitals.writer_moved()
                batch = self._source.next_batch(wait_s=min(IDLE_WAIT_S, self._desk.wait_s))
                number = next(self._taken) if batch else None
            if number is not None:
                crash.at("taken")
                self.handle(batch, number)
            self._observer.vitals.writer_rested()

    def handle(self, batch: Sequence[Message], number: int) -> None:
        """Commit a batch, then publish its receipts or hold them back a moment, then acknowledge it.

        Nothing of this when stopped before.

        ``number`` counts the batches taken: acknowledgements leave in the order in which messages came, as MQTT
        asks, whichever writer is done first.
        """
        started_s = time.perf_counter()
        processed = self._commit(batch)
        if processed is None:
            return
        departure, leaves_with = self._desk.take(processed.answers, is_loaded=processed.events >= self._loaded_events)
        with self._ending:
            self._committed[number] = (batch, leaves_with)
        crash.at("receipts_due")
        self._tell(departure)
        with self._ending:
            self._count(batch, processed, ms=(time.perf_counter() - started_s) * 1000)

    def _tell(self, departure: Departure) -> None:
        """Publish the receipts that leave now, then acknowledge the batches that are told, in the order they came."""
        receipts = self._pipeline.write_receipts(departure.answers, now=self._clock()) if departure.answers else []
        if receipts:
            crash.at("receipts_written")
            self._source.publish(receipts)
            crash.at("receipts_published")
            self._observer.receipts_told(len(receipts))
        with self._ending:
            self.handled.receipts += len(receipts)
            self._note_told(departure)
            while (done := self._committed.get(self._next_to_acknowledge)) is not None and done[1] <= self._told:
                self._source.acknowledge(done[0])
                crash.at("acknowledged")
                del self._committed[self._next_to_acknowledge]
                self._next_to_acknowledge += 1

    def _note_told(self, departure: Departure) -> None:
        """Note that a departure is told; one that overtook another counts only when that one is told as well."""
        if departure.number:
            self._told_ahead.add(departure.number)
        while self._told + 1 in self._told_ahead:
            self._told += 1
            self._told_ahead.remove(self._told)

    def _commit(self, batch: Sequence[Message]) -> Processed | None:
        """Process until committed; None when stopped while the database was away."""
        if isinstance(batch[0].handle, Heartbeat):
            return self._persist(self._pipeline.ping)
        try:
            return self._persist(lambda: self._pipeline.process(batch, now=self._clock()))
        except Exception as error:  # noqa: BLE001 (a top: one message must not stop the stream)
            fault = error
        parts = batch_halves(batch)
        return self._commit_parts(parts) if parts else self._set_aside(batch[0], fault)

    def _persist(self, work: Callable[[], Processed]) -> Processed | None:
        """Do ``work`` until it goes through, however long the database is away; None when stopped meanwhile.

        Raises what trying again does not help against.
        """
        back_off_s = FIRST_BACK_OFF_S
        while True:
            try:
                processed = work()
            except DBAPIError as error:
                if is_poison(error):
                    self._observer.vitals.database_answered()
                    raise
                self._observer.database_failed()
                log.warning("database_unavailable", retry_in_s=back_off_s, **describe_fault(error))
            else:
                self._observer.vitals.database_answered()
                return processed
            self._tell(self._desk.pop_due())
            if self._stop.wait(back_off_s):
                return None
            back_off_s = min(back_off_s * 2, LONGEST_BACK_OFF_S)

    def _commit_parts(self, parts: Iterable[Sequence[Message]]) -> Processed | None:
        """Process a failed batch in parts, down to the event at fault, so that it takes no other with it."""
        whole = Processed()
        for part in parts:
            processed = self._commit(part)
            if processed is None:
                return None
            whole.add(processed)
        return whole

    def _set_aside(self, message: Message, fault: Exception) -> Processed | None:
        """Quarantine the event that fails alone, which settles it.

        One that cannot even be set aside so is quarantined whole, and settles nothing.
        """
        log.error("message_set_aside", topic=message.topic, is_whole=False, **describe_fault(fault))
        try:
            return self._persist(lambda: self._pipeline.process([message], now=self._clock(), is_isolated=True))
        except Exception as error:  # noqa: BLE001 (a top, as above)
            fault = error
        log.error("message_set_aside", topic=message.topic, is_whole=True, **describe_fault(fault))
        return self._persist(lambda: self._pipeline.set_aside(message))

    def _count(self, batch: Sequence[Message], processed: Processed, *, ms: float) -> None:
        if isinstance(heartbeat := batch[0].handle, Heartbeat):
            self._observer.heartbeat_handled(heartbeat)
            return
        lag_s = (self._clock() - batch[0].received_at).total_seconds()
        self._observer.batch_handled(processed, messages=len(batch), seconds=ms / 1000, lag_seconds=lag_s)
        self.handled.messages += len(batch)
        self.handled.batches += 1
        self.handled.events += processed.events
        self.handled.repeats += processed.repeats
        self.handled.quarantined_by_code += processed.quarantined_by_code
        log.debug(
            "batch_committed",
            messages=len(batch),
            events=processed.events,
            repeats=processed.repeats,
            conflicts=processed.conflicts,
            quarantined=processed.quarantined,
            ms=round(ms, 1),
        )


def batch_halves(batch: Sequence[Message]) -> list[Sequence[Message]]:
    """Return a batch in two, a single message of events in two parts; nothing when there is nothing to part."""
    if len(batch) > 1:
        return [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
    return [[part] for part in batch[0].halves()] if batch[0].topic.endswith("/events") else []


def describe_fault(fault: Exception) -> dict[str, str | None]:
    """Return what a log may say of a fault: where and of what kind.

    Not its own words, and no local variables as ``exc_info`` would show: both can hold a badge or a payload.
    """
    diagnosis = getattr(getattr(fault, "orig", None), "diag", None)
    return {
        "fault": type(fault).__name__,
        "sqlstate": getattr(diagnosis, "sqlstate", None),
        "constraint": getattr(diagnosis, "constraint_name", None),
        "traceback": "".join(traceback.format_tb(fault.__traceback__)),
    }


def is_poison(error: DBAPIError) -> bool:
    """Tell whether a message may be at fault, rather than the database; a connection that broke has no code."""
    sqlstate = getattr(error.orig, "sqlstate", None)
    return sqlstate is not None and sqlstate.startswith(POISON_SQLSTATES)
