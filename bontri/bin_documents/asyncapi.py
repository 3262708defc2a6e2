"""The AsyncAPI 3.0 document of the bin protocol: seven topics, what they carry, how it is signed.

Operations are the backend's: it receives what is below ``up/`` and sends what is below ``down/``.
"""

import inspect
import json
from typing import Any

from bontri import __version__
from bontri.bin_documents.golden import list_golden_messages
from bontri.bin_documents.schemas import COMMAND, MESSAGES, make_components
from ingest.contract import BIN_ID, LARGEST_PACKET_BYTES

MEDIA_TYPE = "application/vnd.bontri.bin.v1"
MOST_EXAMPLES = 3
LARGEST_EXAMPLE_BYTES = 2000

DESCRIPTION = """\
Connected recycling bins hand their deposits to a Bontri backend. The contract is docs/bin-protocol.md; this document is
made from the code of the backend. Operations are seen from the backend: a bin sends what is received here, and
receives what is sent here.

The payload of every message is two lines. A schema below describes the first line, one JSON object; the second line
signs it (`x-signature`). Check the signature over the exact bytes before reading the JSON.
"""
SIGNATURE = {
    "lines": 2,
    "first": "one JSON object in UTF-8 without a line feed, described by the payload's schema",
    "separator": "one line feed; nothing stands behind the second line",
    "second": {"type": "string", "pattern": "^[1-9][0-9]{0,4}:[0-9a-f]{64}$"},
    "algorithm": "HMAC-SHA256 under the key of the number before the colon, in lower-case hexadecimal",
    "over": "the topic exactly as published, one line feed, the exact bytes of the first line",
    "key": "HMAC-SHA256(master key of the installation, '{authority}|{bin}|{number}'), handed over at provisioning",
}
CARRIES = {
    "hello": "up",
    "events": "up",
    "status": "up",
    "presence": "up",
    "receipt": "down",
    "config": "down",
    "command": "down",
}
"""The direction of each channel."""

QOS: dict[str, dict[str, Any]] = {
    "hello": {"qos": 1, "retain": False},
    "events": {"qos": 1, "retain": False},
    "status": {"retain": False},  # 0 or 1, as the bin likes
    "presence": {"qos": 1, "retain": True},
    "receipt": {"qos": 0, "retain": False},
    "config": {"qos": 1, "retain": True},
    "command": {"qos": 1, "retain": False},
}
ANSWERED_ON = {"hello": "receipt", "events": "receipt", "command": "status"}
"""Where the answer to a message goes."""

PURPOSE = {
    "hello": "Sent at every start and reconnect, and as the probe while receipts stay away.",
    "events": "What must not be lost, in one sequence. A receipt settles it, never a PUBACK.",
    "status": "The newest by (boot, n) wins; QoS 0 or 1.",
    "presence": "Retained, and the bin's last will. A hint only.",
    "receipt": "Sent after the database commit to answer hello and events. Losing one is harmless.",
    "config": "Retained. A lower version never replaces a higher one.",
    "command": "Published again until the bin answers or it expires; executed once per id.",
}


def make_asyncapi_document() -> dict[str, Any]:
    """Return the document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Bontri bin protocol",
            "version": "1",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "x-backend-version": __version__,
        },
        "defaultContentType": MEDIA_TYPE,
        "servers": {"broker": make_server()},
        "channels": {channel: make_channel(channel) for channel in MESSAGES},
        "operations": dict(make_operation(channel) for channel in MESSAGES),
        "components": {
            "messages": {channel: make_message(channel) for channel in MESSAGES},
            "schemas": make_components("#/components/schemas/"),
            "parameters": {
                "authority": {"description": "The authority, 2 to 32 characters.", "x-pattern": "^[a-z0-9-]{2,32}$"},
                "bin": {
                    "description": "The bin, 4 to 32 characters, unique across authorities.",
                    "examples": ["MRS-00042"],
                    "x-pattern": BIN_ID,
                },
            },
            "securitySchemes": {
                "binPassword": {
                    "type": "userPassword",
                    "description": "The bin's id as user name and client id, and its own password.",
                }
            },
        },
    }


def make_server() -> dict[str, Any]:
    """Return the broker as a bin finds it."""
    return {
        "host": "{host}",
        "protocol": "mqtts",
        "protocolVersion": "5.0",
        "description": "The authority's broker, over TLS. A bin writes below its up/ and reads below its down/.",
        "variables": {
            "host": {"description": "Name and port, handed over at provisioning.", "default": "localhost:8883"}
        },
        "security": [{"$ref": "#/components/securitySchemes/binPassword"}],
        "bindings": {"mqtt": {"keepAlive": 60, "bindingVersion": "0.2.0"}},
        "x-largest-payload-bytes": LARGEST_PACKET_BYTES,
    }


def make_channel(channel: str) -> dict[str, Any]:
    """Return one topic."""
    return {
        "address": f"bontri/v1/{{authority}}/{{bin}}/{CARRIES[channel]}/{channel}",
        "description": PURPOSE[channel],
        "messages": {channel: {"$ref": f"#/components/messages/{channel}"}},
        "parameters": {name: {"$ref": f"#/components/parameters/{name}"} for name in ("authority", "bin")},
    }


def make_operation(channel: str) -> tuple[str, dict[str, Any]]:
    """Return the backend's operation on a topic, and its name."""
    action = "receive" if CARRIES[channel] == "up" else "send"
    answer = ANSWERED_ON.get(channel)
    return f"{action}{channel.title()}", {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": PURPOSE[channel],
        "messages": [{"$ref": f"#/channels/{channel}/messages/{channel}"}],
        "bindings": {"mqtt": {**QOS[channel], "bindingVersion": "0.2.0"}},
        **({"reply": {"channel": {"$ref": f"#/channels/{answer}"}}} if answer else {}),
    }


def make_message(channel: str) -> dict[str, Any]:
    """Return the message of a topic, with golden messages as examples."""
    struct = MESSAGES[channel]
    name = struct.__name__ if isinstance(struct, type) else "Command"
    words = inspect.getdoc(struct) if isinstance(struct, type) else COMMAND
    return {
        "name": name,
        "title": name,
        "summary": (words or "").replace("``", "`"),
        "contentType": MEDIA_TYPE,
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "examples": list_examples(channel),
        "x-signature": SIGNATURE,
    }


def list_examples(channel: str) -> list[dict[str, Any]]:
    """List the first golden messages of a channel that are right and not for looking at limits only."""
    return [
        {"name": golden.name, "payload": json.loads(golden.payload.partition(b"\n")[0])}
        for golden in list_golden_messages()
        if golden.topic.endswith(f"/{channel}")
        and "decoded" in golden.expect
        and not golden.expect["faulty"]
        and len(golden.payload) <= LARGEST_EXAMPLE_BYTES
    ][:MOST_EXAMPLES]
