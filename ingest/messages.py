"""What goes in and out of the worker, and the interface messages are taken from.

MQTT is one source; a test or another transport can stand in for it.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from ingest.contract import MOST_EVENTS

ALL_EVENTS = range(MOST_EVENTS)
"""The places an event can have in its message."""


@dataclass(slots=True)
class Message:
    """A message as received. ``handle`` is the source's own, to acknowledge it by.

    ``part`` says which of its events are meant, by their place in it: all, unless one of them cannot be recorded and
    is being looked for. ``replayed_at``: when it was taken out of quarantine to be tried again; None when its bin
    sent it. ``was_verified``: it comes from quarantine, and was verified when its bin sent it; what was revoked since
    does not undo that.
    """

    topic: str
    payload: bytes
    received_at: datetime.datetime
    handle: object = field(default=None, compare=False)
    part: range = ALL_EVENTS
    replayed_at: datetime.datetime | None = None
    was_verified: bool = False

    def halves(self) -> list["Message"]:
        """Return the message in two parts; none when it has but one event left."""
        middle = (self.part.start + self.part.stop) // 2
        if len(self.part) < 2:
            return []
        return [replace(self, part=range(self.part.start, middle)), replace(self, part=range(middle, self.part.stop))]


@dataclass(slots=True)
class Outgoing:
    """A signed message to publish towards a bin. What is lost at QoS 0 is asked for again."""

    topic: str
    payload: bytes
    qos: Literal[0, 1] = 0
    is_retained: bool = False


@dataclass(slots=True)
class Heartbeat:
    """Marks, as the ``handle`` of a message, one a worker sent to itself; it comes as a batch of its own.

    ``is_from_broker``: it went through the broker; else it was put straight into the queue.
    """

    sent_s: float
    is_from_broker: bool


class MessageSource(Protocol):
    """Where the worker takes messages from, and how it answers."""

    def next_batch(self, *, wait_s: float) -> list[Message]:
        """Return the messages at hand, bounded in events and bytes; empty when none came within ``wait_s``."""

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish towards bins; losing one is harmless, whatever its QoS."""

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Acknowledge in order. Messages of a connection that is gone are skipped: they will come again."""
