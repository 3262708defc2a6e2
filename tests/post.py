"""A stand-in for the broker in tests of the way down: keeps what is published."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.messages import Outgoing


@dataclass
class Post:
    """Keeps what is published, as long as it is connected."""

    is_connected: bool = True
    published: list[Outgoing] = field(default_factory=list)

    def publish(self, messages: Sequence[Outgoing]) -> None:
        self.published += messages
