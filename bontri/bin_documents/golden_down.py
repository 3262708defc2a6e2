"""Golden messages of the backend: the receipts of the conversation, then configuration, commands, and wrong ones."""

import json
from typing import Any

from bontri.bin_documents.golden_bins import (
    BIN,
    JOURNAL,
    REVOKED_BIN,
    GoldenMessage,
    as_line,
    good,
    sign,
    topic_of,
)
from bontri.bin_documents.golden_up import EXAMPLE_JOURNAL

COMMAND = {"v": 1, "bin": BIN}
TIMES = {"issued_at": "2026-11-21T10:00:00Z", "expires_at": "2026-11-21T11:00:00Z"}


def receipt(
    name: str,
    upto: int,
    *,
    time: str,
    echo: int,
    results: list[dict[str, Any]] | None = None,
    key_number: int = 1,
    journal: str = JOURNAL,
    **fields: Any,
) -> GoldenMessage:
    """Return a receipt."""
    line = {"v": 1, "journal": journal, "epoch": 1, "upto": upto, "time": time, "echo": echo, **fields}
    return good(name, "down/receipt", line | ({"results": results} if results else {}), key_number=key_number)


def result(seq: int, state: str, **fields: Any) -> dict[str, Any]:
    """Return what became of one event."""
    return {"seq": seq, "state": state, **fields}


def list_receipts() -> list[GoldenMessage]:
    """List the receipts of the conversation, in order."""
    refused = {10: "unknown_material", 12: "clock_ahead", 13: "no_tariff", 14: "no_placement"}
    return [
        receipt("receipt of the first hello", 0, time="2026-11-21T10:00:05.250000Z", echo=1),
        receipt(
            "receipt of the deposit under a free clock",
            1,
            time="2026-11-21T10:00:06.250000Z",
            echo=3,
            results=[result(1, "credited", points=3)],
        ),
        receipt(
            "receipt with what a cap left",
            6,
            time="2026-11-21T10:00:07.250000Z",
            echo=4,
            results=[
                result(2, "credited", points=2),
                result(3, "capped"),
                *(result(seq, "counted") for seq in (4, 5, 6)),
            ],
        ),
        receipt(
            "receipt with also and quarantined events",
            6,
            time="2026-11-21T10:00:08.250000Z",
            echo=5,
            also=[[10, 15]],
            results=[
                *(result(seq, "quarantined", code=code) for seq, code in refused.items()),
                result(15, "counted"),
                result(11, "quarantined", code="schema"),
            ],
        ),
        receipt(
            "receipt of a repeat and a conflict",
            6,
            time="2026-11-21T10:00:09.250000Z",
            echo=6,
            also=[[10, 15]],
            results=[result(3, "capped"), result(5, "quarantined", code="event_conflict")],
        ),
        receipt(
            "receipt past lost numbers, with the next key", 15, time="2026-11-21T10:00:10.250000Z", echo=7, key_number=2
        ),
    ]


def list_orders() -> list[GoldenMessage]:
    """List receipts of the protocol page, configuration and commands."""
    tariff = {
        "valid_from": "2026-01-01T00:00:00Z",
        "lines": {"glass": {"per": "item", "points": 1}, "plastic": {"per": "kilogram", "points": 10}},
    }
    config = {"v": 1, "bin": BIN, "version": 4, "tariffs": [tariff], "limits": {"day_points": 40}}
    resend = {"id": "0197a1c2-0000-7000-8000-000000000001", **TIMES, "journal": JOURNAL, "first": 7, "last": 9}
    reboot = {"id": "0197a1c2-0000-7000-8000-000000000002", **TIMES}
    emptying_on = {"id": "0197a1c2-0000-7000-8000-000000000003", **TIMES, "on": True, "minutes": 30}
    emptying_off = {"id": "0197a1c2-0000-7000-8000-000000000004", **TIMES, "on": False}
    return [
        receipt(
            "the receipt of the protocol page",
            1042,
            journal=EXAMPLE_JOURNAL,
            time="2026-11-21T10:00:05.120000Z",
            echo=311,
            results=[result(1042, "credited", points=3)],
        ),
        receipt(
            "receipt of a deposit whose credit waits for a review",
            1043,
            journal=EXAMPLE_JOURNAL,
            time="2026-11-21T10:00:06.120000Z",
            echo=312,
            results=[result(1043, "pending")],
        ),
        good("configuration", "down/config", {**config, "texts": {"fr": {"welcome": "Bon tri !"}}}),
        good(
            "configuration without texts or limits, with the next key",
            "down/config",
            {**config, "limits": {}},
            key_number=2,
        ),
        good("command: resend", "down/command", {"do": "resend", **COMMAND, **resend}),
        good("command: reboot", "down/command", {"do": "reboot", **COMMAND, **reboot}),
        good("command: emptying mode on", "down/command", {"do": "emptying_mode", **COMMAND, **emptying_on}),
        good("command: emptying mode off", "down/command", {"do": "emptying_mode", **COMMAND, **emptying_off}),
    ]


def list_wrong() -> list[GoldenMessage]:
    """List what a bin must ignore."""
    topic = topic_of("down/receipt")
    right = list_receipts()[1].payload
    line = right.partition(b"\n")[0]
    commanded = as_line({"do": "reboot", **COMMAND, "id": "0197a1c2-0000-7000-8000-000000000005", **TIMES})

    def ignored(name: str, payload: bytes, to: str = topic) -> GoldenMessage:
        return GoldenMessage(name, to, payload, {"ignored": True})

    return [
        ignored("receipt with one bit of the line changed", right.replace(b'"upto":1', b'"upto":0')),
        ignored("receipt with one bit of the signature changed", right[:-1] + bytes([right[-1] ^ 1])),
        ignored("receipt with a line feed behind", right + b"\n"),
        ignored("receipt without a signature", line),
        ignored("receipt signed for another bin", sign(topic, line, bin_id=REVOKED_BIN)),
        ignored("receipt under the name of another key", right.replace(b"\n1:", b"\n2:")),
        ignored("receipt with a key the bin never had", right.replace(b"\n1:", b"\n9:")),
        ignored("receipt that is no JSON", sign(topic, line[:-1])),
        ignored("receipt of another version", sign(topic, as_line(json.loads(line) | {"v": 2}))),
        ignored("reboot signed for the receipt topic", sign(topic, commanded), topic_of("down/command")),
        ignored(
            "reboot of another bin, copied to this one's topic",
            sign(
                topic_of("down/command", REVOKED_BIN),
                commanded.replace(BIN.encode(), REVOKED_BIN.encode()),
                bin_id=REVOKED_BIN,
            ),
            topic_of("down/command"),
        ),
    ]
