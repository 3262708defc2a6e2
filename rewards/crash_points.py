"""Where a worker can be made to die: at each step between taking a message from the broker and acknowledging it.

A process that is killed at a step leaves exactly what one leaves that lost its power there. ``CRASH_AT=committed`` in
the worker's environment kills it when it first comes to that step, ``CRASH_AT=committed:3`` the third time. For tests
of what survives; unset, a step costs one comparison a batch.
"""

import os
import signal
import threading
from typing import Literal, get_args

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


class CrashPointError(Exception):
    """There is no such step."""


class Crash:
    """What has been armed in this process: nothing, or one step."""

    def __init__(self) -> None:
        self._point: str | None = None
        self._times_left = 0
        self._lock = threading.Lock()

    def arm(self, wanted: str) -> None:
        """Die at a step, by its name; ``name:n`` the n-th time.

        Raises:
            CrashPointError: no step has that name, or ``n`` is no number from 1.
        """
        point, _, times = wanted.partition(":")
        if point not in CRASH_POINTS:
            raise CrashPointError(f"CRASH_AT: {point!r} is no step; there are {', '.join(CRASH_POINTS)}")
        if times and not (times.isdecimal() and int(times) >= 1):
            raise CrashPointError(f"CRASH_AT: {times!r} is no number of times from 1")
        self._point, self._times_left = point, int(times or 1)

    def at(self, point: CrashPoint) -> None:
        """Kill this process if it was armed for ``point``; nothing is cleaned up, flushed or said."""
        if point != self._point:
            return
        with self._lock:
            self._times_left -= 1
            if self._times_left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


crash = Crash()
"""This process's own; a worker arms it at its start."""
