"""The stand-in for the broker: sessions that outlive connections, one shared subscription, and how it loses things.

What of MQTT 5 the ingest rests on: a message goes to one member of the shared subscription and stays in its session
until it is acknowledged; the session resumes with what was not; packet ids mean something only within a session; a
broker that lost its disk knows no session and no message, whatever it acknowledged before.
"""

import copy
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from reliability.simulation.faults import Faults
from reliability.simulation.scheduler import Scheduler
from reliability.simulation.speech import Utterance

MESSAGE_S = (0.0005, 0.02)
"""How long a packet is under way."""

LATE_S = (1.0, 40.0)
"""How long one is that is late."""


@dataclass
class Session:
    """What the broker keeps of a client: messages handed out and not acknowledged, by packet id, and those waiting."""

    unacknowledged: dict[int, Utterance] = field(default_factory=dict)
    waiting: deque[Utterance] = field(default_factory=deque)
    last_packet_id: int = 0

    def copy(self) -> "Session":
        """Return what is written to disk."""
        return Session(dict(self.unacknowledged), deque(self.waiting), self.last_packet_id)

    def list_messages(self) -> list[Utterance]:
        """List all that is not acknowledged, oldest first."""
        return [*self.unacknowledged.values(), *self.waiting]


@dataclass(eq=False)
class Link:
    """A worker's connection: what arrives there, in order, as long as it is open."""

    client_id: str
    receive: Callable[[int, Utterance], object]
    lose: Callable[[], object]
    receive_maximum: int
    is_open: bool = True
    last_arrival_s: float = 0.0


class SimulatedBroker:
    """One broker between bins and workers."""

    def __init__(self, scheduler: Scheduler, faults: Faults, *, hands_over: bool) -> None:
        self.is_up = True
        self.receive_from_workers: Callable[[str, bytes], object] = lambda topic, payload: None
        self.on_delete: Callable[[Utterance], object] = lambda message: None
        self.on_restart: list[Callable[[], object]] = []
        self._scheduler = scheduler
        self._faults = faults
        self._hands_over = hands_over
        self._sessions: dict[str, Session] = {}
        self._disk: dict[str, Session] = {}
        self._links: dict[str, Link] = {}
        self._turns = itertools.count()

    # --- bins ---

    def publish(self, message: Utterance) -> Literal["no", "no_subscribers", "yes"]:
        """Take a message of a bin, if it can; the PUBACK that follows says whether, and promises nothing."""
        if not self.is_up:
            return "no"
        if not self._sessions:
            return "no_subscribers"
        linked = [client_id for client_id in self._sessions if client_id in self._links]
        members = linked or list(self._sessions)
        client_id = members[next(self._turns) % len(members)]
        self._sessions[client_id].waiting.append(message)
        self._hand_out(client_id)
        return "yes"

    def list_messages(self) -> list[Utterance]:
        """List what is not acknowledged."""
        return [message for session in self._sessions.values() for message in session.list_messages()]

    # --- workers ---

    def connect(self, link: Link) -> Literal["none", "fresh", "resumed"]:
        """Connect a worker with ``clean_start=False`` and subscribe; what was not acknowledged comes again.

        Returns what became of its session.
        """
        if not self.is_up:
            return "none"
        self.disconnect(self._links.get(link.client_id))
        self._links[link.client_id] = link
        is_known = link.client_id in self._sessions
        session = self._sessions.setdefault(link.client_id, Session())
        for packet_id, message in session.unacknowledged.items():
            self._send(link, packet_id, message)
        self._hand_out(link.client_id)
        return "resumed" if is_known else "fresh"

    def disconnect(self, link: Link | None) -> None:
        """End a connection; a broker that hands over ends the session too, and gives another member what it held."""
        if link is None or not link.is_open:
            return
        link.is_open = False
        if self._links.get(link.client_id) is link:
            del self._links[link.client_id]
        link.lose()
        if self._hands_over and self._links and self.is_up:
            left = self._sessions.pop(link.client_id)
            other = min(self._links)
            self._sessions[other].waiting.extend(left.list_messages())
            self._hand_out(other)

    def acknowledge(self, link: Link, packet_ids: list[int]) -> None:
        """Take acknowledgements; they arrive a moment later, if the connection is still there."""

        def arrive() -> None:
            if not link.is_open:
                return
            session = self._sessions[link.client_id]
            for packet_id in packet_ids:
                message = session.unacknowledged.pop(packet_id, None)
                if message is not None:
                    self.on_delete(message)
            self._hand_out(link.client_id)

        self._scheduler.call_in(self._in_order(link), arrive)

    def publish_to_bin(self, link: Link, topic: str, payload: bytes) -> None:
        """Take a message for a bin at QoS 0."""

        def arrive() -> None:
            if self.is_up:
                self.receive_from_workers(topic, payload)

        if link.is_open:
            self._scheduler.call_in(self._in_order(link), arrive)

    # --- its own life ---

    def save(self) -> None:
        """Write everything to disk, as brokers do every so often."""
        self._disk = {client_id: session.copy() for client_id, session in self._sessions.items()}

    def stop(self) -> None:
        """Go down; every connection is lost."""
        self.is_up = False
        for link in list(self._links.values()):
            self.disconnect(link)

    def start(self, memory: str) -> None:
        """Come back with all it knew (``kept``), what it last wrote to disk (``saved``), or nothing (``lost``)."""
        if memory == "saved":
            self._sessions = copy.deepcopy(self._disk)
        elif memory == "lost":
            self._sessions, self._disk = {}, {}
        self.is_up = True
        for hear in self.on_restart:
            hear()

    def _hand_out(self, client_id: str) -> None:
        """Send what waits, up to the receive maximum."""
        link, session = self._links.get(client_id), self._sessions[client_id]
        while link is not None and session.waiting and len(session.unacknowledged) < link.receive_maximum:
            session.last_packet_id = session.last_packet_id % 65_535 + 1
            message = session.waiting.popleft()
            session.unacknowledged[session.last_packet_id] = message
            self._send(link, session.last_packet_id, message)

    def _send(self, link: Link, packet_id: int, message: Utterance) -> None:
        def arrive() -> None:
            if link.is_open:
                link.receive(packet_id, message)

        self._scheduler.call_in(self._in_order(link), arrive)

    def _in_order(self, link: Link) -> float:
        """Return how long a packet takes that must not overtake the one before."""
        now_s = self._scheduler.now_s
        link.last_arrival_s = max(link.last_arrival_s, now_s + self._faults.chance.uniform(*MESSAGE_S))
        return link.last_arrival_s - now_s
