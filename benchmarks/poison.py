"""Half of the traffic malformed: between two good messages one that cannot be accepted, in turn of every kind."""

from collections.abc import Iterable, Iterator
from itertools import cycle

import psycopg

from benchmarks.draining import drain_made
from benchmarks.errors import BenchError
from benchmarks.pipelines import Pipeline
from benchmarks.scene import Scene
from benchmarks.town import BenchMessage

QUARANTINED = "SELECT coalesce(sum(times), 0) FROM quarantined_messages WHERE code IS NOT NULL"


def spoil_signature(message: BenchMessage) -> bytes:
    """Let the last line say something else."""
    line, _, signature = message.payload.partition(b"\n")
    return line + b"\n" + signature[::-1]


def spoil_json(message: BenchMessage) -> bytes:
    """Cut the object off in the middle."""
    line, _, signature = message.payload.partition(b"\n")
    return line[: len(line) // 2] + b"\n" + signature


def spoil_lines(message: BenchMessage) -> bytes:
    """Leave no second line."""
    return message.payload.partition(b"\n")[0]


def spoil_everything(message: BenchMessage) -> bytes:
    """Leave nothing that could be read."""
    return message.payload[::-1]


def poison(messages: Iterable[BenchMessage]) -> Iterator[BenchMessage]:
    """Yield each message, and behind it a spoilt copy; no number goes missing, so no gap is noted."""
    spoils = cycle((spoil_signature, spoil_json, spoil_lines, spoil_everything))
    for message, spoil in zip(messages, spoils, strict=False):
        yield message
        yield BenchMessage(message.topic, spoil(message))


def drain_half_poisoned(scene: Scene, pipeline: Pipeline, messages: int) -> float:
    """Drain as many messages, half of them malformed, and return messages a second.

    Raises:
        BenchError: it ended, has not drained the queue in time, or did not quarantine all that was malformed.
    """
    before, good = count_quarantined(pipeline), messages // 2
    made = list(poison(pipeline.messages(good)))
    rate = drain_made(scene, pipeline, made, deposits=good).rate
    quarantined = count_quarantined(pipeline) - before
    if quarantined != good:
        raise BenchError(f"{pipeline.name} quarantined {quarantined:,} of {good:,} malformed messages")
    return rate * len(made) / good


def count_quarantined(pipeline: Pipeline) -> int:
    """Count the messages refused whole."""
    with psycopg.connect(pipeline.database_url, autocommit=True) as connection:
        row = connection.execute(QUARANTINED).fetchone()
    return int(row[0]) if row else 0
