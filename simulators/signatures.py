"""Sign and verify the two-line messages of the bin protocol, section "A message is two lines".

Written from the protocol page and not shared with the backend: two independent readings of the page test each other.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping

KEY_BYTES = 32
KEY_NUMBERS = range(1, 32_768)
_SIGNATURE_LINE = re.compile(rb"([1-9][0-9]{0,4}):([0-9a-f]{64})")


class SignatureError(ValueError):
    """The message is not signed with a known key, or not for this topic, or not in the form of two lines."""


def sign_message(topic: str, first_line: bytes, *, key_number: int, key: bytes) -> bytes:
    """Return the whole message: the first line as given, one line feed, the signature line.

    Args:
        topic: The topic exactly as it will be published; it is part of what is signed.
        first_line: The exact bytes of one JSON object without a line feed.
        key_number: The number that tells the reader which key was used.
        key: The 32 bytes handed over at provisioning.
    """
    digest = hmac.digest(key, topic.encode() + b"\n" + first_line, "sha256")
    return b"%b\n%d:%b" % (first_line, key_number, digest.hex().encode())


def verify_message(topic: str, message: bytes, keys: Mapping[int, bytes]) -> bytes:
    """Return the first line of a message whose signature is right.

    Args:
        topic: The topic the message arrived on.
        message: The exact payload.
        keys: The keys of the bin by number; two may be valid during a rotation.

    Raises:
        SignatureError: anything at all is wrong with the second line.
    """
    first_line, separator, last_line = message.partition(b"\n")
    match = _SIGNATURE_LINE.fullmatch(last_line)
    if not separator or match is None:
        raise SignatureError("the message is not two lines ending in a signature")
    key = keys.get(int(match[1]))
    if key is None:
        raise SignatureError(f"key number {int(match[1])} is not known")
    expected = hmac.digest(key, topic.encode() + b"\n" + first_line, "sha256").hex().encode()
    if not hmac.compare_digest(expected, match[2]):
        raise SignatureError("the signature does not fit the topic and the first line")
    return first_line
