"""One bin's talk with the backend apart from its events: presence, hello, and waiting for answers.

Source: bin protocol, sections "Link", "Sending, waiting, resending" and "Status and presence".
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta

from simulators.clock import PROMPT_ROUND_TRIP
from simulators.display import Display
from simulators.journal import Journal
from simulators.messages import Message, MessageWriter
from simulators.receipt_watch import ReceiptWatch
from simulators.sent_messages import SentMessages

ASK_TIME_EVERY = timedelta(minutes=10)


class Conversation:
    """All connections of one boot, one after the other; each opens with presence and hello."""

    def __init__(self, writer: MessageWriter, journal: Journal, display: Display, rng: random.Random) -> None:
        """Start without a connection."""
        self._writer = writer
        self._journal = journal
        self._display = display
        self._watch = ReceiptWatch(rng)
        self._sent = SentMessages()
        self._conn = 0
        self._presence: Message | None = None
        self._hello: tuple[int, datetime] | None = None  # n and time of one not answered yet
        self._hello_at: datetime | None = None  # of the last one, answered or not
        self.is_connected = False

    @property
    def is_probing(self) -> bool:
        """Whether only hellos may go out because receipts stay away."""
        return self._watch.is_probing

    def prepare(self, now: datetime) -> Message:
        """Begin the next connection and return its last will, signed before CONNECT.

        The online presence takes its ``n`` before the will, so that the will is the newer of the two when it comes.
        """
        self._conn += 1
        self._presence = self._writer.write_presence(now, conn=self._conn, is_online=True)
        return self._writer.write_presence(now, conn=self._conn, is_online=False)

    def start(self, now: datetime) -> None:
        """Make presence and hello due: the connection is ready."""
        if self._presence is None:
            self.prepare(now)
        self.is_connected = True
        self._watch.start_connection(now)
        self._hello_at = now

    def end(self) -> list[int]:
        """Close the connection and return the events of the messages the broker had not acknowledged."""
        self.is_connected = False
        self._presence = None
        return self._sent.pop_unacknowledged()

    def take_greetings(self, now: datetime, *, is_synced: bool) -> list[Message]:
        """Return the presence and the hello that are due; call it before asking ``is_probing``.

        Args:
            now: True time.
            is_synced: Whether the clock can be believed; if not, a hello is due every ten minutes, for its receipt
                tells the time. A bin that nobody visits for a day would lose it and be deaf to commands.
        """
        self._watch.check(now)
        if not is_synced and self._hello_at is not None and now - self._hello_at >= ASK_TIME_EVERY:
            self._watch.ask(now)
        messages = []
        if self._presence is not None:
            messages.append(self._presence)
            self._presence = None
        if self._watch.is_hello_due(now):
            hello = self._writer.write_hello(
                now,
                next_seq=self._journal.next_seq,
                oldest_held=self._journal.oldest_held,
                config=self._display.version,
            )
            self._hello = (hello.n, now)
            self._hello_at = now
            self._watch.note_hello(now)
            messages.append(hello)
        return messages

    def note_sent(self, messages: Iterable[Message], now: datetime) -> None:
        """Remember messages as handed to the connection; events among them begin the wait for a receipt."""
        for message in messages:
            self._sent.add(message, now)
            if message.seqs:
                self._watch.note_sent(now)

    def pop_acknowledged(self, n: int) -> tuple[int, ...]:
        """Return the events of message ``n``, which the broker has answered with a PUBACK."""
        return self._sent.pop_acknowledged(n)

    def find_sent_at(self, n: int | None) -> datetime | None:
        """Return when message ``n`` was sent, or None when that is more than ten seconds ago or never was."""
        return self._sent.find_sent_at(n)

    def awaits_time(self, now: datetime) -> bool:
        """Tell whether a hello is out whose receipt may still come promptly enough to tell the time."""
        return self._hello is not None and now - self._hello[1] < PROMPT_ROUND_TRIP

    def note_receipt(self, echo: int | None, now: datetime, *, is_waiting: bool) -> datetime | None:
        """End the wait and return when an answered hello was sent, else None.

        What was sent before such a hello had its chance to be settled; the end of a sequence is missed only here.

        Args:
            echo: The newest message the receipt answers.
            now: True time.
            is_waiting: Whether events are still in flight, so that the next receipt is awaited from now on.
        """
        answered_at = None
        # One receipt may answer many messages and echoes the newest of them, so a later one than the hello will do.
        is_answered = self._hello is not None and echo is not None and echo >= self._hello[0]
        if self._hello is not None and (is_answered or self._watch.is_probing):
            answered_at = self._hello[1]
            self._hello = None
        self._watch.note_receipt(now, is_waiting=is_waiting)
        return answered_at

    def write_farewell(self, now: datetime) -> Message:
        """Return the presence that says offline, to be sent before a clean DISCONNECT (which cancels the will)."""
        return self._writer.write_presence(now, conn=self._conn, is_online=False)
