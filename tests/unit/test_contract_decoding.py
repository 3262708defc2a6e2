"""No bytes of a stranger, and no line a bin signs, may raise out of verifying and decoding."""

import datetime
import json
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.contract import decode_event, decode_hello, decode_raw_events, decode_status
from ingest.decoding import DecodedMessage, EventsMessage, decode
from ingest.directory import Directory
from ingest.messages import Message
from ingest.topics import UpTopic
from ingest.verification import Rejected, Verified, find_topic, verify
from rewards.bins import KnownBin
from rewards.keyring import Keyring
from rewards.rules import AuthorityRules
from tests.speaker import Speaker, deposit

NOW = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
KEYRING = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)
RULES = AuthorityRules(
    authority_id=7,
    slug="plaine-commune",
    timezone=ZoneInfo("Europe/Paris"),
    epoch=1,
    fleet_version=1,
    holders_version=1,
    points_valid_months=24,
    materials=frozenset({"glass"}),
    tariffs=[],
)
KNOWN = KnownBin("FUZ-00001", "live", UUID(int=1), 1, {1: "valid", 2: "revoked"})
CHANNELS = ("events", "hello", "status", "presence")


class OneBin(Directory):
    """A directory that knows one bin and asks no database."""

    def __init__(self) -> None:
        """Nothing to remember."""

    def find_rules(self, topic: UpTopic) -> AuthorityRules | None:
        return RULES if topic.authority == RULES.slug else None

    def find_bin(self, topic: UpTopic) -> KnownBin | None:
        return KNOWN if topic.bin_id == KNOWN.bin_id else None


def handle(message: Message) -> Rejected | DecodedMessage:
    verified = verify(message, find_topic(message), OneBin(), KEYRING)
    return decode(verified) if isinstance(verified, Verified) else verified


def new_speaker() -> Speaker:
    return Speaker(KEYRING, RULES.slug, KNOWN.bin_id)


def say_signed(channel: str, line: bytes) -> Rejected | DecodedMessage:
    speaker = new_speaker()
    return handle(Message(speaker.topic(channel), speaker.sign(channel, line), NOW))


def good_lines() -> dict[str, bytes]:
    speaker = new_speaker()
    badge: dict[str, Any] = {"badge": "04A2B9C1", "mass_g": 690, "refused": 1, "confidence": 0.97}
    emptying = {"seq": 2, "type": "emptying", "at": NOW.isoformat(), "material": "glass", "mass_g": 9, "by": "C7"}
    fields: dict[str, dict[str, Any]] = {
        "events": {"events": [deposit(1, NOW, items=3, **badge), emptying]},
        "hello": {"next_seq": 3, "oldest_held": 1, "firmware": "1.2", "materials": ["glass"], "capacity_l": 3000},
        "status": {"at": NOW.isoformat(), "fill_pct": {"glass": 40}, "temperature_c": 21.5, "faults": ["lid stuck"]},
        "presence": {"conn": 1, "online": True},
    }
    return {channel: json.dumps(speaker.envelope(NOW, **more)).encode() for channel, more in fields.items()}


GOOD_LINES = good_lines()

NASTY = (
    b"[" * 15_500,
    b"[" * 7_750 + b"]" * 7_750,
    b"[" * 3000,
    b"[" * 3000 + b"]" * 3000,
    b'{"a":' * 3000 + b"1" + b"}" * 3000,
    b"9" * 5000,
    b"-" + b"9" * 400,
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551616",
    b"1e999999",
    b"-0.0",
    b"NaN",
    b"Infinity",
    b"null",
    b'"\\ud800"',
    b'"\\ud800\\ud800"',
    b'"\\u0000"',
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"',
    b'"0001-01-01T00:00:00+23:59"',
    b'"9999-12-31T23:59:59.999999999-23:59"',
    b'"2026-11-21T24:00:00Z"',
    b'"2026-11-21T10:00:00"',
    b'"glass\\n"',
    b'{"seq":1,"seq":2}',
    b"\n",
    b"",
    b"\x00",
)


@given(payload=st.binary(max_size=300), channel=st.sampled_from(CHANNELS))
@example(payload=b'{"a":"\xff"}', channel="events")
@example(payload=b"[" * 16_000, channel="events")
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_are_refused_without_raising(payload: bytes, channel: str) -> None:
    verdict = handle(Message(new_speaker().topic(channel), payload, NOW))
    assert isinstance(verdict, Rejected)
    assert verdict.code in ("not_json", "bad_signature")


@given(topic=st.text(max_size=80), payload=st.binary(max_size=50))
@settings(max_examples=200, deadline=None)
def test_arbitrary_topics_are_refused_without_raising(topic: str, payload: bytes) -> None:
    verdict = handle(Message(topic, payload, NOW))
    assert isinstance(verdict, Rejected)
    assert verdict.code == "wrong_topic"


@given(line=st.binary(max_size=300), channel=st.sampled_from(CHANNELS))
@settings(max_examples=200, deadline=None)
def test_arbitrary_signed_bytes_are_refused_without_raising(line: bytes, channel: str) -> None:
    assert isinstance(say_signed(channel, line), Rejected)


@given(
    channel=st.sampled_from(CHANNELS),
    nasty=st.sampled_from(NASTY) | st.binary(max_size=12),
    at=st.floats(0, 1),
    length=st.integers(0, 30),
)
@settings(max_examples=500, deadline=None)
def test_a_good_line_with_a_piece_replaced_is_decoded_or_refused(
    channel: str, nasty: bytes, at: float, length: int
) -> None:
    line = GOOD_LINES[channel]
    start = int(at * len(line))
    assert_understood(say_signed(channel, line[:start] + nasty + line[start + length :]))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(), max_size=10)
    | st.sampled_from(["glass", "synced", "deposit", "2026-11-21T09:59:58Z", "9f0c" * 8]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def list_places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the path of every value inside a JSON document but the whole."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in inside for path in [(*place, key), *list_places(inner, (*place, key))]]


@given(channel=st.sampled_from(CHANNELS), value=JSON, data=st.data())
@settings(max_examples=500, deadline=None)
def test_a_good_message_with_any_value_replaced_is_decoded_or_refused(channel: str, value: Any, data: Any) -> None:
    fields = json.loads(GOOD_LINES[channel])
    *path, last = data.draw(st.sampled_from(list_places(fields)))
    container = fields
    for key in path:
        container = container[key]
    container[last] = value
    assert_understood(say_signed(channel, json.dumps(fields).encode()))


def assert_understood(verdict: Rejected | DecodedMessage) -> None:
    if isinstance(verdict, Rejected):
        assert verdict.code in ("not_json", "schema", "wrong_topic", "bad_signature", "too_large")
        verdict.detail.encode()
    elif isinstance(verdict.content, EventsMessage):
        for event in verdict.content.events:
            assert event.seq >= 1
            assert "\n" not in event.material
            msgspec.json.encode(event.known_content)
        for fault in verdict.content.faulty:
            assert fault.seq >= 1


@pytest.mark.parametrize("nasty", NASTY, ids=lambda nasty: repr(nasty[:20]))
@pytest.mark.parametrize("field", ["at", "material", "items", "badge", "confidence", "unknown"])
def test_one_nasty_field_refuses_its_event_alone_or_the_message(field: str, nasty: bytes) -> None:
    fields = json.loads(GOOD_LINES["events"])
    fields["events"][0][field] = "HERE"
    verdict = say_signed("events", json.dumps(fields).encode().replace(b'"HERE"', nasty))
    assert_understood(verdict)
    if isinstance(verdict, DecodedMessage) and isinstance(verdict.content, EventsMessage):
        assert [event.seq for event in verdict.content.events][-1] == 2


def list_nasty_lines(channel: str, nasty: bytes) -> list[bytes]:
    """List the good line of a channel with one field after another nasty: instead of, before and behind a good one."""
    lines, fields = [], json.loads(GOOD_LINES[channel])
    for field in (*fields, "unknown"):
        good = json.dumps(fields.get(field)).encode()
        others = json.dumps({name: value for name, value in fields.items() if name != field}).encode()
        name = json.dumps(field).encode()
        for values in ([nasty], [nasty, good], [good, nasty]):
            pairs = b",".join(b"%b:%b" % (name, value) for value in values)
            lines.append(b"{%b,%b" % (pairs, others[1:]))
    return lines


@pytest.mark.parametrize("nasty", NASTY, ids=lambda nasty: repr(nasty[:20]))
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_nasty_value_in_any_field_of_any_channel_is_decoded_or_refused(channel: str, nasty: bytes) -> None:
    for line in list_nasty_lines(channel, nasty):
        assert_understood(say_signed(channel, line))
    assert_understood(say_signed(channel, nasty))


@pytest.mark.parametrize("channel", CHANNELS)
def test_nasty_lines_are_good_lines_when_nothing_is_nasty(channel: str) -> None:
    """Control: what is refused above is refused for the nasty value."""
    assert isinstance(say_signed(channel, list_nasty_lines(channel, b"1")[-1]), DecodedMessage)


@pytest.mark.parametrize("channel", CHANNELS)
def test_nonsense_of_the_size_of_a_packet_is_refused(channel: str) -> None:
    room = 16 * 1024 - len(new_speaker().sign(channel, b""))
    for nonsense in (b"[" * room, b"9" * room, b"\xff" * room, b'"' + b"\\" * (room - 1), b"{" * room):
        verdict = say_signed(channel, nonsense)
        assert isinstance(verdict, Rejected)
        assert verdict.code == "not_json"


def test_of_a_key_given_twice_the_last_counts() -> None:
    line = GOOD_LINES["events"].replace(b'"items": 3', b'"items": 200, "items": 4, "items": 5')
    verdict = say_signed("events", line)
    assert isinstance(verdict, DecodedMessage)
    assert isinstance(verdict.content, EventsMessage)
    assert verdict.content.events[0].known_content[3] == 5


def test_a_good_line_of_every_channel_is_understood() -> None:
    for channel, line in GOOD_LINES.items():
        assert isinstance(say_signed(channel, line), DecodedMessage), channel


EVENT: dict[str, Any] = deposit(1, NOW, items=3)


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 0},
        {"seq": 2**63 - 1},
        {"seq": "1"},
        {"seq": 1.0},
        {"at": "2026-11-21T09:59:58"},
        {"at": 1_700_000_000},
        {"material": "Glass"},
        {"material": "g"},
        {"material": "glass\n"},
        {"material": "glass "},
        {"items": -1},
        {"items": 201},
        {"items": 0},
        {"items": True},
        {"mass_g": 0},
        {"mass_g": 2_000_001},
        {"badge": "123"},
        {"badge": "x" * 65},
        {"refused": -1},
        {"confidence": 1.1},
        {"type": "emptying", "by": "two\nlines"},
        {"type": "emptying", "by": "ends with one\n"},
        {"type": "emptying", "by": ""},
        {"type": "burning"},
    ],
    ids=str,
)
def test_a_field_that_breaks_its_rule_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_event(json.dumps(EVENT | change).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 2**63 - 2},
        {"at": "2026-11-21T11:59:58.123456+02:00"},
        {"items": 200},
        {"items": 0, "refused": 1},
        {"items": 0, "mass_g": 1},
        {"mass_g": 2_000_000},
        {"badge": "1234"},
        {"badge": "é" * 64},
        {"confidence": 0},
        {"colour": {"never": ["heard", "of"]}},
    ],
    ids=str,
)
def test_a_field_at_the_edge_of_its_rule_is_taken(change: dict[str, Any]) -> None:
    decode_event(json.dumps(EVENT | change).encode())


@pytest.mark.parametrize(
    ("channel", "change"),
    [
        ("events", {"journal": "9F0C" * 8}),
        ("events", {"journal": "9f0c" * 8 + "\n"}),
        ("events", {"journal": "9f0c" * 7}),
        ("events", {"clock": "perhaps"}),
        ("events", {"n": -1}),
        ("events", {"boot": 2**63}),
        ("events", {"events": []}),
        ("events", {"events": [EVENT] * 101}),
        ("hello", {"oldest_held": 4}),
        ("hello", {"next_seq": 0}),
        ("hello", {"firmware": "1.2\n"}),
        ("hello", {"capacity_l": 0}),
        ("status", {"fill_pct": 101}),
        ("status", {"fill_pct": {"glass\n": 1}}),
        ("status", {"faults": ["x"] * 51}),
        ("status", {"lid": "\u0000"}),
    ],
    ids=str,
)
def test_an_envelope_that_breaks_a_rule_is_refused(channel: str, change: dict[str, Any]) -> None:
    decoders = {"events": decode_raw_events, "hello": decode_hello, "status": decode_status}
    fields = json.loads(GOOD_LINES[channel])
    with pytest.raises(msgspec.DecodeError):
        decoders[channel](json.dumps(fields | change).encode())


def test_a_hello_of_an_empty_storage_is_taken() -> None:
    fields = json.loads(GOOD_LINES["hello"]) | {"next_seq": 2**63 - 1, "oldest_held": 2**63 - 1}
    assert decode_hello(json.dumps(fields).encode()).oldest_held == 2**63 - 1
