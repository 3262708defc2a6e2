"""How a stand-in bin speaks: envelopes, signatures, and a network that loses, doubles and delays what is said."""

import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.signatures import is_signed_by, sign_message, split_message
from reliability.simulation.broker import LATE_S, MESSAGE_S, SimulatedBroker
from reliability.simulation.faults import Faults
from reliability.simulation.scheduler import Scheduler
from reliability.simulation.speech import Fact, Utterance
from reliability.simulation.trace import Trace
from rewards.keyring import Keyring
from rewards.quarantine import NO_AUTHORITY, digest_message

RETRY_S = 5.0


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


class Voice:
    """The voice of one bin; every message gets the next ``n``."""

    def __init__(self, bin_id: str, town: Town, network: Network, journal: str) -> None:
        self.bin_id = bin_id
        self.journal = journal
        self.messages = 0
        self.on_puback: Callable[[Sequence[int]], object] = lambda seqs: None
        self._town = town
        self._network = network
        self._boot = 1
        self._n = 0

    def reboot(self) -> None:
        """Begin to count anew."""
        self._boot, self._n = self._boot + 1, 0

    def hear(self, topic: str, payload: bytes) -> dict[str, Any]:
        """Return the line of a message to the bin; an empty one when it is not signed for it."""
        signed = split_message(payload)
        if signed is None or not is_signed_by(self._key(), topic=topic, message=signed):
            return {}
        line: dict[str, Any] = json.loads(signed.line)
        return line

    def say(self, channel: str, fields: dict[str, Any]) -> None:
        """Say hello, or a status."""
        envelope = self._envelope()
        line = json.dumps(envelope | fields).encode()
        heard: Fact = ("heard", self._town.authority_id, self.bin_id, channel, envelope["boot"], envelope["n"])
        journal = self.journal if channel == "hello" else None
        self._publish(channel, self._sign(channel, line), f"{channel} {envelope['n']}", (heard,), journal=journal)

    def say_events(self, events: Sequence[Event]) -> None:
        """Say events, in one message."""
        fields = json.dumps(self._envelope() | {"journal": self.journal}).encode()
        line = fields[:-1] + b', "events": [' + b",".join(event.raw for event in events) + b"]}"
        who = (self._town.authority_id, self.bin_id, self.journal)
        proofs = tuple(("content", *who, event.seq, event.digest) for event in events)
        seqs = tuple(event.seq for event in events)
        self._publish("events", self._sign("events", line), f"events {seqs}", proofs, journal=self.journal, seqs=seqs)

    def say_nonsense(self) -> None:
        """Say what cannot be read, what is not signed, or what no authority of ours is meant by."""
        line = json.dumps(self._envelope()).encode()
        match self._network.faults.chance.choice(["babble", "unsigned", "stranger"]):
            case "babble":
                self._publish("events", b"babble", "babble", None)
            case "unsigned":
                self._publish("events", line + b"\n1:" + b"0" * 64, "what is not signed", None)
            case "stranger":
                topic = f"bontri/v1/nowhere/{self.bin_id}/up/events"
                self._publish("events", line, "as a stranger", None, topic=topic, authority_id=NO_AUTHORITY)

    def _envelope(self) -> dict[str, Any]:
        self._n += 1
        sent_at = self._network.now().isoformat()
        return {"v": 1, "bin": self.bin_id, "boot": self._boot, "n": self._n, "sent_at": sent_at, "clock": "synced"}

    def _topic(self, channel: str) -> str:
        return f"bontri/v1/{self._town.slug}/{self.bin_id}/up/{channel}"

    def _key(self) -> bytes:
        return self._network.keyring.bin_key(authority=self._town.slug, bin_id=self.bin_id, key_number=1)

    def _sign(self, channel: str, line: bytes) -> bytes:
        return sign_message(self._key(), key_number=1, topic=self._topic(channel), line=line)

    def _publish(
        self,
        channel: str,
        payload: bytes,
        what: str,
        proofs: tuple[Fact, ...] | None,
        *,
        journal: str | None = None,
        seqs: tuple[int, ...] = (),
        topic: str | None = None,
        authority_id: int | None = None,
    ) -> None:
        """Hand a message to the network; without ``proofs`` it can only be refused whole."""
        topic = topic or self._topic(channel)
        authority_id = self._town.authority_id if authority_id is None else authority_id
        refused: Fact = ("refused", authority_id, digest_message(self._network.keyring, topic=topic, payload=payload))
        numbers = tuple((self.bin_id, self.journal, seq) for seq in seqs)
        said = Utterance(topic, payload, self.bin_id, what, proofs or (refused,), refused, numbers, journal)
        self.messages += 1
        self._network.trace.note(self.bin_id, f"says {what}")
        faults = self._network.faults
        if faults.strikes("message_lost"):
            return
        for _ in range(1 + faults.strikes("message_doubled")):
            delay_s = faults.chance.uniform(*(LATE_S if faults.strikes("late") else MESSAGE_S))
            self._network.scheduler.call_in(delay_s, lambda: self._arrive(said, seqs))

    def _arrive(self, said: Utterance, seqs: tuple[int, ...]) -> None:
        """Reach the broker; one that says "no matching subscribers" has not taken it, and is given it again."""
        taken = self._network.broker.publish(said)
        if taken == "no_subscribers":
            self._network.scheduler.call_in(RETRY_S, lambda: self._arrive(said, seqs))
        elif taken == "yes":
            self.on_puback(seqs)
