"""The firmware of one bin: the protocol as a state machine, without any network and without any clock of its own.

Whoever drives it says what happens and what time it is, and publishes what ``due_messages`` returns. ``now`` is the
true time, aware, never going backwards; what the bin believes about time is in ``clock``.
"""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path

from simulators.clock import BinClock
from simulators.contents import Contents, unit_mass_g
from simulators.conversation import Conversation
from simulators.counts import Tally
from simulators.events import InvalidEventError, encode_deposit, encode_emptying
from simulators.housekeeping import Housekeeping
from simulators.journal import DEFAULT_CAPACITY, Journal, JournalFullError
from simulators.messages import ENVELOPE_EVENT_BYTES_MAX, BinIdentity, Message, MessageWriter
from simulators.outbox import Outbox
from simulators.receipt_intake import ReceiptIntake
from simulators.sent_messages import is_not_delivered
from simulators.status import StatusReport


class SimulatedBin:
    """One start of the firmware of one bin over its journal.

    Safe against being killed at any point: a new object over the same file continues the sequence with ``boot`` + 1.
    """

    def __init__(
        self,
        identity: BinIdentity,
        journal_path: Path,
        now: datetime,
        *,
        clock: BinClock | None = None,
        tally: Tally | None = None,
        rng: random.Random | None = None,
        capacity_events: int = DEFAULT_CAPACITY,
    ) -> None:
        """Start the firmware: open or create the journal and count the boot.

        Args:
            identity: What provisioning handed over.
            journal_path: The bin's storage; removing the file is replacing the storage.
            now: True time of the start.
            clock: The bin's clock; a correct one that trusts its battery (``free``) when None.
            tally: Where to count; a fleet shares one.
            rng: For the jitter of the back-off and the sensor readings.
            capacity_events: How many events the storage holds, settled ones still kept included.

        Raises:
            sqlite3.OperationalError: another process holds the journal.
        """
        self.identity = identity
        self.tally = Tally() if tally is None else tally
        self.clock = BinClock(now) if clock is None else clock
        self.journal = journal = Journal(journal_path, capacity_events=capacity_events)
        rng = random.Random(0) if rng is None else rng
        self._writer = MessageWriter(identity, self.clock, boot=journal.start_boot(), journal=journal.id)
        self._outbox = Outbox(journal)
        self._conversation = Conversation(self._writer, journal, rng)
        self.contents = Contents(journal.contents, materials=identity.materials, capacity_l=identity.capacity_l)
        self.status = StatusReport(self.contents, rng, now)
        self._housekeeping = Housekeeping(journal, self._outbox, self.status, self.tally, now)
        self._intake = ReceiptIntake(
            identity,
            journal=journal,
            outbox=self._outbox,
            conversation=self._conversation,
            clock=self.clock,
            status=self.status,
            tally=self.tally,
        )

    @property
    def is_connected(self) -> bool:
        """Whether the connection is ready for messages."""
        return self._conversation.is_connected

    @property
    def unsettled_events(self) -> int:
        """Events in the journal that still need a receipt."""
        return self._outbox.unsettled_events

    @property
    def in_flight_events(self) -> int:
        """Events sent and not yet settled."""
        return self._outbox.in_flight_events

    @property
    def is_probing(self) -> bool:
        """Whether the bin sends only hellos because receipts stay away."""
        return self._conversation.is_probing

    def close(self) -> None:
        """Switch the bin off cleanly; a second call does nothing."""
        self.journal.close()

    # What happens at the bin.

    def deposit(
        self,
        now: datetime,
        *,
        material: str,
        items: int,
        badge: str | None = None,
        mass_g: int | None = None,
        refused: int | None = None,
        confidence: float | None = None,
        true_mass_g: int | None = None,
    ) -> int:
        """Journal a deposit and return its number; it is durable before ``due_messages`` returns it.

        Args:
            now: True time of the deposit.
            true_mass_g: What really fell in, for later emptyings; ``mass_g``, else items times the mean mass, if None.

        Raises:
            InvalidEventError: a field breaks the protocol, or the event could not fit into a packet.
            JournalFullError: nothing was stored; ``status`` reports the fault ``journal_full``.
        """
        body = encode_deposit(
            seq=self.journal.next_seq,
            at=self.clock.read(now),
            material=material,
            items=items,
            mass_g=mass_g,
            badge=badge,
            refused=refused,
            confidence=confidence,
        )
        self._require_room(body, now)
        fallen_g = true_mass_g or mass_g or items * unit_mass_g(material)
        self.contents.add(material, items=items, mass_g=fallen_g)
        self.tally.produced_deposits += 1
        return self._append(body, now)

    def emptying(self, now: datetime, *, material: str, mass_g: int | None = None, by: str | None = None) -> int:
        """Journal an emptying and return its number; the compartment is empty afterwards.

        Raises:
            InvalidEventError: the mass breaks the protocol.
            JournalFullError: nothing was stored; ``status`` reports the fault ``journal_full``.
        """
        at, seq = self.clock.read(now), self.journal.next_seq
        body = encode_emptying(seq=seq, at=at, material=material, mass_g=mass_g, by=by)
        self._require_room(body, now)
        self.contents.empty(material)
        self.tally.produced_emptyings += 1
        return self._append(body, now)

    def _require_room(self, body: bytes, now: datetime) -> None:
        if len(body) > ENVELOPE_EVENT_BYTES_MAX:
            raise InvalidEventError(f"an event of {len(body)} bytes could never be sent")
        if self.journal.is_full:
            self._housekeeping.forget_settled(now)
        if self.journal.is_full:
            self.status.add_fault("journal_full", now)
            raise JournalFullError(f"the journal holds its {self.journal.held_events} events")

    def _append(self, body: bytes, now: datetime) -> int:
        seq = self.journal.append(body, clock=self.clock.state(now))
        self._outbox.add(seq)
        self._intake.note_made(seq, now)
        return seq

    # What happens on the connection.

    def prepare_connection(self, now: datetime) -> Message:
        """Begin a new connection and return its last will, signed before CONNECT."""
        return self._conversation.prepare(now)

    def on_connected(self, now: datetime) -> None:
        """Start talking: presence, hello and status are due, then data."""
        self._conversation.start(now)
        self._outbox.start_connection()
        self.status.start_connection(now)

    def on_disconnected(self) -> None:
        """Stop talking; what the broker had not acknowledged counts as not sent."""
        self._outbox.return_unsent(self._conversation.end())

    def on_puback(self, n: int, *, reason_code: int) -> None:
        """Take the broker's answer to message ``n``: it never lets the bin forget, a refusal makes it repeat."""
        seqs = self._conversation.pop_acknowledged(n)
        if is_not_delivered(reason_code):
            self.tally.puback_refusals += 1
            self._outbox.suspect(seqs)

    def on_message(self, topic: str, payload: bytes, now: datetime) -> None:
        """Take a message from the backend; ``down/config`` and ``down/command`` are not simulated yet."""
        if topic == self.identity.topic("down/receipt"):
            self.on_receipt(topic, payload, now)

    def on_receipt(self, topic: str, payload: bytes, now: datetime) -> bool:
        """Take a receipt and return whether it counted; one that does not has no effect at all."""
        return self._intake.take(topic, payload, now)

    # What the bin wants to send.

    def due_messages(self, now: datetime, *, room: int = 20) -> list[Message]:
        """Return the messages to publish now, in order; each counts as sent.

        Every event inside is durable in the journal before this returns.

        Args:
            now: True time.
            room: How many messages the connection can take (MQTT 5 Receive Maximum less unacknowledged ones).
        """
        self.journal.commit_before_sending(now)
        self._housekeeping.keep(now)
        if not self.is_connected:
            return []
        messages = self._conversation.take_greetings(now)
        if not self.is_probing:
            if self.status.is_due(now):
                messages.append(self._writer.write_status(now, readings=self.status.take_readings(now)))
            self._outbox.return_missing(now)
            if self._outbox.has_unsent:
                messages += self._take_envelopes(now, room - len(messages))
        self.tally.sent_messages += len(messages)
        self._conversation.note_sent(messages, now)
        return messages

    def _take_envelopes(self, now: datetime, room: int) -> list[Message]:
        messages: list[Message] = []
        takes = [self._outbox.take_live, self._outbox.take_backlog]  # live first, then in turns
        while takes and len(messages) < room:
            take = takes.pop(0)
            events = take(now)
            if events:
                takes.append(take)
                messages.append(self._writer.write_events(events, now))
                self.tally.sent_events += len(events)
                self.tally.resent_events += self._outbox.count_repeats(events)
        return messages

    def write_farewell(self, now: datetime) -> Message:
        """Return the presence that says offline, to be sent before a clean DISCONNECT (which cancels the will)."""
        return self._conversation.write_farewell(now)
