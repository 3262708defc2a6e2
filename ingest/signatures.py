"""A message is two lines: one JSON object, one signature over topic and exact bytes. Nothing is re-serialised.

Source: docs/bin-protocol.md, "A message is two lines".
"""

import hmac
import re
from dataclasses import dataclass

from rewards.keyring import compute_mac

SIGNATURE = re.compile(rb"([1-9][0-9]{0,4}):([0-9a-f]{64})")


@dataclass(slots=True)
class SignedMessage:
    """The two lines taken apart; the signature is not verified yet."""

    line: bytes
    key_number: int
    signature: bytes


def split_message(payload: bytes) -> SignedMessage | None:
    """Take a payload apart; None when it is not two lines of the right form."""
    line, separator, last = payload.partition(b"\n")
    match = SIGNATURE.fullmatch(last)
    if not separator or match is None:
        return None
    return SignedMessage(line, int(match[1]), match[2])


def is_signed_by(key: bytes, *, topic: str, message: SignedMessage) -> bool:
    """Tell whether the signature over topic and line was made with ``key``; takes the same time either way."""
    return hmac.compare_digest(signature_of(key, topic=topic, line=message.line), message.signature)


def sign_message(key: bytes, *, key_number: int, topic: str, line: bytes) -> bytes:
    """Return the two lines of a message to publish on ``topic``."""
    return b"%b\n%d:%b" % (line, key_number, signature_of(key, topic=topic, line=line))


def signature_of(key: bytes, *, topic: str, line: bytes) -> bytes:
    """Return the lower-case hexadecimal HMAC-SHA256 over the topic as published, a line feed, and the line."""
    return compute_mac(key, b"%b\n%b" % (topic.encode(), line)).hex().encode()
