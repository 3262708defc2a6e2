"""What is known of a worker's life, noted by its threads as they go, and the judgement of it.

``is_connected()`` says true of a worker that has hung for an hour. Here every step leaves its time instead: each writer
says when it moved, the network thread when it turned, the database when it answered, and a heartbeat that went round
through broker, queue, writer and database says that all of them work also while no bin speaks.

Notes are plain assignments, safe between threads and cheap: a few per batch.
"""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Literal

State = Literal["starting", "working", "database_away", "broker_away", "writer_stuck", "network_dead"]

DEAD_STATES: tuple[State, ...] = ("writer_stuck", "network_dead")
"""What only a new process helps against. The database or the broker being away passes by itself."""

SILENT_AFTER_S = 30.0
"""Without a sign for this long, whoever owes it counts as away or stuck.

Longer than a lock may be waited for (10 s) and than the longest pause between two attempts (5 s).
"""


class Vitals:
    """When which part of a worker was last seen at work; times are ``monotonic()``."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self.handled_s: float | None = None
        self.database_answered_s: float | None = None
        self.subscribed_s: float | None = None
        self.was_subscribed = False
        self.network_turned_s: float | None = None
        self.heartbeat_came_round_s: float | None = None
        self.heartbeat_sent_s: float | None = None
        """When the oldest heartbeat was sent that has not arrived since."""
        self.heartbeat_arrived_s: float | None = None
        """When a heartbeat was put into the queue that no writer has handled yet."""
        self._busy: dict[int, float] = {}
        self._without_database: dict[int, float] = {}

    def writer_moved(self) -> None:
        """Note that the calling writer begins another step."""
        self._busy[threading.get_ident()] = self.clock()

    def writer_rested(self) -> None:
        """Note that the calling writer has nothing in hand."""
        self._busy.pop(threading.get_ident(), None)

    def database_answered(self) -> None:
        """Note that the calling writer got an answer."""
        self._without_database.pop(threading.get_ident(), None)
        self.database_answered_s = self.clock()
        self.writer_moved()

    def database_failed(self) -> None:
        """Note that the calling writer got none and will try again."""
        self._without_database.setdefault(threading.get_ident(), self.clock())
        self.writer_moved()

    def handled(self) -> None:
        """Note that a batch, or a heartbeat, is through: committed and acknowledged."""
        self.handled_s = self.clock()

    def network_turned(self) -> None:
        """Note that the network thread has gone round once."""
        self.network_turned_s = self.clock()

    def subscribed(self) -> None:
        """Note that the broker has granted the subscription."""
        self.subscribed_s = self.network_turned_s = self.clock()
        self.was_subscribed = True

    def disconnected(self) -> None:
        """Note that there is no connection; what was under way on it will not arrive."""
        self.subscribed_s = self.heartbeat_sent_s = None

    @property
    def longest_step_s(self) -> float:
        """How long the writer that has not moved for longest has been at its step; 0 when all rest."""
        return self.clock() - min(list(self._busy.values()), default=self.clock())

    def is_older(self, seen_s: float | None, age_s: float) -> bool:
        """Tell whether something was seen, and longer ago than ``age_s``."""
        return seen_s is not None and self.clock() - seen_s > age_s

    def judge(self, *, is_network_thread_alive: bool, silent_after_s: float = SILENT_AFTER_S) -> State:
        """Return what the notes come to, the worst first.

        ``writer_stuck`` may still be a database that takes and does not answer: ask it before acting on this.
        """
        if not is_network_thread_alive or self._is_network_hung(silent_after_s):
            return "network_dead"
        if self.longest_step_s > silent_after_s or self._is_queue_left_lying(silent_after_s):
            return "writer_stuck"
        if self._without_database:
            return "database_away"
        if self.subscribed_s is None:
            return "broker_away" if self.was_subscribed else "starting"
        if self.is_older(self.heartbeat_sent_s, silent_after_s):
            return "broker_away"
        is_answering = self.database_answered_s is not None and not self.is_older(
            self.database_answered_s, silent_after_s
        )
        return "working" if is_answering else "database_away"

    def _is_network_hung(self, silent_after_s: float) -> bool:
        """Without a connection paho may wait long for a name or an answer; with one it goes round every second."""
        return self.subscribed_s is not None and self.is_older(self.network_turned_s, silent_after_s)

    def _is_queue_left_lying(self, silent_after_s: float) -> bool:
        """A batch that is halved again and again takes long: the answers it gets meanwhile are signs of life too."""
        signs_s = [seen_s for seen_s in (self.handled_s, self.database_answered_s) if seen_s is not None]
        is_going_on = bool(signs_s) and not self.is_older(max(signs_s), silent_after_s)
        is_waiting = self.is_older(self.heartbeat_arrived_s, silent_after_s)
        return is_waiting and not is_going_on and not self._without_database
