"""Whether a message is what it claims to be: its topic, its bin, its key, its signature. Nothing is decoded here.

Codes in order of precedence: ``too_large``, ``wrong_topic``, ``unknown_bin``, ``revoked_bin``, ``not_json`` (not even
two lines, and no JSON either), ``bad_signature``, ``unknown_key``. They settle nothing.

A message out of quarantine that was verified when it was received, and whose events were settled then, is not refused
for what was revoked since: its bin no longer holds them. Its signature is verified all the same.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec

from ingest.contract import LARGEST_PACKET_BYTES, decode_any
from ingest.directory import Directory
from ingest.messages import Message
from ingest.signatures import is_signed_by, split_message
from ingest.topics import UpTopic, parse_up_topic
from rewards.bins import KnownBin
from rewards.keyring import Keyring
from rewards.rules import AuthorityRules

MessageCode = Literal[
    "too_large",
    "wrong_topic",
    "unknown_bin",
    "revoked_bin",
    "not_json",
    "bad_signature",
    "unknown_key",
    "schema",
    "internal",
]


DECODING_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on bytes of a stranger: text that is not UTF-8 is not among its own errors."""


@dataclass(slots=True)
class Verified:
    """A message its bin has signed."""

    message: Message
    topic: UpTopic
    rules: AuthorityRules
    bin: KnownBin
    key_number: int
    line: bytes


@dataclass(slots=True)
class Rejected:
    """A message refused whole. ``rules`` is None when it names no authority of ours."""

    message: Message
    code: MessageCode
    detail: str
    rules: AuthorityRules | None = None
    bin_id: str | None = None


def find_topic(message: Message) -> UpTopic | None:
    """Find who speaks, unless the packet is too large to be looked at."""
    return None if len(message.payload) > LARGEST_PACKET_BYTES else parse_up_topic(message.topic)


def verify(message: Message, topic: UpTopic | None, directory: Directory, keyring: Keyring) -> Verified | Rejected:
    """Verify one message against the directory, which must have loaded ``topic``, what :func:`find_topic` found."""
    if len(message.payload) > LARGEST_PACKET_BYTES:
        return Rejected(message, "too_large", f"{len(message.payload)} bytes; at most {LARGEST_PACKET_BYTES}")
    if topic is None:
        return Rejected(message, "wrong_topic", "no topic bins publish to")
    rules, known = directory.find_rules(topic), directory.find_bin(topic)
    if rules is None or known is None:
        return Rejected(message, "unknown_bin", "no such bin of this authority", rules, topic.bin_id)
    if known.state == "revoked" and not message.was_verified:
        return Rejected(message, "revoked_bin", "the bin is revoked", rules, topic.bin_id)
    return verify_signature(message, topic, rules, known, keyring)


def verify_signature(
    message: Message, topic: UpTopic, rules: AuthorityRules, known: KnownBin, keyring: Keyring
) -> Verified | Rejected:
    """Verify the second line of a message of a known bin."""
    signed = split_message(message.payload)
    if signed is None:
        code: MessageCode = "bad_signature" if is_json(message.payload.partition(b"\n")[0]) else "not_json"
        return Rejected(message, code, "not one line and its signature", rules, topic.bin_id)
    key_state = known.key_states.get(signed.key_number)
    if key_state is None or (key_state != "valid" and not message.was_verified):
        return Rejected(message, "unknown_key", f"key {signed.key_number} is not valid", rules, topic.bin_id)
    key = keyring.bin_key(authority=topic.authority, bin_id=topic.bin_id, key_number=signed.key_number)
    if not is_signed_by(key, topic=message.topic, message=signed):
        return Rejected(message, "bad_signature", f"not signed by key {signed.key_number}", rules, topic.bin_id)
    return Verified(message, topic, rules, known, signed.key_number, signed.line)


def is_json(line: bytes) -> bool:
    """Tell whether a line is JSON at all."""
    try:
        decode_any(line)
    except DECODING_FAULTS:
        return False
    return True
