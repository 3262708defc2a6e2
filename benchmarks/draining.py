"""Draining a full queue: the time between the first and the last commit of a pipeline."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchError
from benchmarks.pipelines import Pipeline, Tally, filled_queue
from benchmarks.scene import Scene
from benchmarks.town import BenchMessage
from bontri.embedded.process_tree import list_descendants
from bontri.embedded.processes import Child

SHORTEST_POLL_S, LONGEST_POLL_S = 0.005, 0.5
"""Counting costs the server what it counts: rarely in between, often for the first commit and near the last."""
FIRST_WITHIN_S = 60.0
DRAINED_WITHIN_S = 180.0


@dataclass(frozen=True, slots=True)
class Drained:
    """Events a second a pipeline committed, and the most memory one of its processes held."""

    rate: float
    peak_mb: float


def drain(scene: Scene, pipeline: Pipeline, messages: int, *, events: int = 1) -> Drained:
    """Fill the queue with new messages of ``events`` each, start the pipeline, and return how it did.

    Raises:
        BenchError: it ended, or has not drained the queue in time.
    """
    return drain_made(scene, pipeline, pipeline.messages(messages, events=events), deposits=messages * events)


def drain_made(scene: Scene, pipeline: Pipeline, messages: Sequence[BenchMessage], *, deposits: int) -> Drained:
    """Do the same with messages made before, in which there are so many deposits."""
    with Tally(pipeline) as tally, filled_queue(scene, pipeline, messages):
        child = pipeline.start(scene)
        try:
            rate = time_drain(tally, child, count=deposits)
            return Drained(rate, read_peak_mb(child.pid))
        finally:
            child.stop()


def time_drain(tally: Tally, child: Child, *, count: int) -> float:
    """Return rows per second between the first and the last commit."""
    deadline = time.monotonic() + FIRST_WITHIN_S
    first: tuple[float, int] | None = None
    while time.monotonic() < deadline and child.is_running:
        done, at_s = tally.count(), time.perf_counter()
        if done and first is None:
            first = (at_s, done)
            deadline = time.monotonic() + DRAINED_WITHIN_S
            if done >= count:
                raise BenchError(
                    f"{child.name} committed all {count:,} at once, too few to be timed: take more messages"
                )
        if first is not None and first[1] < done >= count:
            return (done - first[1]) / (at_s - first[0])
        time.sleep(next_look_s(first, done, at_s, count=count))
    raise BenchError(f"{child.name} has not drained its queue: {child.read_last_lines()}")


def next_look_s(first: tuple[float, int] | None, done: int, at_s: float, *, count: int) -> float:
    """Return how long to wait: half of what it seems to need still, within bounds."""
    if first is None or done <= first[1]:
        return SHORTEST_POLL_S
    left_s = (count - done) * (at_s - first[0]) / (done - first[1])
    return min(max(left_s / 2, SHORTEST_POLL_S), LONGEST_POLL_S)


def read_peak_mb(pid: int) -> float:
    """Return the most memory a process or one of its descendants has held, in MB of 10^6 bytes."""
    return max(read_status_mb(each, "VmHWM") for each in (pid, *list_descendants(pid)))


def read_status_mb(pid: int, field: str) -> float:
    """Return a field of a process's memory in MB of 10^6 bytes; 0 for one that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{field}:"))
