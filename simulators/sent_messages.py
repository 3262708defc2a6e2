"""What a bin remembers of the messages it sent: when, and which the broker has not acknowledged yet."""

from __future__ import annotations

from datetime import datetime

from simulators.clock import PROMPT_ROUND_TRIP
from simulators.messages import Message

PUBACK_NO_SUBSCRIBER = 0x10
PUBACK_FAILURE = 0x80


def is_not_delivered(reason_code: int) -> bool:
    """Tell whether a PUBACK says that nobody got the message (bin protocol, section "Link")."""
    return reason_code >= PUBACK_FAILURE or reason_code == PUBACK_NO_SUBSCRIBER


class SentMessages:
    """Messages of this boot by their ``n``; send times for ten seconds, events until the PUBACK."""

    def __init__(self) -> None:
        """Start with nothing sent."""
        self._sent_at: dict[int, datetime] = {}
        self._unacknowledged: dict[int, tuple[int, ...]] = {}

    def add(self, message: Message, now: datetime) -> None:
        """Remember a message as sent now, and forget send times too old to tell the time by."""
        while self._sent_at and now - next(iter(self._sent_at.values())) > PROMPT_ROUND_TRIP:
            del self._sent_at[next(iter(self._sent_at))]
        self._sent_at[message.n] = now
        if message.qos:
            self._unacknowledged[message.n] = message.seqs

    def find_sent_at(self, n: int | None) -> datetime | None:
        """Return when message ``n`` was sent, or None when that is long ago or never was."""
        return None if n is None else self._sent_at.get(n)

    def pop_acknowledged(self, n: int) -> tuple[int, ...]:
        """Return the events of message ``n``, which the broker has answered."""
        return self._unacknowledged.pop(n, ())

    def pop_unacknowledged(self) -> list[int]:
        """Return the events of every message the broker has not answered; the connection is gone."""
        seqs = [seq for message_seqs in self._unacknowledged.values() for seq in message_seqs]
        self._unacknowledged.clear()
        return seqs
