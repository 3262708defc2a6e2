"""What a pipeline loses when it is killed in mid-load: half the queue committed, SIGKILL, started again, counted."""

import time
from typing import TypedDict

import psycopg

from benchmarks.draining import DRAINED_WITHIN_S, SHORTEST_POLL_S
from benchmarks.errors import BenchError
from benchmarks.pipelines import Pipeline, Tally, filled_queue
from benchmarks.scene import Scene
from bontri.embedded.processes import Child

QUIET_S = 20.0
"""Nothing more comes after so long without a commit; starting again took the slowest peer half of it."""
SETTLED_S = 2.0
"""All is there, and whatever came twice had this long to be written."""


class Survived(TypedDict):
    """Deposits published, of these not in the database, and rows beyond one for each."""

    published: int
    lost: int
    doubled: int


def kill_midway(scene: Scene, pipeline: Pipeline, messages: int, *, distinct: str) -> Survived:
    """Kill a pipeline without warning when about half is committed, let it finish, and count.

    ``distinct`` counts the different deposits in its database, as ``tally`` counts the rows.

    Raises:
        BenchError: it ended by itself, or committed nothing.
    """
    before = count(pipeline, distinct)
    with Tally(pipeline) as tally, filled_queue(scene, pipeline, pipeline.messages(messages)):
        child = pipeline.start(scene)
        try:
            wait_for_half(tally, child, messages)
        finally:
            child.kill()
        child = pipeline.start(scene)
        try:
            wait_until_quiet(tally, pipeline, distinct, child, wanted=before + messages)
        finally:
            child.stop()
        rows, different = tally.count(), count(pipeline, distinct) - before
    return Survived(published=messages, lost=messages - different, doubled=rows - different)


def wait_for_half(tally: Tally, child: Child, messages: int) -> None:
    """Return when about half of the messages are committed."""
    deadline = time.monotonic() + DRAINED_WITHIN_S
    while tally.count() < messages / 2:
        if not child.is_running or time.monotonic() > deadline:
            raise BenchError(f"{child.name} has not committed half of its queue: {child.read_last_lines()}")
        time.sleep(SHORTEST_POLL_S)


def wait_until_quiet(tally: Tally, pipeline: Pipeline, distinct: str, child: Child, *, wanted: int) -> None:
    """Return when every deposit is there, or when nothing has come for long."""
    deadline = time.monotonic() + DRAINED_WITHIN_S
    seen, since_s = tally.count(), time.monotonic()
    while time.monotonic() < deadline and child.is_running:
        time.sleep(0.2)
        now = tally.count()
        if now != seen:
            seen, since_s = now, time.monotonic()
        quiet_s = time.monotonic() - since_s
        if quiet_s > QUIET_S or (quiet_s > SETTLED_S and count(pipeline, distinct) >= wanted):
            return
    raise BenchError(f"{child.name} has not come to rest after it was killed: {child.read_last_lines()}")


def count(pipeline: Pipeline, query: str) -> int:
    """Ask the pipeline's database for a number."""
    with psycopg.connect(pipeline.database_url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
