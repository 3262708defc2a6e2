"""docs/golden-messages.json: exact messages, and what a bin and a backend must make of them."""

import base64
from typing import Any

from bontri.bin_documents.golden_bins import (
    AUTHORITY,
    BADGE,
    BIN,
    KEYS,
    MASTER_KEY,
    REVOKED_BIN,
    GoldenMessage,
    key_of,
)
from bontri.bin_documents.golden_down import list_orders, list_receipts, list_wrong
from bontri.bin_documents.golden_refused import list_refused
from bontri.bin_documents.golden_up import list_conversation, list_single

ABOUT = (
    "Golden messages of the bin protocol, version 1 (docs/bin-protocol.md). Keys are for tests only. `payload` is the "
    "exact payload as text, `payload_base64` where it is no UTF-8. `expect` says what the reader makes of it: "
    "`decoded` holds the known fields, `faulty` the numbers of events refused for their form, `code` why the whole "
    "message is refused; `ignored`: a bin does nothing with it. Times count as instants, whatever their offset."
)
WORLD = (
    "A backend that has never heard the bin: bin MRS-00042 live, placed from 2026-01-01 to 2026-06-01 and again from "
    "2026-07-01 (UTC); materials glass and plastic; since 2026-01-01 a tariff of 1 point per item of glass and 10 per "
    "kilogram of plastic, at most 5 points a day; the badge is a citizen's; epoch 1. Receipts hold `received_at` as "
    "their time."
)
RECEIVED_AT = "2026-11-21T10:00:{:02}.250000Z"


def list_golden_messages() -> list[GoldenMessage]:
    """List every golden message: up and right, up and refused, down and right, down and wrong."""
    return [
        *list_conversation(),
        *list_single(),
        *list_refused(),
        *list_receipts(),
        *list_orders(),
        *list_wrong(),
    ]


def as_json(message: GoldenMessage) -> dict[str, Any]:
    """Return one message as it stands in the file."""
    try:
        payload = {"payload": message.payload.decode()}
    except UnicodeDecodeError:
        payload = {"payload_base64": base64.b64encode(message.payload).decode()}
    return {"name": message.name, "topic": message.topic, **payload, "expect": message.expect}


def list_steps() -> list[dict[str, Any]]:
    """List the conversation: what the bin says when, and what it is answered."""
    receipts = iter(list_receipts())
    steps, second = [], 5
    for said in list_conversation():
        is_answered = said.topic.endswith(("/hello", "/events"))
        answers = [next(receipts).name] if is_answered else []
        steps.append({"received_at": RECEIVED_AT.format(second), "up": said.name, "down": answers})
        second += is_answered
    return steps


def make_golden_document() -> dict[str, Any]:
    """Return the whole file."""
    return {
        "about": ABOUT,
        "master_key": MASTER_KEY.hex(),
        "authority": AUTHORITY,
        "badge": BADGE,
        "bins": [
            {
                "bin": bin_id,
                "state": state,
                "keys": [
                    {"number": number, "state": key_state, "hex": key_of(number, bin_id).hex()}
                    for number, key_state in KEYS.items()
                ],
            }
            for bin_id, state in ((BIN, "live"), (REVOKED_BIN, "revoked"))
        ],
        "messages": [as_json(message) for message in list_golden_messages()],
        "conversation": {"world": WORLD, "steps": list_steps()},
    }
