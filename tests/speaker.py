"""A bin's voice for tests of the ingest: signs whatever it is told to, right or wrong."""

import datetime
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.messages import Message, Outgoing
from ingest.pipeline import Pipeline
from ingest.signatures import sign_message
from rewards.keyring import Keyring

JOURNAL = "9f0c" * 8


@dataclass
class Speaker:
    """Speaks for one bin; every message gets the next ``n``."""

    keyring: Keyring
    authority: str
    bin_id: str
    journal: str = JOURNAL
    key_number: int = 1
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def topic(self, channel: str) -> str:
        """Return the topic of a channel."""
        return f"bontri/v1/{self.authority}/{self.bin_id}/up/{channel}"

    def key(self) -> bytes:
        """Return the key it signs with."""
        return self.keyring.bin_key(authority=self.authority, bin_id=self.bin_id, key_number=self.key_number)

    def sign(self, channel: str, line: bytes) -> bytes:
        """Sign any line as a message of ``channel``."""
        return sign_message(self.key(), key_number=self.key_number, topic=self.topic(channel), line=line)

    def envelope(self, now: datetime.datetime, **fields: Any) -> dict[str, Any]:
        """Return an envelope with the fields all messages have."""
        return {
            "v": 1,
            "bin": self.bin_id,
            "boot": 1,
            "n": next(self.numbers),
            "sent_at": now.isoformat(),
            "clock": "synced",
            "journal": self.journal,
            **fields,
        }

    def say(self, channel: str, now: datetime.datetime, **fields: Any) -> Message:
        """Return a signed message as the ingest receives it."""
        line = json.dumps(self.envelope(now, **fields)).encode()
        return Message(self.topic(channel), self.sign(channel, line), now)

    def events(self, now: datetime.datetime, *events: dict[str, Any], **fields: Any) -> Message:
        """Return a message of ``events``."""
        return self.say("events", now, events=list(events), **fields)


def deposit(
    seq: int, at: datetime.datetime, *, items: int = 1, material: str = "glass", **fields: Any
) -> dict[str, Any]:
    """Return a deposit as a bin writes it."""
    return {"seq": seq, "type": "deposit", "at": at.isoformat(), "material": material, "items": items, **fields}


def tell(pipeline: Pipeline, messages: Sequence[Message], *, now: datetime.datetime) -> list[Outgoing]:
    """Let a pipeline take ``messages``; return the receipts that answer them."""
    return pipeline.write_receipts(pipeline.process(messages, now=now).answers, now=now)


def read(receipt: Outgoing) -> dict[str, Any]:
    """Return the receipt's first line."""
    line: dict[str, Any] = json.loads(receipt.payload.partition(b"\n")[0])
    return line
