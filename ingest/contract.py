"""The messages of the bin protocol as typed structures: decoding up, encoding down. Source: docs/bin-protocol.md.

msgspec checks types and ranges while it decodes (1 µs a message against 32 µs for json and marshmallow). Unknown
fields are ignored, as the protocol asks. Who may say what is not decided here.
"""

import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

LARGEST_PACKET_BYTES = 16 * 1024
LARGEST_RECEIPT_BYTES = 8 * 1024
MOST_EVENTS = 100
MOST_RECEIPT_RANGES = 50

END = r"$(?!\n)"
"""The end of the text. Python's ``$`` alone also matches before a final line feed, that of JSON Schema does not."""

Counter = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Seq = Annotated[int, Meta(ge=1, le=2**63 - 2)]
NextSeq = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Instant = Annotated[datetime.datetime, Meta(tz=True)]

YEARS = range(1970, 9999)
"""Years an event may carry: clocks without a battery begin in 1970, and the last year has no other time zones."""
Journal = Annotated[str, Meta(pattern="^[0-9a-f]{32}" + END)]
Name = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,64}" + END)]
"""Text for people; control characters never reach a log or a page."""

Clock = Literal["synced", "free", "none"]
Material = Annotated[str, Meta(pattern="^[a-z][a-z0-9_-]{1,31}" + END)]
MassG = Annotated[int, Meta(ge=1, le=2_000_000)]
Percent = Annotated[int, Meta(ge=0, le=100)]
AheadMs = Annotated[int, Meta(ge=-315_360_000_000, le=315_360_000_000)]
"""How far a free clock was ahead of the backend's time at the last prompt round trip, in milliseconds; ten years."""

CommandId = Annotated[str, Meta(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}" + END)]
Version = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Deposit(Struct, tag_field="type", tag="deposit", frozen=True):
    """Items of one material, dropped in by a badge or anonymously."""

    seq: Seq
    at: Instant
    material: Material
    items: Annotated[int, Meta(ge=0, le=200)]
    mass_g: MassG | None = None
    badge: Annotated[str, Meta(min_length=4, max_length=64)] | None = None
    refused: Annotated[int, Meta(ge=0, le=32_767)] | None = None
    confidence: Annotated[float, Meta(ge=0, le=1)] | None = None

    def __post_init__(self) -> None:
        if self.items == 0 and not self.refused and not self.mass_g:
            raise ValueError("items may be 0 only with refused or mass_g above 0")
        if self.at.year not in YEARS:
            raise ValueError("at is no year of a clock")

    @property
    def known_content(self) -> tuple[Any, ...]:
        """What tells a repeat from a conflict: all known fields but ``confidence``."""
        at = self.at.astimezone(datetime.UTC)
        return ("deposit", at, self.material, self.items, self.mass_g, self.badge, self.refused)


class Emptying(Struct, tag_field="type", tag="emptying", frozen=True):
    """A collection round weighed what the bin held."""

    seq: Seq
    at: Instant
    material: Material
    mass_g: MassG | None = None
    by: Name | None = None

    def __post_init__(self) -> None:
        if self.at.year not in YEARS:
            raise ValueError("at is no year of a clock")

    @property
    def known_content(self) -> tuple[Any, ...]:
        """What tells a repeat from a conflict."""
        return ("emptying", self.at.astimezone(datetime.UTC), self.material, self.mass_g, self.by)


class Envelope(Struct, frozen=True):
    """What every message begins with; ``(boot, n)`` orders the messages of a bin."""

    v: Literal[1]
    bin: str
    boot: Counter


class Numbered(Envelope, frozen=True):
    """An envelope with the counters and the clock of all messages but presence."""

    n: Counter
    sent_at: Instant
    clock: Clock
    ahead_ms: AheadMs | None = None


class Events(Numbered, frozen=True, kw_only=True):
    """Deposits and emptyings of one journal."""

    journal: Journal
    events: Annotated[list[Deposit | Emptying], Meta(min_length=1, max_length=MOST_EVENTS)]


class RawEvents(Numbered, frozen=True, kw_only=True):
    """The same with events left undecoded, so that one faulty event cannot take the others with it."""

    journal: Journal
    events: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MOST_EVENTS)]


class Hello(Numbered, frozen=True, kw_only=True):
    """Said at every start and reconnect, and as the probe when receipts stay away."""

    journal: Journal
    next_seq: NextSeq
    oldest_held: NextSeq
    firmware: Name | None = None
    model: Name | None = None
    materials: Annotated[list[Material], Meta(max_length=50)] = []
    capacity_l: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    config: Version | None = None

    def __post_init__(self) -> None:
        # Numbers below oldest_held become lost, which settles them: those not given out yet must stay open.
        if self.oldest_held > self.next_seq:
            raise ValueError("oldest_held is above next_seq")


class CommandResult(Struct, frozen=True):
    """What became of a command in the hands of the bin."""

    id: CommandId
    state: Literal["done", "refused", "expired"]


class Status(Numbered, frozen=True):
    """Fill level, battery and faults; every reading is optional."""

    at: Instant | None = None
    fill_pct: Percent | dict[Material, Percent] | None = None
    battery_pct: Percent | None = None
    temperature_c: Annotated[float, Meta(ge=-100, le=200)] | None = None
    signal_dbm: Annotated[int, Meta(ge=-200, le=50)] | None = None
    lid: Name | None = None
    faults: Annotated[list[Name], Meta(max_length=50)] | None = None
    commands: Annotated[list[CommandResult], Meta(max_length=20)] | None = None


class Presence(Envelope, frozen=True):
    """Online or not, retained; also the bin's last will. A hint only."""

    conn: Counter
    online: bool


class EventHead(Struct, frozen=True):
    """The one field a faulty event must have for its number to be settled."""

    seq: Seq


class EventResult(Struct, frozen=True, omit_defaults=True):
    """What became of one event."""

    seq: int
    state: Literal["credited", "counted", "pending", "capped", "quarantined"]
    points: int | UnsetType = UNSET
    code: str | UnsetType = UNSET


class Receipt(Struct, frozen=True, omit_defaults=True):
    """What is settled and what time it is. ``echo`` is the ``n`` of the message answered."""

    v: Literal[1]
    journal: str
    epoch: int
    upto: int
    time: datetime.datetime
    echo: int
    also: list[tuple[int, int]] = []
    results: list[EventResult] = []


class DownEnvelope(Struct, frozen=True, omit_defaults=True):
    """What commands and configuration begin with."""

    v: Literal[1]
    bin: str


class Resend(DownEnvelope, tag_field="do", tag="resend", frozen=True):
    """Send the events of ``journal`` from ``first`` to ``last`` again, whatever receipts said of them."""

    id: CommandId
    issued_at: Instant
    expires_at: Instant
    journal: Journal
    first: Seq
    last: Seq


class Reboot(DownEnvelope, tag_field="do", tag="reboot", frozen=True):
    """Start the firmware anew."""

    id: CommandId
    issued_at: Instant
    expires_at: Instant


class EmptyingMode(DownEnvelope, tag_field="do", tag="emptying_mode", frozen=True):
    """Take no deposits while a crew empties the bin; ends by itself after ``minutes``."""

    id: CommandId
    issued_at: Instant
    expires_at: Instant
    on: bool
    minutes: Annotated[int, Meta(ge=1, le=240)] = 60


Command = Resend | Reboot | EmptyingMode


class ConfigLine(Struct, frozen=True):
    """What one material earns, for the display."""

    per: Literal["item", "kilogram"]
    points: Annotated[int, Meta(ge=0)]


class ConfigTariff(Struct, frozen=True):
    """The tariff in force from ``valid_from`` until the next one is."""

    valid_from: Instant
    lines: dict[Material, ConfigLine]


class Limits(Struct, frozen=True, omit_defaults=True):
    """Most points a citizen earns; absent where there is no such cap."""

    day_points: int | UnsetType = UNSET
    week_points: int | UnsetType = UNSET


class Config(DownEnvelope, frozen=True, kw_only=True):
    """What a bin shows on its display; retained. A lower ``version`` never replaces a higher one."""

    version: Version
    tariffs: list[ConfigTariff]
    limits: Limits
    texts: dict[str, dict[str, str]] = {}


decode_events = msgspec.json.Decoder(Events).decode
decode_raw_events = msgspec.json.Decoder(RawEvents).decode
decode_event = msgspec.json.Decoder(Deposit | Emptying).decode
decode_event_head = msgspec.json.Decoder(EventHead).decode
decode_hello = msgspec.json.Decoder(Hello).decode
decode_status = msgspec.json.Decoder(Status).decode
decode_presence = msgspec.json.Decoder(Presence).decode
decode_any = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode
