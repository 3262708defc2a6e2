"""Open what the backend sends: verify the signature, read the JSON, check the types that all its messages share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from simulators.signatures import verify_message

LARGEST_NUMBER = 2**63 - 2


class MalformedMessageError(ValueError):
    """The content is not what this version of the protocol understands."""


def open_message(topic: str, payload: bytes, keys: Mapping[int, bytes], *, bin_id: str) -> dict[str, object]:
    """Return the fields of a command or a configuration for this bin.

    Raises:
        SignatureError: it is not signed for this topic with a key of this bin.
        MalformedMessageError: no JSON object, another version of the protocol, or for another bin.
    """
    fields = read_object(verify_message(topic, payload, keys))
    if fields.get("bin") != bin_id:
        raise MalformedMessageError("the message is for another bin")
    return fields


def read_object(first_line: bytes) -> dict[str, object]:
    """Return the fields of a first line.

    Raises:
        MalformedMessageError: no JSON object, or another version of the protocol.
    """
    try:
        fields = json.loads(first_line)
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError(f"not JSON: {error}") from error
    if not isinstance(fields, dict) or number_of(fields.get("v")) != 1:
        raise MalformedMessageError("not an object of version 1")
    return fields


def number_of(value: object) -> int:
    """Return a whole number that a storage can count with.

    Raises:
        MalformedMessageError: it is something else.
    """
    # bool is an int in Python and JSON's true is no number.
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST_NUMBER:
        raise MalformedMessageError(f"{value!r} is not a whole number")
    return value


def text_of(value: object) -> str:
    """Return a text.

    Raises:
        MalformedMessageError: it is something else.
    """
    if not isinstance(value, str):
        raise MalformedMessageError(f"{value!r} is not text")
    return value


def moment_of(value: object) -> datetime:
    """Return an RFC 3339 time with its offset from UTC.

    Raises:
        MalformedMessageError: it is something else.
    """
    try:
        moment = datetime.fromisoformat(text_of(value))
    except ValueError as error:
        raise MalformedMessageError(f"{value!r} is not a time") from error
    if moment.tzinfo is None:
        raise MalformedMessageError(f"{value!r} has no offset from UTC")
    return moment


def object_of(value: object) -> dict[str, object]:
    """Return a JSON object.

    Raises:
        MalformedMessageError: it is something else.
    """
    if not isinstance(value, dict):
        raise MalformedMessageError(f"{value!r} is not an object")
    return value


def list_of(value: object) -> list[object]:
    """Return a JSON list.

    Raises:
        MalformedMessageError: it is something else.
    """
    if not isinstance(value, list):
        raise MalformedMessageError(f"{value!r} is not a list")
    return value
