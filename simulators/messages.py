"""Write the messages a bin sends: topics, common fields, envelopes, signatures (bin protocol, "Link" to "Events")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from simulators.clock import BinClock
from simulators.events import encode_json, format_time
from simulators.journal import StoredEvent
from simulators.signatures import sign_message

ENVELOPE_EVENTS_MAX = 100
PACKET_BYTES_MAX = 16 * 1024
# Topic at most 85 bytes, common fields 230, signature line 77, MQTT's own header 10; the rest is slack.
ENVELOPE_EVENT_BYTES_MAX = PACKET_BYTES_MAX - 512


@dataclass(frozen=True, slots=True)
class Message:
    """One message ready to publish; ``seqs`` are the events inside, ``n`` its number within the boot."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    n: int
    seqs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class BinIdentity:
    """What a bin was given at provisioning, and what it says about itself in ``hello``.

    Attributes:
        keys: 32 bytes by key number; the bin signs with the highest number and accepts all of them.
        weighs: Whether deposits carry ``mass_g``.
    """

    authority: str
    bin: str
    keys: Mapping[int, bytes] = field(repr=False)
    materials: tuple[str, ...] = ("glass",)
    capacity_l: int = 3000
    weighs: bool = False
    firmware: str = "bontri-sim 1.0.0"
    model: str = "simulated column"

    def topic(self, kind: str) -> str:
        """Return the topic of ``kind``, for example ``up/events`` or ``down/receipt``."""
        return f"bontri/v1/{self.authority}/{self.bin}/{kind}"


class MessageWriter:
    """Numbers and signs the messages of one boot; nothing is sent here."""

    def __init__(self, identity: BinIdentity, clock: BinClock, *, boot: int, journal: str) -> None:
        """Begin with ``n`` = 1."""
        self._identity = identity
        self._clock = clock
        self._boot = boot
        self._journal = journal
        self._next_n = 1

    def write_hello(self, now: datetime, *, next_seq: int, oldest_held: int, config: int) -> Message:
        """Return the greeting that is also the probe; ``config`` is the version the display holds."""
        identity = self._identity
        return self._write(
            "up/hello",
            {
                "journal": self._journal,
                "next_seq": next_seq,
                "oldest_held": oldest_held,
                "firmware": identity.firmware,
                "model": identity.model,
                "materials": list(identity.materials),
                "capacity_l": identity.capacity_l,
                "config": config,
            },
            now,
        )

    def write_events(self, events: Sequence[StoredEvent], now: datetime) -> Message:
        """Return the envelope of events that fit into one (the outbox takes care) and share clock and ``ahead_ms``.

        ``clock`` is the state in which the events happened, not the state now: it says whether ``at`` can be believed,
        and a bin that learnt the time since does not make its older events truer.
        """
        header, n = self._common_fields(now)
        header["journal"] = self._journal
        header["clock"] = events[0].clock
        if events[0].ahead_ms is not None:
            header["ahead_ms"] = events[0].ahead_ms
        first_line = b'%b,"events":[%b]}' % (encode_json(header)[:-1], b",".join(event.body for event in events))
        seqs = tuple(event.seq for event in events)
        return self._sign("up/events", first_line, n=n, qos=1, retain=False, seqs=seqs)

    def write_status(self, now: datetime, *, readings: dict[str, object]) -> Message:
        """Return the state of the bin; QoS 0, because the newest wins, but QoS 1 when it answers commands."""
        fields: dict[str, object] = {"at": format_time(self._clock.read(now))}
        return self._write("up/status", fields | readings, now, qos=int("commands" in readings))

    def write_presence(self, now: datetime, *, conn: int, is_online: bool) -> Message:
        """Return the retained presence, for the last will (False) or for the start of a connection (True)."""
        return self._write("up/presence", {"conn": conn, "online": is_online}, now, retain=True)

    def _common_fields(self, now: datetime) -> tuple[dict[str, object], int]:
        n = self._next_n
        self._next_n += 1
        fields: dict[str, object] = {
            "v": 1,
            "bin": self._identity.bin,
            "boot": self._boot,
            "n": n,
            "sent_at": format_time(self._clock.read(now)),
            "clock": self._clock.state(now),
        }
        return fields, n

    def _write(
        self, kind: str, fields: dict[str, object], now: datetime, *, qos: int = 1, retain: bool = False
    ) -> Message:
        common, n = self._common_fields(now)
        return self._sign(kind, encode_json(common | fields), n=n, qos=qos, retain=retain)

    def _sign(
        self, kind: str, first_line: bytes, *, n: int, qos: int, retain: bool, seqs: tuple[int, ...] = ()
    ) -> Message:
        keys = self._identity.keys
        topic = self._identity.topic(kind)
        key_number = max(keys)
        payload = sign_message(topic, first_line, key_number=key_number, key=keys[key_number])
        return Message(topic, payload, qos, retain, n, seqs)
