"""The bins, keys and times all golden messages share. Everything here is public and protects nothing."""

import hmac
import json
from dataclasses import dataclass
from typing import Any

from ingest.signatures import sign_message

MASTER_KEY = bytes(range(32))
AUTHORITY = "mrs"
BIN = "MRS-00042"
REVOKED_BIN = "MRS-00043"
STRANGER = "MRS-99999"
KEYS = {1: "valid", 2: "valid", 3: "revoked"}
"""States of the key numbers of both bins: in the middle of a rotation, from a revoked one before it."""

JOURNAL = "4be1c07f5d2a49d6a1b38c7e9f001122"
BADGE = "04A2B9C1"


@dataclass(frozen=True)
class GoldenMessage:
    """One message and what its reader must make of it.

    ``expect`` holds ``decoded`` (the known fields), ``faulty`` (numbers of events refused for their form), ``code``
    (the message is refused whole) or ``ignored`` (a bin does nothing with it).
    """

    name: str
    topic: str
    payload: bytes
    expect: dict[str, Any]


def topic_of(channel: str, bin_id: str = BIN) -> str:
    """Return a topic, for example of ``up/events``."""
    return f"bontri/v1/{AUTHORITY}/{bin_id}/{channel}"


def key_of(number: int, bin_id: str = BIN) -> bytes:
    """Return a key as the protocol derives it."""
    return hmac.digest(MASTER_KEY, f"{AUTHORITY}|{bin_id}|{number}".encode(), "sha256")


def sign(topic: str, line: bytes, *, key_number: int = 1, bin_id: str = BIN) -> bytes:
    """Return the two lines."""
    return sign_message(key_of(key_number, bin_id), key_number=key_number, topic=topic, line=line)


def as_line(fields: dict[str, Any]) -> bytes:
    """Return fields as a firmware writes them: in this order, without spaces."""
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def good(name: str, channel: str, fields: dict[str, Any], *, key_number: int = 1) -> GoldenMessage:
    """Return a message whose fields are all known, so that they are what is decoded."""
    topic = topic_of(channel)
    return GoldenMessage(
        name, topic, sign(topic, as_line(fields), key_number=key_number), {"decoded": fields, "faulty": []}
    )


def envelope(
    n: int, *, boot: int = 1, sent_at: str = "2026-11-21T10:00:04Z", clock: str = "synced", **fields: Any
) -> dict[str, Any]:
    """Return the fields all messages but presence begin with, and more."""
    return {"v": 1, "bin": BIN, "boot": boot, "n": n, "sent_at": sent_at, "clock": clock, **fields}


def deposit(seq: int, at: str = "2026-11-21T09:59:58Z", material: str = "glass", **fields: Any) -> dict[str, Any]:
    """Return a deposit."""
    return {"seq": seq, "type": "deposit", "at": at, "material": material, **fields}
