"""The stand-in for the worker's MQTT client: a ``MessageSource`` on one connection after the other.

Written after ``ingest/mqtt.py``: deliveries are tagged with the generation of their connection, those of a former one
are not acknowledged, and what waited in the queue is dropped when the session resumes, since it comes again.
"""

import datetime
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest.messages import Heartbeat, Message, Outgoing
from ingest.worker import IDLE_WAIT_S
from reliability.simulation.broker import Link, SimulatedBroker
from reliability.simulation.faults import Faults
from reliability.simulation.scheduler import Killed, Scheduler, Task
from reliability.simulation.speech import Utterance
from reliability.simulation.trace import Trace

RECEIVE_MAXIMUM = 40
GATHER_S = (0.0005, 0.02)
RECONNECT_S = (0.05, 3.0)
BEAT_S = 7.0
IDLE_S = 10.0
"""For how long a writer without anything to do rests at most: to look again every half second shows nothing new."""


@dataclass(slots=True)
class Delivery:
    """How to acknowledge a message, and what the audit wants to know of its delivery."""

    packet_id: int
    generation: int
    number: int
    utterance: Utterance
    delivered_s: float
    restores: int


@dataclass
class Ears:
    """What the source tells the audit: receipts published, deliveries acknowledged."""

    published: Callable[["SimulatedSource", Outgoing], object]
    acknowledged: Callable[["SimulatedSource", Sequence[Delivery]], object]
    count_restores: Callable[[], int]


class SimulatedSource:
    """Takes messages from the broker for one worker process."""

    heeds_generation = True
    """Whether acknowledgements of a former connection are skipped; a control takes this guard away."""

    def __init__(
        self,
        name: str,
        *,
        broker: SimulatedBroker,
        scheduler: Scheduler,
        faults: Faults,
        trace: Trace,
        clock: Callable[[], datetime.datetime],
        ears: Ears,
        most_messages: int,
    ) -> None:
        self.name = name
        self._broker = broker
        self._scheduler = scheduler
        self._faults = faults
        self._trace = trace
        self._clock = clock
        self._ears = ears
        self._most_messages = most_messages
        self._queue: deque[Message] = deque()
        self._generation = 0
        self._deliveries = 0
        self._link: Link | None = None
        self._is_dead = False
        self._is_gathering = False
        self._idle_s: dict[Task, float] = {}
        self._resting: list[Task] = []

    # --- for the worker ---

    def next_batch(self, *, wait_s: float) -> list[Message]:
        """Return what is at hand, without waiting: the worker holds a lock. It waits in :meth:`rest`."""
        if not self._queue:
            self._idle_s[self._scheduler.task()] = wait_s if wait_s < IDLE_WAIT_S else IDLE_S
            return []
        batch: list[Message] = []
        most = self._faults.chance.randint(1, self._most_messages)
        while self._queue and len(batch) < most:
            # A heartbeat comes alone, in its place between the others.
            if isinstance(self._queue[0].handle, Heartbeat):
                return batch or [self._queue.popleft()]
            batch.append(self._queue.popleft())
        return batch

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish receipts; what finds no connection is dropped."""
        self._scheduler.switch()
        for message in messages:
            self._ears.published(self, message)
            if self._link is not None:
                self._broker.publish_to_bin(self._link, message.topic, message.payload)
        self._trace.note(self.name, f"published {len(messages)}")
        self._scheduler.switch()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Send PUBACKs in order, of the present connection only."""
        if self._is_dead:
            raise Killed
        deliveries = [message.handle for message in messages if isinstance(message.handle, Delivery)]
        leaving = [each for each in deliveries if each.generation == self._generation or not self.heeds_generation]
        self._ears.acknowledged(self, deliveries)
        self._trace.note(self.name, f"acknowledged {len(leaving)} of {len(deliveries)}")
        if self._link is not None and leaving:
            self._broker.acknowledge(self._link, [each.packet_id for each in leaving])

    # --- for the simulated process ---

    def rest(self) -> None:
        """Wait as long as the last :meth:`next_batch` of this task was to wait, or until something arrives."""
        task = self._scheduler.task()
        wait_s = self._idle_s.pop(task, None)
        if wait_s is not None and not self._queue:
            self._resting.append(task)
            self._scheduler.wait(wait_s)
            if task in self._resting:
                self._resting.remove(task)

    def connect(self) -> None:
        """Connect, and go on trying."""
        if self._is_dead or self._link is not None:
            return
        link = Link(self.name, self._receive, self._lose, RECEIVE_MAXIMUM)
        session = self._broker.connect(link)
        if session == "none":
            self._connect_later()
            return
        self._generation += 1
        self._link = link
        self._trace.note(self.name, f"connected, session {session}")
        if session == "resumed":
            # What waits comes again.
            self._queue.clear()

    def beat(self) -> None:
        """Put a heartbeat into the queue, again and again, as the worker's watch does."""
        if self._is_dead:
            return
        if not any(isinstance(message.handle, Heartbeat) for message in self._queue):
            beat = Heartbeat(self._scheduler.now_s, is_from_broker=False)
            self._arrive(Message("heartbeat", b"", self._clock(), beat))
        self._scheduler.call_in(BEAT_S, self.beat)

    def disconnect(self) -> None:
        """Lose the connection; the client connects again by itself."""
        self._broker.disconnect(self._link)

    def die(self) -> None:
        """Be gone with the process."""
        self._is_dead = True
        self._broker.disconnect(self._link)

    def _connect_later(self) -> None:
        self._scheduler.call_in(self._faults.chance.uniform(*RECONNECT_S), self.connect)

    def _lose(self) -> None:
        self._generation += 1
        self._link = None
        self._trace.note(self.name, "disconnected")
        if not self._is_dead:
            self._connect_later()

    def _receive(self, packet_id: int, utterance: Utterance) -> None:
        self._deliveries += 1
        handle = Delivery(
            packet_id,
            self._generation,
            self._deliveries,
            utterance,
            self._scheduler.now_s,
            self._ears.count_restores(),
        )
        self._arrive(Message(utterance.topic, utterance.payload, self._clock(), handle))

    def _arrive(self, message: Message) -> None:
        self._queue.append(message)
        if not self._is_gathering:
            self._is_gathering = True
            self._scheduler.call_in(self._faults.chance.uniform(*GATHER_S), self._gathered)

    def _gathered(self) -> None:
        self._is_gathering = False
        resting, self._resting = self._resting, []
        for task in resting:
            self._scheduler.wake(task)
