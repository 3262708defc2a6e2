"""Replay: what operators asked for is taken out of quarantine and goes through the pipeline once more.

Three transactions a step. The first takes a bounded number of requested rows (``FOR UPDATE SKIP LOCKED``, then a
lease on them) and ends, since the second, the pipeline's own, writes to the same rows when it refuses again. The
third notes what came of each. A worker that dies before the third leaves the requests standing; when the lease is
over the step is taken again, and since events are recorded once, to do it twice has the effect of doing it once.
"""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from ingest.messages import Message
from ingest.pipeline import Pipeline
from ingest.worker import batch_halves, describe_fault, is_poison
from rewards.keyring import Keyring
from rewards.quarantine import (
    ReplayNote,
    TakenMessage,
    UndecryptableError,
    decrypt_payload,
    list_holders,
    note_replays,
    take_requested,
)

log = structlog.get_logger(__name__)

MOST_BATCH_BYTES = 128 * 1024
"""Payload of a batch, about a thousand deposits."""

CANNOT_PROCESS = "the message could not be processed when it was replayed"
CANNOT_DECRYPT = "the bytes cannot be read with this worker's storage key"


@dataclass(slots=True)
class Tried:
    """What came of a batch: messages refused, with the authority that keeps them, and those that broke down."""

    refused: set[tuple[int, bytes]] = field(default_factory=set)
    failed: set[bytes] = field(default_factory=set)


class Replay:
    """Replays what is requested, one step at a time; several workers may do so at once.

    Bins are told nothing: they learn what became of their events by the receipt to whatever they send next.
    """

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        self._engine = engine
        self._keyring = keyring

    def run_once(self, now: datetime.datetime) -> int:
        """Replay the next requested messages of every authority; return how many messages were tried.

        An authority whose replay breaks down is logged, and does not keep it from those after it.

        Raises:
            Exception: the first such fault, when all have had their turn; what is not noted stays requested.
            sqlalchemy.exc.DBAPIError: not even the authorities can be listed.
        """
        with self._engine.connect() as connection:
            holders = list_holders(connection)
        tried, faults = 0, []
        for slug, authority_id in holders.items():
            try:
                tried += self._replay_next(authority_id, now)
            except Exception as fault:  # noqa: BLE001 (a top, for one authority)
                log.error("errand_failed", errand="replay", authority=slug, **describe_fault(fault))
                faults.append(fault)
        if faults:
            raise faults[0]
        return tried

    def _replay_next(self, authority_id: int, now: datetime.datetime) -> int:
        """Replay one step of one quarantine, noting each batch as it is done."""
        with self._engine.begin() as connection:
            taken = take_requested(connection, authority_id=authority_id, now=now)
        # What the operator has just mended must be seen: a pipeline of its own remembers nothing from before.
        pipeline = Pipeline(self._engine, self._keyring)
        for step in list_batches(taken):
            notes = self._replay_batch(pipeline, step, authority_id, now)
            with self._engine.begin() as connection:
                note_replays(connection, notes, authority_id=authority_id)
            log.info("quarantine_replayed", authority_id=authority_id, **count_notes(notes))
        return len(taken)

    def _replay_batch(
        self, pipeline: Pipeline, taken: Sequence[TakenMessage], authority_id: int, now: datetime.datetime
    ) -> list[ReplayNote]:
        """Process a batch and return what to note of each message."""
        notes, messages = [], []
        for each in taken:
            try:
                messages.append(self._restore(each, now))
            except UndecryptableError:
                notes.append(ReplayNote(each, None, CANNOT_DECRYPT))
        tried = Tried()
        if messages:
            process(pipeline, messages, now, tried)
        for message in messages:
            each = taken_of(message)
            if each.message_digest in tried.failed:
                notes.append(ReplayNote(each, None, CANNOT_PROCESS))
            else:
                # Refused by another authority than the one that kept it, it is kept there from now on.
                is_refused = (authority_id, each.message_digest) in tried.refused
                notes.append(ReplayNote(each, None if is_refused else now))
        return notes

    def _restore(self, taken: TakenMessage, now: datetime.datetime) -> Message:
        """Return the message as it was received; raises :class:`UndecryptableError`."""
        payload = decrypt_payload(taken.payload_encrypted, keyring=self._keyring)
        return Message(
            taken.topic,
            payload,
            taken.received_at,
            handle=taken,
            replayed_at=now,
            was_verified=taken.was_verified,
        )


def process(pipeline: Pipeline, messages: Sequence[Message], now: datetime.datetime, tried: Tried) -> None:
    """Process a batch; halve one that fails, until the part at fault stands alone.

    A part that fails alone settles nothing by it, and is not tried again unless it is asked for again. Raises what
    is the database's own state, as in ``ingest/worker.py``.
    """
    try:
        processed = pipeline.process(messages, now=now)
    except Exception as error:
        if isinstance(error, DBAPIError) and not is_poison(error):
            raise
        parts = batch_halves(messages)
        for part in parts:
            process(pipeline, part, now, tried)
        if not parts:
            log.error("replay_failed", topic=messages[0].topic, **describe_fault(error))
            tried.failed.add(taken_of(messages[0]).message_digest)
        return
    tried.refused |= {(keeper, taken_of(message).message_digest) for keeper, message in processed.refused}


def taken_of(message: Message) -> TakenMessage:
    """Return what a message, or a part of it, was made from."""
    assert isinstance(message.handle, TakenMessage)  # noqa: S101 (we put it there)
    return message.handle


def list_batches(taken: Sequence[TakenMessage]) -> Iterator[list[TakenMessage]]:
    """Cut a step into batches of bounded bytes, in order."""
    batch: list[TakenMessage] = []
    batch_bytes = 0
    for each in taken:
        batch_bytes += len(each.payload_encrypted)
        if batch and batch_bytes > MOST_BATCH_BYTES:
            yield batch
            batch, batch_bytes = [], len(each.payload_encrypted)
        batch.append(each)
    if batch:
        yield batch


def count_notes(notes: Sequence[ReplayNote]) -> dict[str, int]:
    """Count what came of replays, for the log."""
    recorded = sum(note.replayed_at is not None for note in notes)
    return {"recorded": recorded, "refused": len(notes) - recorded}
