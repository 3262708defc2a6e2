"""What a published schema accepts the decoder accepts, and the other way round; every exception is listed here."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bontri.bin_documents.schemas import make_schemas
from ingest.contract import decode_events, decode_hello, decode_presence, decode_status
from ingest.verification import DECODING_FAULTS
from tests.contract.golden import UP_REFUSED, UP_RIGHT, Golden

DECODERS: dict[str, Callable[[bytes], Any]] = {
    "events": decode_events,
    "hello": decode_hello,
    "status": decode_status,
    "presence": decode_presence,
}


def check_pattern(_: Any, pattern: str, text: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    """Match as JSON Schema says: ``$`` is the end of the text, where Python's also matches before a line feed."""
    if isinstance(text, str) and not re.search(pattern.replace("$", r"\Z"), text, flags=re.ASCII):
        yield jsonschema.ValidationError(f"{text!r} does not match {pattern}")


Reader = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": check_pattern})
READERS = {
    channel: Reader(schema, format_checker=jsonschema.FormatChecker(["date-time"]))
    for channel, schema in make_schemas().items()
}


def is_decoded(channel: str, line: bytes) -> bool:
    try:
        DECODERS[channel](line)
    except DECODING_FAULTS:
        return False
    return True


def refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def find_json(line: bytes) -> Any:
    """Find what a strict reader of JSON sees; an ellipsis when it sees none."""
    try:
        return json.loads(line.decode(), parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        return ...


def fits_schema(channel: str, line: bytes) -> bool:
    fields = find_json(line)
    return fields is not ... and READERS[channel].is_valid(fields)


def list_values(value: Any) -> list[tuple[str, Any]]:
    """List every field inside with its name, those of lists under the name of the list."""
    if isinstance(value, list):
        return [found for each in value for found in list_values(each)]
    if not isinstance(value, dict):
        return []
    return [found for name, each in value.items() for found in [(name, each), *list_values(each)]]


TIME_FIELDS = ("at", "sent_at")
STRICT_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def differences_of(name: str, value: Any) -> set[str]:
    """Return the known differences one field may show."""
    found = set()
    if isinstance(value, float) and value.is_integer():
        found.add("a whole number written with a point or an exponent")
    if name in TIME_FIELDS and isinstance(value, str):
        if not STRICT_TIME.fullmatch(value):
            found.add("a time written more freely")
        if name == "at" and not "1970" <= value[:4] < "9999":
            found.add("a year of no clock")
    if name == "bin" and isinstance(value, str) and not re.fullmatch("[A-Z0-9-]{4,32}", value):
        found.add("a name no bin can have")
    if isinstance(value, list) and name == "events":
        events = [event for event in value if isinstance(event, dict)]
        if any(not (each.get("items") or each.get("refused") or each.get("mass_g")) for each in events):
            found.add("items of 0 without refused or mass_g")
    return found


def list_differences(line: bytes) -> set[str]:
    """List which of the known differences between schema and decoder a line may show."""
    found, fields = set(), find_json(line)
    if re.search(rb"\\u[dD][89a-fA-F]", line):
        found.add("half of a surrogate pair")
    if fields is ...:
        return found
    seen: list[str] = []
    json.loads(line, object_pairs_hook=lambda pairs: seen.extend(name for name, _ in pairs) or dict(pairs))
    if len(seen) > len(list_values(fields)):
        found.add("a key given twice")
    for name, value in list_values(fields):
        found |= differences_of(name, value)
    if isinstance(fields, dict):
        ends = fields.get("next_seq"), fields.get("oldest_held")
        if all(isinstance(end, int) for end in ends) and ends[0] < ends[1]:
            found.add("oldest_held above next_seq")
    return found


def assert_same(channel: str, line: bytes) -> None:
    decoded, fits = is_decoded(channel, line), fits_schema(channel, line)
    assert decoded == fits or list_differences(line), f"decoder {decoded}, schema {fits}: {line[:300]!r}"


SIGNED = [
    golden for golden in UP_REFUSED if golden.expect["code"] in ("not_json", "schema") and b"\n" in golden.payload
]
CORPUS = [golden for golden in (*UP_RIGHT, *SIGNED) if golden.channel in DECODERS]


@pytest.mark.parametrize("golden", CORPUS, ids=lambda golden: golden.name)
def test_schema_and_decoder_agree_on_golden_messages(golden: Golden):
    assert_same(golden.channel, golden.line)


def test_schemas_accept_and_refuse_golden_messages_as_expected():
    """Control: agreeing on everything alone would be no proof."""
    whole = [golden for golden in UP_RIGHT if not golden.expect["faulty"]]
    assert all(fits_schema(golden.channel, golden.line) for golden in whole)
    refused = [golden for golden in CORPUS if not fits_schema(golden.channel, golden.line)]
    assert len(refused) > 25


@pytest.mark.parametrize(
    ("difference", "channel", "old", "new", "decoded"),
    [
        ("half of a surrogate pair", "hello", b'"column 2.4.1"', b'"\\ud800"', False),
        ("a key given twice", "hello", b'"v":1,', b'"v":2,"v":1,', False),
        ("a whole number written with a point or an exponent", "hello", b'"n":1,', b'"n":1.0,', False),
        ("a time written more freely", "hello", b"2000-01-01T00:00:09Z", b"2000-01-01 00:00:09+0100", True),
        ("a year of no clock", "events", b"2026-11-21T10:55:00Z", b"1969-12-31T23:59:59Z", False),
        ("a name no bin can have", "hello", b"MRS-00042", b"mrs", True),  # the decoder leaves it to wrong_topic
        ("items of 0 without refused or mass_g", "events", b'"items":3', b'"items":0', False),
        ("oldest_held above next_seq", "hello", b'"oldest_held":1', b'"oldest_held":3', False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_listed_difference_exists(difference: str, channel: str, old: bytes, new: bytes, *, decoded: bool):
    line = next(golden.line for golden in UP_RIGHT if golden.channel == channel and old in golden.line)
    assert is_decoded(channel, line)
    assert fits_schema(channel, line)
    changed = line.replace(old, new)
    assert (is_decoded(channel, changed), fits_schema(channel, changed)) == (decoded, not decoded)
    assert difference in list_differences(changed)


NUMBERS = (-1, 0, 1, 2, 3, 4, 50, 64, 100, 101, 200, 201, 2**31, 2**63 - 2, 2**63 - 1, 2**63, 0.5, 1.5, -273.15)
WORDS = ("", "x", "glass", "glass\n", "Glass", "a\u0000b", "synced", "deposit", "emptying", "9f0c" * 8)
LENGTHS = ("x" * 64, "x" * 65, "é" * 64, "é" * 65)
GOOD_TIMES = ("2026-11-21T09:59:58Z", "2026-11-21T09:59:58.123456789-11:30")
BAD_TIMES = ("2026-02-30T09:59:58Z", "2026-11-21T09:59:60Z", "2026-11-21T09:59:58", "2026-11-21")
LISTS = ([], ["glass"], [1], ["x"] * 51, [{"id": "0197a1c2-0000-7000-8000-000000000001", "state": "done"}])
OBJECTS = ({}, {"glass": 3}, {"glass\n": 3}, {"glass": 101}, [{"id": "x", "state": "done"}])
VALUES: tuple[Any, ...] = (
    *(None, True, False),
    *(*NUMBERS, *WORDS, *LENGTHS, *GOOD_TIMES, *BAD_TIMES),
    *(*LISTS, *OBJECTS),
)


def list_places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in inside for path in [(*place, key), *list_places(inner, (*place, key))]]


def replace_at(fields: Any, place: tuple[Any, ...], value: Any) -> bytes:
    """Return the line with one value replaced, or removed for an ellipsis."""
    copy = json.loads(json.dumps(fields))
    *path, last = place
    container = copy
    for key in path:
        container = container[key]
    if value is ...:
        del container[last]
    else:
        container[last] = value
    return json.dumps(copy).encode()


WIDEST = {
    channel: max((golden.line for golden in UP_RIGHT if golden.channel == channel and len(golden.line) < 2000), key=len)
    for channel in DECODERS
}
FIELDS = {channel: json.loads(line) for channel, line in WIDEST.items()}


@pytest.mark.parametrize("channel", DECODERS)
def test_schema_and_decoder_agree_when_any_value_is_replaced_or_removed(channel: str):
    outcomes = []
    for place in list_places(FIELDS[channel]):
        for value in (..., *VALUES):
            line = replace_at(FIELDS[channel], place, value)
            assert_same(channel, line)
            outcomes.append(is_decoded(channel, line))
    assert outcomes.count(True) > 20
    assert outcomes.count(False) > 100


SCALARS = st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
NAMES = st.sampled_from(["seq", "glass", "id", "x"])
JSON = st.recursive(
    SCALARS | TEXTS | st.sampled_from(VALUES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner),
    max_leaves=5,
)


@given(channel=st.sampled_from(sorted(DECODERS)), value=JSON, data=st.data())
@settings(max_examples=400, deadline=None)
def test_schema_and_decoder_agree_on_any_value_in_any_place(channel: str, value: Any, data: Any):
    place = data.draw(st.sampled_from(list_places(FIELDS[channel])))
    assert_same(channel, replace_at(FIELDS[channel], place, value))
