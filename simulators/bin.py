"""The firmware of one bin: the protocol as a state machine, without any network and without any clock of its own.

Whoever drives it says what happens and what time it is, and publishes what ``due_messages`` returns. ``now`` is the
true time, aware, never going backwards; what the bin believes about time is in ``clock``.
"""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from pathlib import Path

from simulators.clock import PROMPT_ROUND_TRIP, BinClock
from simulators.contents import Contents, unit_mass_g
from simulators.counts import Tally
from simulators.events import InvalidEventError, encode_deposit, encode_emptying
from simulators.journal import DEFAULT_CAPACITY, KEEP_SETTLED, Journal, JournalFullError
from simulators.messages import ENVELOPE_EVENT_BYTES_MAX, BinIdentity, Message, MessageWriter
from simulators.outbox import Outbox
from simulators.receipt_watch import ReceiptWatch
from simulators.receipts import MalformedReceiptError, Receipt, read_receipt
from simulators.sequence_ranges import SequenceRanges
from simulators.signatures import SignatureError, verify_message

STATUS_EVERY = timedelta(minutes=5)
HOUSEKEEPING_EVERY = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=30)
PUBACK_NO_SUBSCRIBER = 0x10
PUBACK_FAILURE = 0x80


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
        """
        self.identity = identity
        self.tally = Tally() if tally is None else tally
        self.clock = BinClock(now) if clock is None else clock
        self.journal = Journal(journal_path, capacity_events=capacity_events)
        self._writer = MessageWriter(identity, self.clock, boot=self.journal.start_boot(), journal=self.journal.id)
        self._outbox = Outbox(self.journal)
        self._rng = random.Random(0) if rng is None else rng
        self._watch = ReceiptWatch(self._rng)
        self.contents = Contents(self.journal.contents, materials=identity.materials, capacity_l=identity.capacity_l)
        self.faults: set[str] = set()
        self.is_connected = False
        self._started_at = now
        self._conn = 0
        self._presence: Message | None = None
        self._status_due_at = now
        self._housekeeping_due_at = now
        self._hello: tuple[int, datetime] | None = None
        self._sent_at: dict[int, datetime] = {}
        self._unacknowledged: dict[int, tuple[int, ...]] = {}
        self._made_at: dict[int, datetime] = {}
        self._with_result = SequenceRanges()

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
        return self._watch.is_probing

    def close(self) -> None:
        """Switch the bin off cleanly."""
        self.journal.close()

    # What happens at the bin

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
            true_mass_g: What really fell in, for later emptyings; items times the mean mass when None.

        Raises:
            InvalidEventError: a field breaks the protocol, or the event could not fit into a packet.
            JournalFullError: nothing was stored; ``status`` will report the fault ``journal_full``.
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
        seq = self._append(body, now)
        real_mass_g = mass_g or items * unit_mass_g(material) if true_mass_g is None else true_mass_g
        self.contents.add(material, items=items, mass_g=real_mass_g)
        self.tally.produced_deposits += 1
        return seq

    def emptying(self, now: datetime, *, material: str, mass_g: int | None = None, by: str | None = None) -> int:
        """Journal an emptying and return its number; the compartment is empty afterwards.

        Raises:
            InvalidEventError: the mass breaks the protocol.
            JournalFullError: nothing was stored.
        """
        seq_next = self.journal.next_seq
        body = encode_emptying(seq=seq_next, at=self.clock.read(now), material=material, mass_g=mass_g, by=by)
        seq = self._append(body, now)
        self.contents.empty(material)
        self.tally.produced_emptyings += 1
        return seq

    def _append(self, body: bytes, now: datetime) -> int:
        if len(body) > ENVELOPE_EVENT_BYTES_MAX:
            raise InvalidEventError(f"an event of {len(body)} bytes could never be sent")
        try:
            seq = self.journal.append(body, clock=self.clock.state(now))
        except JournalFullError:
            self._report("journal_full", now)
            raise
        self._outbox.add(seq)
        self._made_at[seq] = now
        return seq

    # What happens on the connection

    def prepare_connection(self, now: datetime) -> Message:
        """Begin a new connection and return its last will, signed before CONNECT.

        The online presence takes its ``n`` before the will, so that the will is the newer of the two when it comes.
        """
        self._conn += 1
        self._presence = self._writer.write_presence(now, conn=self._conn, is_online=True)
        return self._writer.write_presence(now, conn=self._conn, is_online=False)

    def on_connected(self, now: datetime) -> None:
        """Start talking: presence, hello and status are due, then data."""
        if self._presence is None:
            self.prepare_connection(now)
        self.is_connected = True
        self._outbox.start_connection()
        self._watch.start_connection(now)
        self._status_due_at = now

    def on_disconnected(self) -> None:
        """Stop talking; what the broker had not confirmed counts as not sent."""
        self.is_connected = False
        self._presence = None
        for seqs in self._unacknowledged.values():
            self._outbox.return_unsent(seqs)
        self._unacknowledged.clear()

    def on_puback(self, n: int, *, reason_code: int) -> None:
        """Take the broker's answer to message ``n``: it never lets the bin forget, a refusal makes it repeat."""
        seqs = self._unacknowledged.pop(n, ())
        if reason_code >= PUBACK_FAILURE or reason_code == PUBACK_NO_SUBSCRIBER:
            self.tally.puback_refusals += 1
            self._outbox.suspect(seqs)

    def on_message(self, topic: str, payload: bytes, now: datetime) -> None:
        """Take a message from the backend; ``down/config`` and ``down/command`` are not simulated yet."""
        if topic == self.identity.topic("down/receipt"):
            self.on_receipt(topic, payload, now)

    def on_receipt(self, topic: str, payload: bytes, now: datetime) -> bool:
        """Take a receipt and return whether it counted.

        Ignored without any effect: a wrong signature or topic, a form not understood, another journal, a lower epoch.
        """
        try:
            receipt = read_receipt(verify_message(topic, payload, self.identity.keys))
        except (SignatureError, MalformedReceiptError):
            receipt = None
        is_ours = receipt is not None and topic == self.identity.topic("down/receipt")
        if receipt is None or not is_ours or receipt.journal != self.journal.id or receipt.epoch < self.journal.epoch:
            self.tally.receipts_refused += 1
            return False
        self.tally.receipts += 1
        if receipt.epoch > self.journal.epoch:
            self.journal.start_epoch(receipt.epoch)
            self._outbox.start_epoch()
        self._settle(receipt, now)
        self._count_results(receipt)
        self._learn_time(receipt, now)
        self._end_wait(receipt, now)
        return True

    def _settle(self, receipt: Receipt, now: datetime) -> None:
        if receipt.highest_settled >= self.journal.next_seq:
            # The storage was set back (an old image restored): numbers the backend knows must not be used again.
            self.journal.skip_to(receipt.highest_settled + 1)
            self._report("journal_behind_receipts", now)
        settled = self._outbox.settle(receipt.settled_ranges)
        if not settled:
            return
        self.journal.note_settled(settled, now)
        for low, high in settled:
            self.tally.settled_events += high - low + 1
            for seq in range(low, high + 1):
                made_at = self._made_at.pop(seq, None)
                if made_at is not None:
                    self.tally.add_latency((now - made_at) / timedelta(milliseconds=1))

    def _count_results(self, receipt: Receipt) -> None:
        for result in receipt.results:
            if result.seq not in self._with_result:
                self._with_result.add(result.seq, result.seq)
                self.tally.events_by_state[result.state] += 1
                self.tally.points += result.points

    def _learn_time(self, receipt: Receipt, now: datetime) -> None:
        sent_at = None if receipt.echo is None else self._sent_at.get(receipt.echo)
        if receipt.time is not None and sent_at is not None:
            self.clock.learn(receipt.time, sent_at=sent_at, now=now)

    def _end_wait(self, receipt: Receipt, now: datetime) -> None:
        if self._hello is not None and (self._watch.is_probing or receipt.echo == self._hello[0]):
            # Everything sent before an answered hello had its chance; the end of the sequence is noticed only here.
            self._outbox.suspect_sent_until(self._hello[1])
            self._hello = None
        self._watch.note_receipt(now, is_waiting=self._outbox.in_flight_events > 0)

    # What the bin wants to send

    def due_messages(self, now: datetime, *, room: int = 20) -> list[Message]:
        """Return the messages to publish now, in order; each counts as sent.

        Every event inside is durable in the journal before this returns.

        Args:
            now: True time.
            room: How many QoS 1 messages the connection can take (MQTT 5 Receive Maximum less unacknowledged ones).
        """
        self.journal.commit_before_sending(now)
        self._keep_house(now)
        if not self.is_connected:
            return []
        self._watch.check(now)
        messages = self._due_greetings(now)
        if not self._watch.is_probing:
            self._outbox.return_missing(now)
            messages += self._due_envelopes(now, room - len(messages))
        self._remember_sent(messages, now)
        return messages

    def _due_greetings(self, now: datetime) -> list[Message]:
        messages = []
        if self._presence is not None:
            messages.append(self._presence)
            self._presence = None
        if self._watch.is_hello_due(now):
            journal = self.journal
            hello = self._writer.write_hello(now, next_seq=journal.next_seq, oldest_held=journal.oldest_held)
            messages.append(hello)
            self._hello = (hello.n, now)
            self._watch.note_hello(now)
        if now >= self._status_due_at:
            self._status_due_at = now + STATUS_EVERY
            messages.append(self._writer.write_status(now, readings=self._readings(now)))
        return messages

    def _due_envelopes(self, now: datetime, room: int) -> list[Message]:
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
                self._watch.note_sent(now)
        return messages

    def _remember_sent(self, messages: list[Message], now: datetime) -> None:
        self.tally.sent_messages += len(messages)
        while self._sent_at:
            oldest = next(iter(self._sent_at))
            if now - self._sent_at[oldest] <= PROMPT_ROUND_TRIP:
                break
            del self._sent_at[oldest]
        for message in messages:
            self._sent_at[message.n] = now
            if message.qos:
                self._unacknowledged[message.n] = message.seqs

    def write_farewell(self, now: datetime) -> Message:
        """Return the presence that says offline, to be sent before a clean DISCONNECT (which cancels the will)."""
        return self._writer.write_presence(now, conn=self._conn, is_online=False)

    # Housekeeping and status

    def _keep_house(self, now: datetime) -> None:
        if now < self._housekeeping_due_at:
            return
        self._housekeeping_due_at = now + HOUSEKEEPING_EVERY
        if self.journal.forget_settled_before(now - KEEP_SETTLED):
            self.faults.discard("journal_full")
        given_up = self.journal.give_up_sent_before(now - GIVE_UP_AFTER)
        if given_up:
            self._outbox.give_up(given_up)
            self.tally.given_up_events += len(given_up)
        if self.journal.given_up_events:
            self._report("events_given_up", now)

    def _report(self, fault: str, now: datetime) -> None:
        if fault not in self.faults:
            self.faults.add(fault)
            self._status_due_at = now

    def _readings(self, now: datetime) -> dict[str, object]:
        hour = now.hour + now.minute / 60
        days = (now - self._started_at) / timedelta(days=1)
        return {
            "fill_pct": self.contents.status_fill_pct(),
            "battery_pct": max(5, round(98 - days / 3)),
            "temperature_c": round(14 + 7 * math.sin((hour - 9) / 24 * math.tau) + self._rng.uniform(-1, 1), 1),
            "signal_dbm": self._rng.randint(-97, -63),
            "lid": "closed",
            "faults": sorted(self.faults),
        }
