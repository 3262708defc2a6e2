"""Watching over one worker from a thread of its own: heartbeats, the verdict, systemd's watchdog, and the end.

A thread that hangs cannot be ended from within, so a stuck worker ends its process, and whoever started it starts it
anew. Nothing is lost by that: what was not acknowledged comes again.
"""

import datetime
import os
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from prometheus_client.registry import Collector

from bontri.monitoring import Health
from bontri.readiness import find_watchdog_interval_s, notify_alive
from ingest.mqtt import MqttSource
from ingest.observer import Observer
from ingest.vitals import DEAD_STATES, SILENT_AFTER_S, State
from ingest.worker import utc_now
from rewards.instants import write_instant

log = structlog.get_logger(__name__)

ROUND_S = 1.0
HEARTBEAT_EVERY_S = 10.0


def end_process() -> None:
    """End at once with 1, whatever other threads hang in."""
    sys.stderr.flush()
    os._exit(1)


@dataclass(frozen=True)
class Patience:
    """How long what is waited for, in seconds."""

    stuck_after_s: float
    silent_after_s: float = SILENT_AFTER_S
    heartbeat_every_s: float = HEARTBEAT_EVERY_S
    round_s: float = ROUND_S


class WorkerWatch:
    """Looks at a worker once a second, as a context manager around its run."""

    def __init__(
        self,
        source: MqttSource,
        observer: Observer,
        *,
        asks_database: Callable[[], bool],
        patience: Patience,
        on_round: Callable[["WorkerWatch"], None] = lambda watch: None,
        end: Callable[[], None] = end_process,
    ) -> None:
        """``asks_database`` tells on a connection of its own whether the database answers; it must not wait long."""
        self._source = source
        self._observer = observer
        self._asks_database = asks_database
        self._patience = patience
        self._on_round = on_round
        self._end = end
        self._closing = threading.Event()
        self._state: State = "starting"
        self._since = utc_now()
        self._since_s = self._looked_s = self._beat_s = observer.vitals.clock()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def __enter__(self) -> "WorkerWatch":
        self.look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()

    def health(self) -> Health:
        """Return the newest verdict; a watch that does not look any more is no sign of life either."""
        vitals = self._observer.vitals
        is_watching = not vitals.is_older(self._looked_s, self._patience.silent_after_s)
        return Health(
            state=self._state if is_watching else "not_watched",
            is_alive=is_watching and self._state not in DEAD_STATES,
            is_ready=is_watching and self._state == "working",
            since=write_instant(self._since),
            facts={
                "subscribed": vitals.subscribed_s is not None,
                "heartbeats": "refused by the broker" if self._source.is_heartbeat_refused() else "through the broker",
                "heartbeat_came_round_at": self._wall_clock(vitals.heartbeat_came_round_s),
                "handled_at": self._wall_clock(vitals.handled_s),
                "database_answered_at": self._wall_clock(vitals.database_answered_s),
            },
        )

    def metrics(self) -> Collector:
        """Return the registry of the worker's metrics."""
        return self._observer.metrics.registry

    def _watch(self) -> None:
        interval_s = find_watchdog_interval_s()
        round_s = min(self._patience.round_s, interval_s or self._patience.round_s)
        try:
            while not self._closing.wait(round_s):
                self.look()
                if interval_s and self._state not in DEAD_STATES:
                    notify_alive()
                self._on_round(self)
        except Exception as error:  # noqa: BLE001 (a top: a worker nobody watches must not go on)
            log.error("watch_failed", fault=type(error).__name__, where=traceback.format_tb(error.__traceback__))
            self._end()

    def look(self) -> None:
        """Beat when it is time, judge, and end a worker that has been dead for too long."""
        now_s = self._looked_s = self._observer.vitals.clock()
        if now_s - self._beat_s >= self._patience.heartbeat_every_s:
            self._beat_s = now_s
            self._source.send_heartbeat()
        state = self._judge()
        if state != self._state:
            is_worse = state not in ("working", "starting")
            (log.warning if is_worse else log.info)("worker_health_changed", state=state, was=self._state)
            self._state, self._since, self._since_s = state, utc_now(), now_s
        if state in DEAD_STATES and now_s - self._since_s >= self._patience.stuck_after_s:
            log.error("worker_stuck", state=state, since=write_instant(self._since), where=list_stacks())
            self._end()

    def _judge(self) -> State:
        state = self._observer.vitals.judge(
            is_network_thread_alive=self._source.is_network_thread_alive(),
            silent_after_s=self._patience.silent_after_s,
        )
        # A writer that waits for a database that has frozen is not stuck: it goes on when that does.
        if state == "writer_stuck" and not self._asks_database():
            return "database_away"
        return state

    def _wall_clock(self, seen_s: float | None) -> str | None:
        if seen_s is None:
            return None
        age = datetime.timedelta(seconds=self._observer.vitals.clock() - seen_s)
        return write_instant(utc_now() - age)


def list_stacks() -> dict[str, list[str]]:
    """Return where each thread stands, by its name: files, lines and functions, no values."""
    frames = sys._current_frames()
    return {
        thread.name: [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_stack(found)][-6:]
        for thread in threading.enumerate()
        if (found := frames.get(thread.ident or 0)) is not None
    }
