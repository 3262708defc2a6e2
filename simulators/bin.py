"""The firmware of one bin: the protocol as a state machine, without any network and without any clock of its own.

Whoever drives it says what happens and what time it is, and publishes what ``due_messages`` returns. ``now`` is the
true time, aware, never going backwards; what the bin believes about time is in ``clock``.
"""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path
from typing import Unpack

from simulators.clock import BinClock
from simulators.commands import CommandDesk
from simulators.contents import Contents
from simulators.conversation import Conversation
from simulators.counts import Tally
from simulators.display import Display
from simulators.hatch import Hatch, OptionalDepositFields
from simulators.housekeeping import Housekeeping
from simulators.journal import DEFAULT_CAPACITY, Journal
from simulators.messages import BinIdentity, Message, MessageWriter
from simulators.outbox import Outbox
from simulators.outcomes import Outcomes
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
        outcomes: Outcomes | None = None,
        rng: random.Random | None = None,
        capacity_events: int = DEFAULT_CAPACITY,
        fill_pct: int = 0,
    ) -> None:
        """Start the firmware: open or create the journal and count the boot.

        Args:
            identity: What provisioning handed over.
            journal_path: The bin's storage; removing the file is replacing the storage.
            now: True time of the start.
            clock: The bin's clock; a correct one that radio has just set (``synced``) when None.
            tally: Where to count; a fleet shares one.
            outcomes: What the start before this one counted, with its tally; nothing yet when None.
            rng: For the jitter of the back-off and the sensor readings.
            capacity_events: How many events the storage holds, settled ones still kept included.
            fill_pct: How full the bin is when nothing has happened at it yet; afterwards its storage knows.

        Raises:
            sqlite3.OperationalError: another process holds the journal.
        """
        self.identity = identity
        self.tally = (tally or Tally()) if outcomes is None else outcomes.tally
        self.clock = BinClock(now, is_synced=True) if clock is None else clock
        self.journal = journal = Journal(journal_path, capacity_events=capacity_events)
        self._outcomes = Outcomes(self.tally) if outcomes is None else outcomes
        self._rng = rng = random.Random(0) if rng is None else rng
        self._writer = MessageWriter(identity, self.clock, boot=journal.start_boot(), journal=journal.id)
        self._outbox = Outbox(journal)
        self.display = Display(identity, journal.file, self.tally)
        self._conversation = Conversation(self._writer, journal, self.display, rng)
        self.contents = Contents(journal.contents, materials=identity.materials, capacity_l=identity.capacity_l)
        self._fill_pct = fill_pct
        if fill_pct and journal.is_unused:
            self.contents.fill_to(fill_pct)
        self.status = StatusReport(self.contents, rng, now)
        self._housekeeping = Housekeeping(journal, self._outbox, self.status, self.tally, now)
        self._commands = CommandDesk(
            identity, journal=journal, outbox=self._outbox, clock=self.clock, status=self.status, tally=self.tally
        )
        self._hatch = Hatch(
            journal,
            clock=self.clock,
            contents=self.contents,
            emptying_mode=self._commands.emptying_mode,
            housekeeping=self._housekeeping,
            outbox=self._outbox,
            outcomes=self._outcomes,
            status=self.status,
            tally=self.tally,
        )
        self._intake = ReceiptIntake(
            identity,
            journal=journal,
            outbox=self._outbox,
            conversation=self._conversation,
            clock=self.clock,
            status=self.status,
            outcomes=self._outcomes,
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

    @property
    def is_reboot_due(self) -> bool:
        """Whether a command to reboot has been accepted and answered, so that ``restart`` is next."""
        return self._commands.is_reboot_due

    def restart(self, now: datetime) -> SimulatedBin:
        """Start the firmware anew over the same journal and return it; this object is closed, the clock goes on."""
        self.close()
        return type(self)(
            self.identity,
            self.journal.file.path,
            now,
            clock=self.clock.restart(now),
            outcomes=self._outcomes,
            rng=self._rng,
            capacity_events=self.journal.capacity_events,
            fill_pct=self._fill_pct,
        )

    # What happens at the bin.

    def deposit(self, now: datetime, *, material: str, items: int, **fields: Unpack[OptionalDepositFields]) -> int:
        """Journal a deposit and return its number; it is durable before ``due_messages`` returns it.

        Raises:
            HatchClosedError: the bin is in emptying mode.
            InvalidEventError: a field breaks the protocol, or the event could not fit into a packet.
            JournalFullError: nothing was stored; ``status`` reports the fault ``journal_full``.
        """
        return self._hatch.deposit(now, material, items, fields)

    def emptying(self, now: datetime, *, material: str, mass_g: int | None = None, by: str | None = None) -> int:
        """Journal an emptying and return its number; the compartment is empty afterwards.

        Raises:
            InvalidEventError: the mass breaks the protocol.
            JournalFullError: nothing was stored; ``status`` reports the fault ``journal_full``.
        """
        return self._hatch.emptying(now, material=material, mass_g=mass_g, by=by)

    # What happens on the connection.

    def prepare_connection(self, now: datetime) -> Message:
        """Begin a new connection and return its last will, signed before CONNECT."""
        return self._conversation.prepare(now)

    def on_connected(self, now: datetime) -> None:
        """Start talking: presence, hello and status are due, then data."""
        self._conversation.start(now)
        self._outbox.start_connection()
        self.status.request(now)

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
        """Take a message from the backend; what is not in order has no effect and is counted."""
        match topic.rpartition("/")[2]:
            case "receipt":
                self.on_receipt(topic, payload, now)
            case "config":
                self.display.take(topic, payload)
            case "command":
                self._commands.take(topic, payload, now)

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
        messages = self._conversation.take_greetings(now, is_synced=self.clock.state(now) == "synced")
        if self.status.is_due(now) and (not self.is_probing or self._commands.has_new_answer):
            readings = self.status.take_readings(now) | self._commands.take_answers(now)
            messages.append(self._writer.write_status(now, readings=readings))
        if not self.is_probing and not self._awaits_time(now):
            self._outbox.return_missing(now)
            for events in self._outbox.take_envelopes(now, room=room - len(messages)):
                messages.append(self._writer.write_events(events, now))
                self.tally.sent_events += len(events)
                self.tally.resent_events += self._outbox.count_repeats(events)
        self.tally.sent_messages += len(messages)
        self._conversation.note_sent(messages, now)
        return messages

    def _awaits_time(self, now: datetime) -> bool:
        # What a free clock stamped goes out with the measurement of that clock, if one comes with the next receipt.
        return self.clock.state(now) == "free" and self._conversation.awaits_time(now)

    def write_farewell(self, now: datetime) -> Message:
        """Return the presence that says offline, to be sent before a clean DISCONNECT (which cancels the will)."""
        return self._conversation.write_farewell(now)
