"""From a verified line to a typed message. A faulty envelope refuses the message, a faulty event only itself."""

from dataclasses import dataclass

from ingest.contract import (
    Deposit,
    Emptying,
    Events,
    Hello,
    Presence,
    RawEvents,
    Status,
    decode_event,
    decode_event_head,
    decode_events,
    decode_hello,
    decode_presence,
    decode_raw_events,
    decode_status,
)
from ingest.messages import ALL_EVENTS
from ingest.verification import DECODING_FAULTS, MessageCode, Rejected, Verified, is_json
from rewards.journals import JournalKey


@dataclass(slots=True)
class FaultyEvent:
    """An event that breaks the schema but has a number, which can be settled."""

    seq: int
    detail: str
    raw: bytes


@dataclass(slots=True)
class EventsMessage:
    """A decoded ``up/events``: its envelope, the good events and the faulty ones."""

    envelope: Events | RawEvents
    events: list[Deposit | Emptying]
    faulty: list[FaultyEvent]

    def part(self, part: range) -> "EventsMessage":
        """Return the message with some of its good events; faulty ones go with the first part."""
        faulty = self.faulty if part.start == 0 else []
        return EventsMessage(self.envelope, self.events[part.start : part.stop], faulty)


Content = EventsMessage | Hello | Status | Presence


@dataclass(slots=True)
class DecodedMessage:
    """A verified message with its decoded content.

    ``journaled`` is the part that names a journal and can be answered; None for status and presence.
    """

    verified: Verified
    content: Content
    bin_id: str
    journaled: Events | RawEvents | Hello | None
    journal_key: JournalKey | None


def decode(verified: Verified) -> DecodedMessage | Rejected:
    """Decode the line by its channel; ``not_json``, ``schema`` or ``wrong_topic`` when it cannot be."""
    try:
        content = decode_line(verified)
    except DECODING_FAULTS as fault:
        code: MessageCode = "schema" if is_json(verified.line) else "not_json"
        return Rejected(verified.message, code, str(fault), verified.rules, verified.topic.bin_id)
    if isinstance(content, EventsMessage) and verified.message.part != ALL_EVENTS:
        content = content.part(verified.message.part)
    said = content.envelope.bin if isinstance(content, EventsMessage) else content.bin
    if said != verified.topic.bin_id:
        detail = "the bin named inside is not the one of the topic"
        return Rejected(verified.message, "wrong_topic", detail, verified.rules, verified.topic.bin_id)
    journaled = content.envelope if isinstance(content, EventsMessage) else content
    if isinstance(journaled, Status | Presence):
        return DecodedMessage(verified, content, said, None, None)
    return DecodedMessage(verified, content, said, journaled, (said, journaled.journal))


def decode_line(verified: Verified) -> Content:
    """Decode by channel; raises one of ``DECODING_FAULTS``."""
    match verified.topic.channel:
        case "events":
            return decode_events_line(verified.line)
        case "hello":
            return decode_hello(verified.line)
        case "status":
            return decode_status(verified.line)
        case "presence":
            return decode_presence(verified.line)


def decode_events_line(line: bytes) -> EventsMessage:
    """Decode events in one go, and one by one only when that fails."""
    try:
        envelope = decode_events(line)
    except DECODING_FAULTS:
        return decode_events_singly(line)
    return EventsMessage(envelope, envelope.events, [])


def decode_events_singly(line: bytes) -> EventsMessage:
    """Decode each event on its own; one without a usable number fails the whole message."""
    envelope = decode_raw_events(line)
    events: list[Deposit | Emptying] = []
    faulty: list[FaultyEvent] = []
    for raw in envelope.events:
        try:
            events.append(decode_event(raw))
        except DECODING_FAULTS as fault:
            faulty.append(FaultyEvent(decode_event_head(raw).seq, str(fault), bytes(raw)))
    return EventsMessage(envelope, events, faulty)
