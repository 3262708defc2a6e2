"""The messages of the bin protocol as typed structures: decoding up, encoding down. Source: docs/bin-protocol.md.

msgspec checks types and ranges while it decodes (1 µs a message against 32 µs for json and marshmallow). Unknown
fields are ignored, as the protocol asks. Who may say what is not decided here. Docstrings and descriptions are read
by makers of bins: `bontri docs asyncapi` and `bontri docs schemas` publish them.
"""

import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

LARGEST_PACKET_BYTES = 16 * 1024
LARGEST_RECEIPT_BYTES = 8 * 1024
MOST_EVENTS = 100
MOST_RECEIPT_RANGES = 50
MOST_RESULTS = 60
"""Results in one receipt: with 50 ranges and numbers of 19 digits it stays below 8 KiB."""

END = r"$(?!\n)"
"""The end of the text. Python's ``$`` alone also matches before a final line feed, that of JSON Schema does not."""

Counter = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Seq = Annotated[int, Meta(ge=1, le=2**63 - 2, description="Number within the journal: +1 per event, never used again.")]
NextSeq = Annotated[int, Meta(ge=1, le=2**63 - 1)]

RFC3339 = (
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?"
    r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$"
)
"""What a published schema says of a time, and what bins shall write; msgspec takes a little more."""
Instant = Annotated[datetime.datetime, Meta(tz=True, extra_json_schema={"pattern": RFC3339})]

YEARS = range(1970, 9999)
"""Years an event may carry: clocks without a battery begin in 1970, and the last year has no other time zones."""
Journal = Annotated[
    str,
    Meta(pattern="^[0-9a-f]{32}" + END, description="128 random bits, drawn when the event storage is created."),
]
Name = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,64}" + END)]
"""Text for people; control characters never reach a log or a page."""

Clock = Literal["synced", "free", "none"]
Material = Annotated[
    str, Meta(pattern="^[a-z][a-z0-9_-]{1,31}" + END, description="One the authority has declared, such as glass.")
]
MassG = Annotated[int, Meta(ge=1, le=2_000_000)]
Percent = Annotated[int, Meta(ge=0, le=100)]
AheadMs = Annotated[int, Meta(ge=-315_360_000_000, le=315_360_000_000)]
"""How far a free clock was ahead of the backend's time at the last prompt round trip, in milliseconds; ten years."""

ExpiresAt = Annotated[Instant, Meta(description="Not executed after this time; forget the id then.")]
BIN_ID = "^[A-Z0-9-]{4,32}$"
BinId = Annotated[
    str, Meta(description="The bin of the topic; another is wrong_topic.", extra_json_schema={"pattern": BIN_ID})
]
OccurredAt = Annotated[
    Instant,
    Meta(description="The bin's clock when it happened, from 1970 on; may be wrong, see clock."),
]
CommandId = Annotated[
    str,
    Meta(
        pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}" + END,
        description="A UUID; a bin executes an id once and answers every repeat with the same state.",
    ),
]
Version = Annotated[int, Meta(ge=0, le=2**31 - 1)]


def in_utc(at: datetime.datetime) -> datetime.datetime:
    """Return an instant in UTC; most come so, and to convert them again took 1 µs each."""
    return at if at.tzinfo is datetime.UTC else at.astimezone(datetime.UTC)


class Deposit(Struct, tag_field="type", tag="deposit", frozen=True):
    """Items of one material, dropped in by a badge or anonymously."""

    seq: Seq
    at: OccurredAt
    material: Material
    items: Annotated[int, Meta(ge=0, le=200, description="Accepted; 0 only with refused or mass_g above 0.")]
    mass_g: Annotated[MassG | None, Meta(description="Net grams, of bins that weigh.")] = None
    badge: Annotated[
        Annotated[str, Meta(min_length=4, max_length=64)] | None,
        Meta(description="What identifies a citizen; absent is anonymous: counts in figures, earns nothing."),
    ] = None
    refused: Annotated[Annotated[int, Meta(ge=0, le=32_767)] | None, Meta(description="Items recognised as wrong.")] = (
        None
    )
    confidence: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="Of the recognition; not part of what tells a repeat from a conflict."),
    ] = None

    def __post_init__(self) -> None:
        if self.items == 0 and not self.refused and not self.mass_g:
            raise ValueError("items may be 0 only with refused or mass_g above 0")
        if self.at.year not in YEARS:
            raise ValueError("at is no year of a clock")

    @property
    def known_content(self) -> tuple[Any, ...]:
        """What tells a repeat from a conflict: all known fields but ``confidence``."""
        return ("deposit", in_utc(self.at), self.material, self.items, self.mass_g, self.badge, self.refused)


class Emptying(Struct, tag_field="type", tag="emptying", frozen=True):
    """A collection round weighed what the bin held."""

    seq: Seq
    at: OccurredAt
    material: Material
    mass_g: Annotated[MassG | None, Meta(description="Grams taken out.")] = None
    by: Annotated[Name | None, Meta(description="The collection round.")] = None

    def __post_init__(self) -> None:
        if self.at.year not in YEARS:
            raise ValueError("at is no year of a clock")

    @property
    def known_content(self) -> tuple[Any, ...]:
        """What tells a repeat from a conflict."""
        return ("emptying", in_utc(self.at), self.material, self.mass_g, self.by)


class Envelope(Struct, frozen=True):
    """What every message begins with; ``(boot, n)`` orders the messages of a bin."""

    v: Literal[1]
    bin: BinId
    boot: Annotated[Counter, Meta(description="+1 per start of the firmware.")]


class Numbered(Envelope, frozen=True):
    """An envelope with the counters and the clock of all messages but presence."""

    n: Annotated[Counter, Meta(description="+1 per message within a boot.")]
    sent_at: Annotated[Instant, Meta(description="The bin's clock when it sends.")]
    clock: Annotated[Clock, Meta(description="The state of the clock; of events: when they happened.")]
    ahead_ms: Annotated[
        AheadMs | None,
        Meta(description="How far the free clock was ahead of the backend's time (negative: behind), once measured."),
    ] = None


class Events(Numbered, frozen=True, kw_only=True):
    """Deposits and emptyings of one journal."""

    journal: Journal
    events: Annotated[list[Deposit | Emptying], Meta(min_length=1, max_length=MOST_EVENTS, description="In any order.")]


class RawEvents(Numbered, frozen=True, kw_only=True):
    """The same with events left undecoded, so that one faulty event cannot take the others with it."""

    journal: Journal
    events: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MOST_EVENTS)]


class Hello(Numbered, frozen=True, kw_only=True):
    """Said at every start and reconnect, and as the probe when receipts stay away."""

    journal: Journal
    next_seq: Annotated[NextSeq, Meta(description="The number the next event will get.")]
    oldest_held: Annotated[
        NextSeq, Meta(description="The lowest number still held; next_seq when none is, never above it.")
    ]
    firmware: Annotated[Name | None, Meta(description="Name and version.")] = None
    model: Annotated[Name | None, Meta(description="What the maker calls it.")] = None
    materials: Annotated[list[Material], Meta(max_length=50, description="What its openings are for.")] = []
    capacity_l: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None, Meta(description="Of all compartments together.")
    ] = None
    config: Annotated[Version | None, Meta(description="The version of the configuration held; 0: none.")] = None

    def __post_init__(self) -> None:
        # Numbers below oldest_held become lost, which settles them: those not given out yet must stay open.
        if self.oldest_held > self.next_seq:
            raise ValueError("oldest_held is above next_seq")


class CommandResult(Struct, frozen=True):
    """What became of a command in the hands of the bin."""

    id: CommandId
    state: Annotated[
        Literal["done", "refused", "expired"],
        Meta(description="refused: cannot be done, or not known; expired: not executed, it came too late."),
    ]


class Status(Numbered, frozen=True):
    """Fill level, battery and faults; every reading is optional."""

    at: Annotated[Instant | None, Meta(description="The bin's clock at the reading.")] = None
    fill_pct: Annotated[
        Percent | dict[Material, Percent] | None, Meta(description="Of the bin, or of each compartment by material.")
    ] = None
    battery_pct: Percent | None = None
    temperature_c: Annotated[float, Meta(ge=-100, le=200)] | None = None
    signal_dbm: Annotated[int, Meta(ge=-200, le=50)] | None = None
    lid: Annotated[Name | None, Meta(description="Its state in the maker's words.")] = None
    faults: Annotated[
        Annotated[list[Name], Meta(max_length=50)] | None, Meta(description="What is wrong now, in the maker's words.")
    ] = None
    commands: Annotated[
        Annotated[list[CommandResult], Meta(max_length=20)] | None,
        Meta(description="The newest answers to commands, each repeated for ten minutes."),
    ] = None


class Presence(Envelope, frozen=True):
    """Online or not, retained; also the bin's last will. A hint only."""

    conn: Annotated[Counter, Meta(description="+1 per connection.")]
    online: Annotated[bool, Meta(description="At equal counters offline wins.")]


class EventHead(Struct, frozen=True):
    """The one field a faulty event must have for its number to be settled."""

    seq: Seq


class EventResult(Struct, frozen=True, omit_defaults=True):
    """What became of one event."""

    seq: Seq
    state: Literal["credited", "counted", "pending", "capped", "quarantined"]
    points: Annotated[int | UnsetType, Meta(description="Given; only of credited.")] = UNSET
    code: Annotated[str | UnsetType, Meta(description="Why; only of quarantined.")] = UNSET


class Receipt(Struct, frozen=True, omit_defaults=True):
    """What is settled and what time it is. ``echo`` is the ``n`` of the message answered."""

    v: Literal[1]
    journal: Journal
    epoch: Annotated[int, Meta(ge=1, description="A higher one cancels all earlier receipts; ignore a lower one.")]
    upto: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Every number up to this one is settled.")]
    time: Annotated[Instant, Meta(description="The backend's time.")]
    echo: Annotated[Counter, Meta(description="The n of the newest message answered, by (boot, n).")]
    also: Annotated[
        list[tuple[Seq, Seq]],
        Meta(max_length=MOST_RECEIPT_RANGES, description="The lowest settled ranges above upto, both ends included."),
    ] = []
    results: Annotated[
        list[EventResult],
        Meta(max_length=MOST_RESULTS, description="What became of single events; not all settled ones are named."),
    ] = []


class DownEnvelope(Struct, frozen=True, omit_defaults=True):
    """What commands and configuration begin with."""

    v: Literal[1]
    bin: BinId


class Resend(DownEnvelope, tag_field="do", tag="resend", frozen=True):
    """Send the events of ``journal`` from ``first`` to ``last`` again, whatever receipts said of them."""

    id: CommandId
    issued_at: Instant
    expires_at: ExpiresAt
    journal: Journal
    first: Seq
    last: Seq


class Reboot(DownEnvelope, tag_field="do", tag="reboot", frozen=True):
    """Start the firmware anew."""

    id: CommandId
    issued_at: Instant
    expires_at: ExpiresAt


class EmptyingMode(DownEnvelope, tag_field="do", tag="emptying_mode", frozen=True):
    """Take no deposits while a crew empties the bin; ends by itself after ``minutes``."""

    id: CommandId
    issued_at: Instant
    expires_at: ExpiresAt
    on: bool
    minutes: Annotated[int, Meta(ge=1, le=240, description="After which it ends by itself.")] = 60


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

    day_points: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    week_points: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class Config(DownEnvelope, frozen=True, kw_only=True):
    """What a bin shows on its display; retained, and never with the time in it."""

    version: Annotated[Version, Meta(description="A lower one never replaces a higher one.")]
    tariffs: Annotated[list[ConfigTariff], Meta(description="The one in force and those to come, by valid_from.")]
    limits: Limits
    texts: Annotated[dict[str, dict[str, str]], Meta(description="By language, then by name of the text.")] = {}


decode_events = msgspec.json.Decoder(Events).decode
decode_raw_events = msgspec.json.Decoder(RawEvents).decode
decode_event = msgspec.json.Decoder(Deposit | Emptying).decode
decode_event_head = msgspec.json.Decoder(EventHead).decode
decode_hello = msgspec.json.Decoder(Hello).decode
decode_status = msgspec.json.Decoder(Status).decode
decode_presence = msgspec.json.Decoder(Presence).decode
decode_any = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode
