"""Golden messages of a bin that the backend refuses whole, each with its code."""

from bontri.bin_documents.golden_bins import (
    BIN,
    JOURNAL,
    REVOKED_BIN,
    STRANGER,
    GoldenMessage,
    as_line,
    deposit,
    envelope,
    key_of,
    sign,
    topic_of,
)
from ingest.signatures import signature_of

EVENTS = topic_of("up/events")
LINE = as_line(envelope(20, journal=JOURNAL, events=[deposit(20, items=1, badge="04A2B9C1")]))
RIGHT = sign(EVENTS, LINE)
HELLO = as_line(envelope(20, journal=JOURNAL, next_seq=5, oldest_held=5, firmware="2.4.1"))


def refused(name: str, code: str, payload: bytes, topic: str = EVENTS) -> GoldenMessage:
    """Return a message refused with a code."""
    return GoldenMessage(name, topic, payload, {"code": code})


def signed(name: str, code: str, line: bytes, channel: str = "up/events") -> GoldenMessage:
    """Return a rightly signed message refused for its line."""
    return refused(name, code, sign(topic_of(channel), line), topic_of(channel))


def changed(name: str, code: str, old: bytes, new: bytes) -> GoldenMessage:
    """Return a rightly signed message whose line differs in one place."""
    assert LINE.count(old) == 1, name  # noqa: S101 (a mistake of this file)
    return signed(name, code, LINE.replace(old, new))


def list_refused() -> list[GoldenMessage]:
    """List all refused messages, by code in the order of precedence."""
    return [*list_by_topic(), *list_by_form(), *list_by_signature(), *list_by_json(), *list_by_schema()]


def list_by_topic() -> list[GoldenMessage]:
    """List what is refused before its lines are looked at."""
    status = topic_of("up/status")
    padded = as_line(envelope(20))[:-1] + b" " * 16_384 + b"}"
    too_large = sign(status, padded[: 16_385 - 67 - 1] + b"}")
    elsewhere = "bontri/v1/mrs/mrs-00042/up/events"
    return [
        refused("one byte too much", "too_large", too_large, status),
        refused("a topic of no channel", "wrong_topic", sign(topic_of("up/other"), LINE), topic_of("up/other")),
        refused("a bin in lower case", "wrong_topic", sign(elsewhere, LINE), elsewhere),
        refused(
            "a bin nobody knows",
            "unknown_bin",
            sign(topic_of("up/events", STRANGER), LINE),
            topic_of("up/events", STRANGER),
        ),
        refused("an authority nobody knows", "unknown_bin", RIGHT, EVENTS.replace("/mrs/", "/elsewhere/")),
        refused(
            "a revoked bin",
            "revoked_bin",
            sign(
                topic_of("up/events", REVOKED_BIN), LINE.replace(BIN.encode(), REVOKED_BIN.encode()), bin_id=REVOKED_BIN
            ),
            topic_of("up/events", REVOKED_BIN),
        ),
    ]


def list_by_form() -> list[GoldenMessage]:
    """List what is not two lines with a signature."""
    return [
        refused("nothing", "not_json", b""),
        refused("words", "not_json", b"hello"),
        refused("bytes that are no UTF-8, unsigned", "not_json", b"\xff\xfe\n"),
        refused("one line without a signature", "bad_signature", LINE),
        refused("a line feed behind the signature", "bad_signature", RIGHT + b"\n"),
        refused("a carriage return and a line feed behind the signature", "bad_signature", RIGHT + b"\r\n"),
        refused("a byte behind the signature", "bad_signature", RIGHT + b"0"),
        refused("two line feeds between", "bad_signature", RIGHT.replace(b"\n", b"\n\n")),
        refused("capital hexadecimal digits", "bad_signature", LINE + b"\n" + RIGHT.partition(b"\n")[2].upper()),
        refused("a key number with a leading zero", "bad_signature", RIGHT.replace(b"\n1:", b"\n01:")),
        refused("key number 0", "bad_signature", RIGHT.replace(b"\n1:", b"\n0:")),
    ]


def list_by_signature() -> list[GoldenMessage]:
    """List what is signed, but not by this bin for this topic."""
    by_key_2 = signature_of(key_of(2), topic=EVENTS, line=LINE)
    return [
        refused("a revoked key", "unknown_key", sign(EVENTS, LINE, key_number=3)),
        refused("a key never issued", "unknown_key", sign(EVENTS, LINE, key_number=9)),
        refused("one bit of the line changed", "bad_signature", RIGHT.replace(b'"items":1', b'"items":0')),
        refused("one bit of the signature changed", "bad_signature", RIGHT[:-1] + bytes([RIGHT[-1] ^ 1])),
        refused("signed with another key than it says", "bad_signature", LINE + b"\n1:" + by_key_2),
        refused("signed for another bin", "bad_signature", sign(EVENTS, LINE, bin_id=REVOKED_BIN)),
        refused("signed for another topic", "bad_signature", sign(topic_of("up/status"), LINE)),
        refused(
            "a carriage return added between the lines after signing", "bad_signature", RIGHT.replace(b"\n", b"\r\n")
        ),
    ]


def list_by_json() -> list[GoldenMessage]:
    """List what is rightly signed and no JSON."""
    return [
        signed("an empty line", "not_json", b""),
        signed("JSON cut short", "not_json", LINE[:-1]),
        signed("two objects", "not_json", LINE + LINE),
        signed("a byte order mark", "not_json", b"\xef\xbb\xbf" + LINE),
        signed("bytes that are no UTF-8", "not_json", HELLO.replace(b"2.4.1", b"2.4\xff\xfe"), "up/hello"),
        changed("NaN", "not_json", b'"items":1', b'"items":NaN'),
        changed("Infinity", "not_json", b'"items":1', b'"items":Infinity'),
        changed("a number with a leading zero", "not_json", b'"items":1', b'"items":01'),
        changed("half of a surrogate pair", "not_json", b"04A2B9C1", b"04A2\\ud800"),
        changed("a raw control character", "not_json", b"04A2B9C1", b"04A2\tB9C1"),
        changed("a comma too many", "not_json", b'"items":1', b'"items":1,,"x":1'),
        signed("2,000 brackets", "not_json", b"[" * 2000 + b"]" * 2000),
        changed(
            "2,000 brackets in an unknown field",
            "not_json",
            b'"items":1',
            b'"items":1,"x":' + b"[" * 2000 + b"]" * 2000,
        ),
    ]


def list_by_schema() -> list[GoldenMessage]:
    """List what is JSON but no message."""
    return [
        signed("a list", "schema", b"[]"),
        signed("an object without fields", "schema", b"{}"),
        changed("another version", "schema", b'"v":1', b'"v":2'),
        changed("a key given twice, the first against its rule", "schema", b'"v":1', b'"v":2,"v":1'),
        changed("a version in quotes", "schema", b'"v":1', b'"v":"1"'),
        changed("a missing field", "schema", b'"boot":1,', b""),
        changed("n of 2^63", "schema", b'"n":20', b'"n":9223372036854775808'),
        changed("n below 0", "schema", b'"n":20', b'"n":-1'),
        changed("a journal in capital letters", "schema", JOURNAL.encode(), JOURNAL.upper().encode()),
        changed("a clock nobody knows", "schema", b'"synced"', b'"perhaps"'),
        changed("a time without an offset", "schema", b"10:00:04Z", b"10:00:04"),
        changed("the number 2^63-1 of an event", "schema", b'"seq":20', b'"seq":9223372036854775807'),
        changed("the number 0 of an event", "schema", b'"seq":20', b'"seq":0'),
        changed("an event without a number", "schema", b'"seq":20,', b""),
        signed("no events", "schema", as_line(envelope(20, journal=JOURNAL, events=[]))),
        signed(
            "101 events",
            "schema",
            as_line(envelope(20, journal=JOURNAL, events=[deposit(seq, items=1) for seq in range(1, 102)])),
        ),
        signed(
            "hello that holds what it never gave out",
            "schema",
            HELLO.replace(b'"oldest_held":5', b'"oldest_held":6'),
            "up/hello",
        ),
        signed("a fill level above 100", "schema", as_line(envelope(20, fill_pct=101)), "up/status"),
        signed("a line feed in a fault", "schema", as_line(envelope(20, faults=["lid\nstuck"])), "up/status"),
        signed(
            "online in words",
            "schema",
            as_line({"v": 1, "bin": BIN, "boot": 1, "conn": 1, "online": "yes"}),
            "up/presence",
        ),
        changed("another bin inside", "wrong_topic", BIN.encode(), REVOKED_BIN.encode()),
    ]
