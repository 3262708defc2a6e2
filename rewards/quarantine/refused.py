"""What is handed to the quarantine, and under which digest it is kept. Nothing here decides what is refused."""

import datetime
from dataclasses import dataclass

from rewards.keyring import Keyring

NO_AUTHORITY = 0
"""Stands for the authority of messages that name none of ours."""

PURPOSE = "quarantine"
"""What stored bytes are bound to: they cannot be passed off as anything else that is encrypted."""


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """One event of a message that cannot be recorded; towards the bin it is settled."""

    journal_no: int
    seq: int
    content_digest: bytes
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """A message to keep: refused whole for ``code``, or None when only ``events`` of it were.

    ``is_replay``: it was taken out of quarantine to be tried again, and is no further copy from its bin.
    """

    topic: str
    payload: bytes
    received_at: datetime.datetime
    bin_id: str | None
    code: str | None
    detail: str
    events: tuple[RefusedEvent, ...] = ()
    is_replay: bool = False


def digest_message(keyring: Keyring, *, topic: str, payload: bytes) -> bytes:
    """Return the keyed digest of topic (as it is stored) and bytes, under which a message is kept once."""
    return keyring.content_digest(b"%b\n%b" % (storable(topic).encode(), payload))


def storable(words: str) -> str:
    """Return text PostgreSQL can store: no NUL, no lone surrogates, at most 1,000 characters."""
    return words[:1000].replace("\x00", "�").encode(errors="replace").decode()
