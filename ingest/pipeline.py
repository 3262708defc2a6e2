"""From a batch of messages to committed events and the receipts that say so: one transaction per authority.

Verify, decode, commit (``ingest/commit.py``); receipts are written after that, when whoever calls is about to send
them. The same decides about retries and acknowledgements (``ingest/worker.py``).
"""

import datetime
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from sqlalchemy import Engine, text

from ingest.commit import Committed, Tenant, commit_tenant, store_rejected
from ingest.decoding import decode
from ingest.directory import Directory
from ingest.messages import Message, Outgoing
from ingest.receipts import Answer, write_receipts
from ingest.topics import UpTopic
from ingest.verification import Rejected, find_topic, verify
from rewards.crash_points import crash
from rewards.keyring import Keyring
from rewards.lots import lot_month_of
from rewards.memory import Memory
from rewards.pipelining import RowsMissingError
from rewards.quarantine import NO_AUTHORITY


@dataclass(slots=True)
class Processed:
    """What a batch came to: what bins are to be told, counts for logs, and what went to quarantine.

    ``refused`` lists messages refused whole or in part, with the authority whose quarantine keeps them.
    """

    answers: list[Answer] = field(default_factory=list)
    events: int = 0
    repeats: int = 0
    quarantined_by_code: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[int, Message]] = field(default_factory=list)

    @property
    def quarantined(self) -> int:
        """Messages refused whole and events refused on their own."""
        return self.quarantined_by_code.total()

    @property
    def conflicts(self) -> int:
        """Events whose number is taken by another content."""
        return self.quarantined_by_code["event_conflict"]

    def count(self, committed: Committed, *, authority_id: int) -> None:
        """Count what one authority's transaction committed; after its answers were listed."""
        for decision in committed.decisions:
            self.events += decision.refused is None
            self.repeats += decision.outcome is not None and decision.outcome.is_repeat
        self.quarantined_by_code += committed.count_codes()
        self.refused += [(authority_id, message) for message in committed.list_refused()]

    def add(self, part: "Processed") -> None:
        """Add what another part of the batch came to."""
        self.answers += part.answers
        self.events += part.events
        self.repeats += part.repeats
        self.quarantined_by_code += part.quarantined_by_code
        self.refused += part.refused


class Pipeline:
    """Processes batches. Between them it keeps what the directory remembers for a second, and the memory of holders."""

    def __init__(self, engine: Engine, keyring: Keyring, *, monotonic: Callable[[], float] = monotonic) -> None:
        self._engine = engine
        self._keyring = keyring
        self._monotonic = monotonic
        self._directory = Directory(engine)
        self._memory = Memory()

    def process(self, messages: Sequence[Message], *, now: datetime.datetime, is_isolated: bool = False) -> Processed:
        """Commit ``messages`` and return what to answer; all or nothing per authority. Safe to repeat whole.

        With ``is_isolated`` every event is refused as ``internal`` instead of recorded: the last resort for a
        message that cannot be processed, so that nothing is lost and it can be replayed.

        Raises:
            sqlalchemy.exc.DBAPIError: the database is away or refuses; nothing of that authority was committed.
        """
        topics = [find_topic(message) for message in messages]
        self._directory.load(topics, monotonic_s=self._monotonic())
        tenants, strangers = self._sort_out(messages, topics)
        processed = Processed()
        if strangers:
            with self._engine.begin() as connection:
                store_rejected(connection, strangers, authority_id=NO_AUTHORITY, keyring=self._keyring)
            processed.quarantined_by_code.update(each.code for each in strangers)
            processed.refused += [(NO_AUTHORITY, stranger.message) for stranger in strangers]
        for tenant in tenants:
            committed = self._commit(tenant, now=now, is_isolated=is_isolated)
            processed.answers += committed.list_answers()
            processed.count(committed, authority_id=tenant.rules.authority_id)
        return processed

    def _commit(self, tenant: Tenant, *, now: datetime.datetime, is_isolated: bool) -> Committed:
        """Commit one authority's messages; when the database does not hold what was remembered, without memory."""
        try:
            return self._commit_once(tenant, now=now, is_isolated=is_isolated)
        except RowsMissingError:
            self._memory.forget()
            return self._commit_once(tenant, now=now, is_isolated=is_isolated)

    def _commit_once(self, tenant: Tenant, *, now: datetime.datetime, is_isolated: bool) -> Committed:
        lot_month = lot_month_of(now.astimezone(tenant.rules.timezone).date())
        recollection = self._memory.recall(tenant.rules, lot_month=lot_month)
        with self._engine.begin() as connection:
            crash.at("begun")
            committed = commit_tenant(
                connection, tenant, recollection, keyring=self._keyring, now=now, is_isolated=is_isolated
            )
        crash.at("committed")
        recollection.keep()
        self._directory.note_key_numbers(tenant.rules.slug, committed.key_numbers)
        return committed

    def write_receipts(self, answers: Iterable[Answer], *, now: datetime.datetime) -> list[Outgoing]:
        """Write the receipts that say ``answers``, to be published at ``now``."""
        return [each for answer in answers for each in write_receipts(answer, keyring=self._keyring, now=now)]

    def set_aside(self, message: Message) -> Processed:
        """Quarantine a message whole as ``internal``, unread; it settles nothing and can be replayed.

        It is filed under the authority and the bin its topic names, if there is such an authority.
        """
        topic = find_topic(message)
        self._directory.load([topic], monotonic_s=self._monotonic())
        rules = self._directory.find_rules(topic) if topic else None
        bin_id = topic.bin_id if topic and rules else None
        authority_id = rules.authority_id if rules else NO_AUTHORITY
        rejected = Rejected(message, "internal", "the message could not be processed", rules, bin_id)
        with self._engine.begin() as connection:
            store_rejected(connection, [rejected], authority_id=authority_id, keyring=self._keyring)
        return Processed(quarantined_by_code=Counter({rejected.code: 1}), refused=[(authority_id, message)])

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
