"""Golden messages of a bin that are right: one conversation with a new backend, then single ones."""

from bontri.bin_documents.golden_bins import (
    BADGE,
    BIN,
    JOURNAL,
    GoldenMessage,
    as_line,
    deposit,
    envelope,
    good,
    sign,
    topic_of,
)

EXAMPLE_JOURNAL = "9f0c2a64d1e84b7f8c3355aa10b7e6d2"


def list_conversation() -> list[GoldenMessage]:
    """List what the bin says to a backend that never heard of it, in order."""
    presence = {"v": 1, "bin": BIN, "boot": 1, "conn": 1}
    return [
        good("presence", "up/presence", {**presence, "online": True}),
        good(
            "hello of a new bin without a clock",
            "up/hello",
            envelope(
                1,
                sent_at="2000-01-01T00:00:09Z",
                clock="none",
                journal=JOURNAL,
                next_seq=2,
                oldest_held=1,
                firmware="column 2.4.1",
                model="Column 3000 é",
                materials=["glass", "plastic"],
                capacity_l=3000,
                config=0,
            ),
        ),
        good(
            "status with answers to commands",
            "up/status",
            envelope(
                2,
                at="2026-11-21T10:00:04Z",
                fill_pct={"glass": 40, "plastic": 12},
                battery_pct=97,
                temperature_c=-3.5,
                signal_dbm=-71,
                lid="closed",
                faults=["lid stuck"],
                commands=[
                    {"id": "0197a1c2-0000-7000-8000-000000000001", "state": "done"},
                    {"id": "0197a1c2-0000-7000-8000-000000000002", "state": "refused"},
                    {"id": "0197a1c2-0000-7000-8000-000000000003", "state": "expired"},
                ],
            ),
        ),
        good(
            "events under a free clock that was an hour ahead",
            "up/events",
            envelope(
                3,
                clock="free",
                ahead_ms=3_600_000,
                journal=JOURNAL,
                events=[deposit(1, "2026-11-21T10:55:00Z", items=3, badge=BADGE)],
            ),
        ),
        good(
            "deposits and an emptying",
            "up/events",
            envelope(
                4,
                journal=JOURNAL,
                events=[
                    deposit(2, items=4, badge=BADGE, refused=1, confidence=0.97),
                    deposit(3, items=1, badge=BADGE),
                    deposit(4, "2026-11-21T09:59:59.250Z", "plastic", items=2, mass_g=690),
                    deposit(5, items=0, refused=2),
                    {
                        "seq": 6,
                        "type": "emptying",
                        "at": "2026-11-21T12:00:00+02:00",
                        "material": "glass",
                        "mass_g": 412_000,
                        "by": "C7",
                    },
                ],
            ),
        ),
        faulty_events(),
        good(
            "a repeat, and another content under a used number",
            "up/events",
            envelope(
                6,
                journal=JOURNAL,
                events=[deposit(3, items=1, badge=BADGE), deposit(5, items=1, refused=2)],
            ),
        ),
        good(
            "hello with the next key, after events were lost",
            "up/hello",
            envelope(7, journal=JOURNAL, next_seq=16, oldest_held=10, config=4),
            key_number=2,
        ),
    ]


def faulty_events() -> GoldenMessage:
    """Return events of which most are refused one by one, and some numbers are missing before them."""
    events = [
        deposit(10, material="wood", items=1),
        deposit(11, items=201),
        deposit(12, "2026-11-21T10:20:00Z", items=1),
        deposit(13, material="plastic", items=1),
        deposit(14, "2026-06-15T10:00:00Z", items=1),
        deposit(15, items=1),
    ]
    message = good("events refused one by one", "up/events", envelope(5, journal=JOURNAL, events=events))
    decoded = message.expect["decoded"] | {"events": [event for event in events if event["seq"] != 11]}
    return GoldenMessage(message.name, message.topic, message.payload, {"decoded": decoded, "faulty": [11]})


def list_single() -> list[GoldenMessage]:
    """List right messages that belong to no conversation: the edges of the rules."""
    example = envelope(311, boot=7, journal=EXAMPLE_JOURNAL, events=[deposit(1042, items=3, badge=BADGE)])
    smallest = envelope(0, boot=0, journal=JOURNAL, events=[{**deposit(1), "items": 1}])
    return [
        good("the example of the protocol page", "up/events", example),
        good(
            "presence offline, as the last will",
            "up/presence",
            {"v": 1, "bin": BIN, "boot": 1, "conn": 1, "online": False},
        ),
        good("status without a reading", "up/status", envelope(9)),
        good(
            "the highest numbers",
            "up/events",
            envelope(
                2**63 - 1, boot=2**63 - 1, journal=JOURNAL, events=[deposit(2**63 - 2, items=200, mass_g=2_000_000)]
            ),
        ),
        good(
            "hello of a storage that gave out its last number",
            "up/hello",
            envelope(1, journal=JOURNAL, next_seq=2**63 - 1, oldest_held=2**63 - 1),
        ),
        good(
            "100 events",
            "up/events",
            envelope(10, journal=JOURNAL, events=[deposit(seq, items=1) for seq in range(1, 101)]),
        ),
        odd(
            "unknown fields are ignored",
            b'{"v":1,"bin":"MRS-00042","boot":0,"n":0,"sent_at":"2026-11-21T10:00:04Z","clock":"synced","colour":{"a":[1]},'
            b'"journal":"%b","events":[{"seq":1,"type":"deposit","at":"2026-11-21T09:59:58Z","material":"glass","items":1,"x":0}]}',
            smallest,
        ),
        odd(
            "of a key given twice the last counts",
            b'{"v":1,"v":1,"bin":"MRS-00042","boot":0,"n":0,"sent_at":"2026-11-21T10:00:04Z","clock":"free","clock":"synced",'
            b'"journal":"%b","events":[{"seq":7,"type":"deposit","seq":1,"at":"2026-11-21T09:59:58Z","material":"glass",'
            b'"items":9,"items":1}]}',
            smallest,
        ),
        odd(
            "spaces, escapes and a carriage return inside the first line",
            b' {"v": 1, "bin": "MRS-00042", "boot": 0, "n": 0, "sent_at": "2026-11-21T10:00:04Z", "clock": "synced", '
            b'"journal": "%b", "events": [{"seq": 1, "type": "deposit", "at": "2026-11-21T09:59:58Z", '
            b'"material": "\\u0067lass", "items": 1, "badge": null}]}\r',
            smallest,
        ),
        no_utf8(),
        largest(),
    ]


def odd(name: str, line: bytes, decoded: dict[str, object]) -> GoldenMessage:
    """Return events with a line written by hand; ``%b`` stands for the journal."""
    topic = topic_of("up/events")
    return GoldenMessage(name, topic, sign(topic, line % JOURNAL.encode()), {"decoded": decoded, "faulty": []})


def no_utf8() -> GoldenMessage:
    """Return events of which one holds bytes that are no UTF-8: it alone is refused."""
    right = deposit(2, items=1)
    fields = envelope(10, journal=JOURNAL, events=[deposit(1, items=1, badge="0000"), right])
    topic, line = topic_of("up/events"), as_line(fields).replace(b"0000", b"00\xff\xfe")
    expect = {"decoded": fields | {"events": [right]}, "faulty": [1]}
    return GoldenMessage("an event with bytes that are no UTF-8", topic, sign(topic, line), expect)


def largest() -> GoldenMessage:
    """Return a status of exactly 16,384 bytes: spaces before the last brace."""
    message = good("the largest payload", "up/status", envelope(9))
    topic, (line, _, signature) = message.topic, message.payload.partition(b"\n")
    padded = line[:-1] + b" " * (16_384 - len(message.payload)) + b"}"
    assert len(signature) == 66  # noqa: S101 (one digit, a colon, 64 digits)
    return GoldenMessage(message.name, topic, sign(topic, padded), message.expect)
