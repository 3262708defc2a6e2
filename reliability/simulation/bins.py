"""Stand-in bins: a journal that survives everything, and the rules of docs/bin-protocol.md for sending again.

Some behave badly: they repeat, replay all they ever said, give one number to two contents, or say what cannot be read,
verified or stored. Whatever they do, what they produced must be accounted for.
"""

import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ingest.contract import decode_event, encode
from ingest.signatures import sign_message, split_message
from reliability.simulation.broker import LATE_S, MESSAGE_S, SimulatedBroker
from reliability.simulation.faults import Faults
from reliability.simulation.scheduler import Scheduler
from reliability.simulation.speech import Fact, Utterance
from reliability.simulation.statements import POISON_BATTERY_PCT, POISON_ITEMS
from reliability.simulation.trace import Trace
from rewards.keyring import Keyring
from rewards.quarantine import digest_message

TURN_S = (1.0, 5.0)
PATIENCE_S = 10.0
SILENCE_S = 30.0
LONGEST_SILENCE_S = 120.0
"""An hour in the protocol; shortened, as a run heals in minutes."""

RETRY_S = 5.0
MOST_EVENTS = 8


@dataclass
class Town:
    """An authority the bins of a run belong to."""

    authority_id: int
    slug: str
    badges: list[str]


@dataclass
class Network:
    """What all bins share."""

    scheduler: Scheduler
    faults: Faults
    trace: Trace
    broker: SimulatedBroker
    keyring: Keyring
    now: Callable[[], datetime.datetime]


@dataclass
class Event:
    """An event of a journal: its bytes, and the digest its content has at the backend."""

    seq: int
    raw: bytes
    digest: bytes
    sent_s: float = float("-inf")


@dataclass(eq=False)
class SimulatedBin:
    """One bin. ``wickedness`` is how often it says what no honest bin would."""

    bin_id: str
    town: Town
    network: Network
    journal: str
    wickedness: float
    trusts_pubacks: bool = False
    """Whether it forgets what the broker acknowledged; only the control does."""

    events: dict[int, Event] = field(default_factory=dict)
    forgeries: list[Event] = field(default_factory=list)
    settled: set[int] = field(default_factory=set)
    epoch: int = 0
    messages: int = 0
    is_producing: bool = True
    on_receipt: Callable[["SimulatedBin", dict[str, Any]], object] = lambda simulated_bin, receipt: None
    _boot: int = 1
    _n: int = 0
    _heard_s: float = 0.0
    _silence_s: float = SILENCE_S
    _probed_s: float | None = None

    # --- what happens to it ---

    def start(self) -> None:
        """Begin to live: say hello, then take a turn every now and then."""
        self.say_hello()
        self._take_turn_later()

    def reboot(self) -> None:
        """Start anew; the journal and what was settled are on its disk."""
        self._boot, self._n = self._boot + 1, 0
        self._probed_s = None
        self.say_hello()

    def hear_receipt(self, payload: bytes) -> None:
        """Take a receipt in: the union within an epoch, a higher epoch cancels all before, a lower one is ignored."""
        signed = split_message(payload)
        receipt: dict[str, Any] = json.loads(signed.line if signed else b"{}")
        if receipt.get("journal") != self.journal or receipt["epoch"] < self.epoch:
            return
        if receipt["epoch"] > self.epoch:
            self.epoch, self.settled = receipt["epoch"], set()
        self.settled.update(seqs_of(receipt))
        self.on_receipt(self, receipt)
        was_probing, self._probed_s = self._probed_s is not None, None
        self._heard_s, self._silence_s = self.network.scheduler.now_s, SILENCE_S
        highest = max(self.settled, default=0)
        missing = [
            event
            for event in self.list_unsettled()
            if self._age_s(event) > PATIENCE_S and (was_probing or event.seq < highest)
        ]
        self._send(missing)

    def list_unsettled(self) -> list[Event]:
        """List what is not settled, in order."""
        return [event for seq, event in self.events.items() if seq not in self.settled]

    def say_hello(self) -> None:
        """Say hello, as at every start and reconnect."""
        self._say(
            "hello", {"journal": self.journal, "next_seq": len(self.events) + 1, "oldest_held": 1, "firmware": "sim 1"}
        )

    # --- a turn ---

    def _take_turn_later(self) -> None:
        self.network.scheduler.call_in(self.network.faults.chance.uniform(*TURN_S), self._take_turn)

    def _take_turn(self) -> None:
        chance = self.network.faults.chance
        if self.is_producing:
            for _ in range(chance.choice([0, 0, 1, 1, 3])):
                self._produce()
            if chance.random() < self.wickedness:
                chance.choice([self._replay_all, self._forge, self._babble, self._report, self._sign_wrongly])()
        unsent = [event for event in self.list_unsettled() if event.sent_s == float("-inf")]
        if unsent and self._probed_s is None:
            self._send(unsent)
        self._probe_in_silence()
        self._take_turn_later()

    def _probe_in_silence(self) -> None:
        """Say nothing but hello while no receipt comes, and that ever more seldom."""
        now_s = self.network.scheduler.now_s
        waits = [self._age_s(event) for event in self.list_unsettled() if event.sent_s > float("-inf")]
        since_s = max(self._heard_s, self._probed_s or 0.0)
        if waits and max(waits) > self._silence_s and now_s - since_s > self._silence_s:
            self._silence_s = min(self._silence_s * 2, LONGEST_SILENCE_S) if self._probed_s else SILENCE_S
            self._probed_s = now_s
            self.say_hello()

    def _age_s(self, event: Event) -> float:
        return self.network.scheduler.now_s - event.sent_s

    def _produce(self) -> None:
        """Something falls in."""
        chance, seq = self.network.faults.chance, len(self.events) + 1
        items = POISON_ITEMS if chance.random() < self.wickedness * 0.2 else chance.randint(1, 9)
        material = "granite" if chance.random() < self.wickedness * 0.2 else "glass"
        badge = chance.choice([*self.town.badges, None])
        self.events[seq] = self._write_event(seq, items=items, material=material, badge=badge)

    def _write_event(self, seq: int, *, items: int, material: str, badge: str | None) -> Event:
        at = self.network.now().isoformat()
        fields = {"seq": seq, "type": "deposit", "at": at, "material": material, "items": items}
        raw = json.dumps(fields | ({"badge": badge} if badge else {})).encode()
        return Event(seq, raw, self.network.keyring.content_digest(encode(decode_event(raw).known_content)))

    # --- bad behaviour ---

    def _replay_all(self) -> None:
        self._send(list(self.events.values()))

    def _forge(self) -> None:
        """Give a number that is taken, or soon will be, to another content."""
        chance = self.network.faults.chance
        seq = chance.randint(1, len(self.events) + 1)
        forged = self._write_event(seq, items=chance.randint(20, 30), material="glass", badge=None)
        if seq in self.events:
            self.forgeries.append(forged)
            self._send([forged])

    def _babble(self) -> None:
        """Say what is not even JSON, or an event that breaks the schema but has a number."""
        chance = self.network.faults.chance
        if chance.random() < 0.5:
            self._publish("events", b"babble", "babble", proofs=None)
            return
        seq = len(self.events) + 1
        raw = b'{"seq":%d,"type":"deposit","material":7}' % seq
        self.events[seq] = Event(seq, raw, self.network.keyring.content_digest(raw))

    def _report(self) -> None:
        poison = self.network.faults.chance.random() < 0.3
        self._say("status", {"battery_pct": POISON_BATTERY_PCT if poison else 50})

    def _sign_wrongly(self) -> None:
        line = json.dumps(self._envelope() | {"journal": self.journal, "events": []}).encode()
        self._publish("events", line + b"\n1:" + b"0" * 64, "wrong signature", proofs=None)

    # --- saying it ---

    def _send(self, events: list[Event]) -> None:
        """Send events, a few to a message."""
        chance = self.network.faults.chance
        while events:
            size = chance.randint(1, MOST_EVENTS)
            part, events = events[:size], events[size:]
            for event in part:
                event.sent_s = self.network.scheduler.now_s
            fields = json.dumps(self._envelope() | {"journal": self.journal}).encode()
            line = fields[:-1] + b', "events": [' + b",".join(event.raw for event in part) + b"]}"
            authority_id = self.town.authority_id
            proofs = tuple(
                ("content", authority_id, self.bin_id, self.journal, event.seq, event.digest) for event in part
            )
            seqs = tuple(event.seq for event in part)
            self._publish("events", self._sign("events", line), f"events {seqs}", proofs=proofs, seqs=seqs)

    def _say(self, channel: str, fields: dict[str, Any]) -> None:
        envelope = self._envelope()
        line = json.dumps(envelope | fields).encode()
        heard: Fact = ("heard", self.town.authority_id, self.bin_id, channel, envelope["boot"], envelope["n"])
        self._publish(channel, self._sign(channel, line), f"{channel} {envelope['n']}", proofs=(heard,))

    def _envelope(self) -> dict[str, Any]:
        self._n += 1
        sent_at = self.network.now().isoformat()
        return {"v": 1, "bin": self.bin_id, "boot": self._boot, "n": self._n, "sent_at": sent_at, "clock": "synced"}

    def _topic(self, channel: str) -> str:
        return f"bontri/v1/{self.town.slug}/{self.bin_id}/up/{channel}"

    def _sign(self, channel: str, line: bytes) -> bytes:
        key = self.network.keyring.bin_key(authority=self.town.slug, bin_id=self.bin_id, key_number=1)
        return sign_message(key, key_number=1, topic=self._topic(channel), line=line)

    def _publish(
        self, channel: str, payload: bytes, what: str, *, proofs: tuple[Fact, ...] | None, seqs: tuple[int, ...] = ()
    ) -> None:
        """Hand a message to the network, which may lose, double or delay it."""
        topic = self._topic(channel)
        digest = digest_message(self.network.keyring, topic=topic, payload=payload)
        refused: Fact = ("refused", self.town.authority_id, digest)
        message = Utterance(
            topic,
            payload,
            self.bin_id,
            what,
            (refused,) if proofs is None else proofs,
            refused,
            tuple((self.bin_id, self.journal, seq) for seq in seqs),
            self.journal if channel in {"events", "hello"} and proofs is not None else None,
        )
        self.messages += 1
        self.network.trace.note(self.bin_id, f"says {what}")
        faults = self.network.faults
        if faults.strikes("message_lost"):
            return
        for _ in range(1 + faults.strikes("message_doubled")):
            delay_s = faults.chance.uniform(*(LATE_S if faults.strikes("late") else MESSAGE_S))
            self.network.scheduler.call_in(delay_s, lambda: self._arrive(message, seqs))

    def _arrive(self, message: Utterance, seqs: tuple[int, ...]) -> None:
        """The broker has it, and says so; a bin that believes in that forgets.

        One that says "no matching subscribers" has not taken it, and is given it again.
        """
        taken = self.network.broker.publish(message)
        if taken == "no_subscribers":
            self.network.scheduler.call_in(RETRY_S, lambda: self._arrive(message, seqs))
        elif taken == "yes" and self.trusts_pubacks:
            self.settled.update(seqs)


def seqs_of(receipt: Mapping[str, Any]) -> list[int]:
    """List the numbers a receipt says are settled."""
    seqs = list(range(1, receipt["upto"] + 1))
    for low, high in receipt.get("also", ()):
        seqs.extend(range(low, high + 1))
    return seqs
