"""The way down beside receipts: commands and configurations, a bounded number a turn.

Both are noted as sent in a transaction and published after its commit, so that several workers share the work. What is
lost on the way heals: a command is published again every 30 s and at every hello, a configuration when a hello tells
an older version.
"""

import datetime
from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Engine

from ingest.downlink_messages import write_command, write_config
from ingest.messages import Outgoing
from rewards.commands import end_expired
from rewards.displays import get_display, get_display_version
from rewards.due_commands import take_due_commands
from rewards.due_displays import take_due_displays
from rewards.keyring import Keyring

MOST_A_TURN = 300
"""Messages a worker sends down in a turn, which is a second: a fleet of 2,000 is told in seven, not in a flood."""


class Publisher(Protocol):
    """Who carries messages to bins."""

    @property
    def is_connected(self) -> bool:
        """Whether what is published now goes out."""

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish towards bins; losing one is harmless."""


class Downlink:
    """Tells the bins of one authority at a time what they are to know now."""

    def __init__(self, engine: Engine, publisher: Publisher, keyring: Keyring) -> None:
        self._engine = engine
        self._publisher = publisher
        self._keyring = keyring

    def tell(self, *, authority_id: int, slug: str, now: datetime.datetime, most: int = MOST_A_TURN) -> int:
        """Publish what is due, commands first, at most ``most`` messages; return how many. Commits before it sends."""
        if not self._publisher.is_connected:
            return 0
        sent = self._tell_commands(authority_id=authority_id, slug=slug, now=now, most=most)
        return sent + self._tell_configs(authority_id=authority_id, slug=slug, now=now, most=most - sent)

    def _tell_commands(self, *, authority_id: int, slug: str, now: datetime.datetime, most: int) -> int:
        with self._engine.begin() as connection:
            end_expired(connection, authority_id=authority_id, now=now)
            due = take_due_commands(connection, authority_id=authority_id, now=now, most=most)
        self._publisher.publish([write_command(each, authority=slug, keyring=self._keyring) for each in due])
        return len(due)

    def _tell_configs(self, *, authority_id: int, slug: str, now: datetime.datetime, most: int) -> int:
        with self._engine.begin() as connection:
            version = get_display_version(connection, authority_id=authority_id, now=now)
            due = take_due_displays(connection, version=version, authority_id=authority_id, most=most)
            if not due:
                return 0
            # Never older than the version it is noted under; a newer one is due again at the next turn.
            display = get_display(connection, authority_id=authority_id, now=now)
        self._publisher.publish([write_config(each, display, authority=slug, keyring=self._keyring) for each in due])
        return len(due)
