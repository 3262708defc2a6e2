"""Errands: what a worker does beside the stream, in one thread and with one connection of its own.

An errand that fails is logged and tried again, less often while it goes on failing; it never takes the worker down.
"""

import datetime
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from ingest.worker import describe_fault, utc_now

log = structlog.get_logger(__name__)

LONGEST_BACK_OFF_S = 10.0
STOPPED_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Errand:
    """Work to do every so often; ``run`` is given the time and opens its own transactions."""

    name: str
    every_s: float
    run: Callable[[datetime.datetime], object]


class ErrandRunner:
    """Runs errands one after the other, each when it is due, until told to stop.

    ``on_done`` is given the name of an errand whenever it has run without an exception.
    """

    def __init__(
        self,
        errands: Sequence[Errand],
        *,
        stop: threading.Event,
        on_done: Callable[[str], None] = lambda name: None,
        clock: Callable[[], datetime.datetime] = utc_now,
    ) -> None:
        self._errands = errands
        self._on_done = on_done
        self._stop = stop
        self._clock = clock
        self._due_s = [0.0] * len(errands)
        self._waits_s = [errand.every_s for errand in errands]

    def run(self) -> None:
        """Run what is due, wait for what is next; return when stopped."""
        while self._errands and not self._stop.is_set():
            for place in range(len(self._errands)):
                if time.monotonic() >= self._due_s[place] and not self._stop.is_set():
                    self._run_one(place)
            self._stop.wait(max(0.0, min(self._due_s) - time.monotonic()))

    def _run_one(self, place: int) -> None:
        errand = self._errands[place]
        try:
            errand.run(self._clock())
            self._on_done(errand.name)
            self._waits_s[place] = errand.every_s
        except Exception as fault:  # noqa: BLE001 (a top: the stream goes on without its errands)
            self._waits_s[place] = min(self._waits_s[place] * 2, max(LONGEST_BACK_OFF_S, errand.every_s))
            log.error("errand_failed", errand=errand.name, retry_in_s=self._waits_s[place], **describe_fault(fault))
        self._due_s[place] = time.monotonic() + self._waits_s[place]


@contextmanager
def running_errands(
    errands: Sequence[Errand], *, stop: threading.Event, on_done: Callable[[str], None] = lambda name: None
) -> Iterator[None]:
    """Run errands beside the block, in a thread that ends with it; ``stop`` is set then."""
    runner = ErrandRunner(errands, stop=stop, on_done=on_done)
    thread = threading.Thread(target=runner.run, name="errands", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        # One that hangs in the database ends with the process; its transaction is not committed.
        thread.join(STOPPED_WITHIN_S)
