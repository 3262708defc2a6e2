"""From a batch of messages to committed events and the receipts that say so: one transaction per authority.

Verify, decode, commit (``ingest/commit.py``), and only after the commit write receipts. Whoever calls decides about
retries and acknowledgements (``ingest/worker.py``).
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from sqlalchemy import Engine, text

from ingest.commit import Committed, Tenant, commit_tenant, store_rejected
from ingest.decoding import decode
from ingest.directory import Directory
from ingest.messages import Message, Outgoing
from ingest.receipts import write_receipts
from ingest.topics import UpTopic
from ingest.verification import Rejected, find_topic, verify
from rewards.keyring import Keyring
from rewards.quarantine import NO_AUTHORITY


@dataclass(slots=True)
class Processed:
    """What a batch came to: receipts to publish after the commit, and counts for logs."""

    receipts: list[Outgoing] = field(default_factory=list)
    events: int = 0
    repeats: int = 0
    quarantined_by_code: Counter[str] = field(default_factory=Counter)

    @property
    def quarantined(self) -> int:
        """Messages refused whole and events refused on their own."""
        return self.quarantined_by_code.total()

    @property
    def conflicts(self) -> int:
        """Events whose number is taken by another content."""
        return self.quarantined_by_code["event_conflict"]

    def add(self, done: "Committed | Processed") -> None:
        """Count what one authority's transaction committed, or another part of the batch came to."""
        self.events += done.events
        self.repeats += done.repeats
        self.quarantined_by_code += done.quarantined_by_code


class Pipeline:
    """Processes batches. Holds no state between them but what the directory remembers for a second."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        self._engine = engine
        self._keyring = keyring
        self._directory = Directory(engine)

    def process(self, messages: Sequence[Message], *, now: datetime.datetime, is_isolated: bool = False) -> Processed:
        """Commit ``messages`` and return their receipts; all or nothing per authority. Safe to repeat whole.

        With ``is_isolated`` every event is refused as ``internal`` instead of recorded: the last resort for a
        message that cannot be processed, so that nothing is lost and it can be replayed.

        Raises:
            sqlalchemy.exc.DBAPIError: the database is away or refuses; nothing of that authority was committed.
        """
        topics = [find_topic(message) for message in messages]
        self._directory.load(topics, monotonic_s=monotonic())
        tenants, strangers = self._sort_out(messages, topics)
        processed = Processed()
        if strangers:
            with self._engine.begin() as connection:
                store_rejected(connection, strangers, authority_id=NO_AUTHORITY, keyring=self._keyring)
            processed.quarantined_by_code.update(each.code for each in strangers)
        for tenant in tenants:
            with self._engine.begin() as connection:
                committed = commit_tenant(connection, tenant, keyring=self._keyring, now=now, is_isolated=is_isolated)
            processed.add(committed)
            for answer in committed.answers:
                processed.receipts += write_receipts(answer, rules=tenant.rules, keyring=self._keyring, now=now)
        return processed

    def set_aside(self, message: Message) -> Processed:
        """Quarantine a message whole as ``internal``, unread; it settles nothing and can be replayed."""
        rejected = Rejected(message, "internal", "the message could not be processed")
        with self._engine.begin() as connection:
            store_rejected(connection, [rejected], authority_id=NO_AUTHORITY, keyring=self._keyring)
        return Processed(quarantined_by_code=Counter({rejected.code: 1}))

    def ping(self) -> Processed:
        """Ask the database for an answer; raises as ``process`` when there is none."""
        with self._engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        return Processed()

    def _sort_out(
        self, messages: Iterable[Message], topics: Iterable[UpTopic | None]
    ) -> tuple[list[Tenant], list[Rejected]]:
        """Verify and decode; return what belongs to each authority, and what to none of ours."""
        tenants: dict[int, Tenant] = {}
        strangers: list[Rejected] = []
        for message, topic in zip(messages, topics, strict=True):
            verdict = verify(message, topic, self._directory, self._keyring)
            decoded = verdict if isinstance(verdict, Rejected) else decode(verdict)
            rules = decoded.rules if isinstance(decoded, Rejected) else decoded.verified.rules
            if isinstance(decoded, Rejected):
                refused_by = tenants.setdefault(rules.authority_id, Tenant(rules)).rejected if rules else strangers
                refused_by.append(decoded)
            elif rules:
                tenants.setdefault(rules.authority_id, Tenant(rules)).messages.append(decoded)
        return list(tenants.values()), strangers
