"""Where a worker can be made to die: at each step between taking a message from the broker and acknowledging it.

A process that is killed at a step leaves exactly what one leaves that lost its power there. ``CRASH_AT=committed`` in
the worker's environment kills it when it first comes to that step, ``CRASH_AT=committed:3`` the third time. For tests
of what survives; unset, a step costs one comparison a batch.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple, get_args

CrashPoint = Literal[
    "received",
    "taken",
    "begun",
    "events_inserted",
    "refusals_stored",
    "caps_granted",
    "written",
    "committed",
    "receipts_due",
    "receipts_written",
    "receipts_published",
    "acknowledged",
]
"""In the order in which a batch comes to them."""

CRASH_POINTS: tuple[CrashPoint, ...] = get_args(CrashPoint)


class CrashStep(NamedTuple):
    """Where to die, and which time a process comes there."""

    point: str
    time: int


def parse_crash_step(wanted: str) -> CrashStep:
    """Read ``name`` or ``name:n``.

    Raises:
        ValueError: no step has that name, or ``n`` is no number from 1.
    """
    point, colon, time = wanted.partition(":")
    if point not in CRASH_POINTS:
        raise ValueError(f"{point!r} is no step; there are {', '.join(CRASH_POINTS)}")
    if colon and not (time.isdecimal() and int(time) >= 1):
        raise ValueError(f"{time!r} is no number of times from 1")
    return CrashStep(point, int(time or 1))


class Crash:
    """Who watches the steps of this process: nobody, one that kills it at a step, or a simulation."""

    def __init__(self) -> None:
        self._watcher: Callable[[CrashPoint], object] | None = None

    def arm(self, step: CrashStep) -> None:
        """Have this process die at a step; nothing is cleaned up, flushed or said."""
        self._watcher = Killer(step)

    @contextmanager
    def watched_by(self, watcher: Callable[[CrashPoint], object]) -> Iterator[None]:
        """Have ``watcher`` told of every step of every thread; what it raises is raised at the step."""
        former, self._watcher = self._watcher, watcher
        try:
            yield
        finally:
            self._watcher = former

    def at(self, point: CrashPoint) -> None:
        """Tell whoever watches that the calling thread has come to ``point``."""
        if self._watcher is not None:
            self._watcher(point)


class Killer:
    """Kills this process when it comes to one step for the n-th time."""

    def __init__(self, step: CrashStep) -> None:
        self._point, self._times_left = step
        self._lock = threading.Lock()

    def __call__(self, point: CrashPoint) -> None:
        if point != self._point:
            return
        with self._lock:
            self._times_left -= 1
            if self._times_left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


crash = Crash()
"""This process's own; a worker arms it at its start."""
