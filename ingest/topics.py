"""Topics of the bin protocol: pure parsing and building, no network. Source: docs/bin-protocol.md, "Link"."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

UpChannel = Literal["hello", "events", "status", "presence"]
DownChannel = Literal["receipt", "config", "command"]

PLAIN_FILTER = "bontri/v1/+/+/up/#"
"""For a broker whose shared subscriptions cannot be trusted; then one worker only."""

UP_TOPIC = re.compile(r"bontri/v1/([a-z0-9-]{2,32})/([A-Z0-9-]{4,32})/up/(hello|events|status|presence)", re.ASCII)


@dataclass(frozen=True, slots=True)
class UpTopic:
    """Who speaks, as the topic claims, and about what."""

    authority: str
    bin_id: str
    channel: UpChannel


LONGEST_UP_TOPIC = len("bontri/v1//" + "/up/presence") + 32 + 32


def parse_up_topic(topic: str) -> UpTopic | None:
    """Parse a topic bins publish to; None when it is none of the protocol. Remembered, since bins keep to theirs."""
    # A stranger's may have 65,535 bytes: nothing to remember thousands of.
    return remember_up_topic(topic) if len(topic) <= LONGEST_UP_TOPIC else None


@lru_cache(maxsize=50_000)
def remember_up_topic(topic: str) -> UpTopic | None:
    """Parse a topic of a length that one of the protocol can have."""
    match = UP_TOPIC.fullmatch(topic)
    if match is None:
        return None
    authority, bin_id, channel = match.groups()
    return UpTopic(authority, bin_id, cast(UpChannel, channel))


def down_topic(authority: str, bin_id: str, channel: DownChannel) -> str:
    """Return a topic the bin reads."""
    return f"bontri/v1/{authority}/{bin_id}/down/{channel}"


def shared_filter(group: str) -> str:
    """Return the filter of workers that share the messages as members of ``group``."""
    return f"$share/{group}/{PLAIN_FILTER}"
