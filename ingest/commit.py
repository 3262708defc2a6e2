"""What one authority's part of a batch does to the database, in one transaction given by the caller.

Reports of bins first, then events: each is decided on its own (recorded, refused, repeat or conflict), all are
recorded together, and what was refused is quarantined in the same transaction, so that nothing falls between.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from ingest.contract import Hello
from ingest.decisions import conflict_of, decide_events, refused_messages
from ingest.decoding import DecodedMessage
from ingest.receipts import Answer, list_answers
from ingest.reports import list_reports
from ingest.verification import Rejected
from rewards.bin_reports import store_reports
from rewards.bins import note_key_numbers
from rewards.deposits import record_events
from rewards.journals import Held, JournalKey, SeqRange, add_received, note_held, open_journals
from rewards.keyring import Keyring
from rewards.quarantine import RefusedMessage, store_refused
from rewards.rules import AuthorityRules


@dataclass(slots=True)
class Tenant:
    """The part of a batch that belongs to one authority."""

    rules: AuthorityRules
    messages: list[DecodedMessage] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(slots=True)
class Committed:
    """What the transaction holds once committed: an answer per journal, and counts."""

    answers: list[Answer]
    events: int = 0
    repeats: int = 0
    quarantined_by_code: Counter[str] = field(default_factory=Counter)


def commit_tenant(
    connection: Connection, tenant: Tenant, *, keyring: Keyring, now: datetime.datetime, is_isolated: bool
) -> Committed:
    """Write everything one authority's messages say; return what to answer after the commit."""
    authority_id = tenant.rules.authority_id
    store_reports(connection, list_reports(tenant.messages), authority_id=authority_id)
    note_key_numbers(connection, newer_key_numbers(tenant.messages), authority_id=authority_id)
    keys = dict.fromkeys(decoded.journal_key for decoded in tenant.messages if decoded.journal_key)
    journal_nos = open_journals(connection, list(keys), authority_id=authority_id, now=now)
    decisions = decide_events(
        tenant.messages, journal_nos, rules=tenant.rules, keyring=keyring, is_isolated=is_isolated
    )

    recorded = record_events(
        connection,
        [decision.accepted for decision in decisions if decision.accepted],
        refused=[(decision.journal_no, decision.seq) for decision in decisions if decision.refused],
        rules=tenant.rules,
        now=now,
    )
    outcomes = iter(recorded.outcomes)
    for decision in decisions:
        if decision.accepted:
            decision.outcome = next(outcomes)
            if decision.outcome.state == "conflict":
                decision.refused = conflict_of(decision.accepted)
    refused = refused_messages(decisions)
    store_refused(connection, refused, authority_id=authority_id, keyring=keyring)
    store_rejected(connection, tenant.rejected, authority_id=authority_id, keyring=keyring)

    settled = recorded.settled | settle_hellos(connection, tenant, journal_nos)
    return Committed(
        list_answers(tenant.messages, decisions, journal_nos, settled),
        events=sum(decision.refused is None for decision in decisions),
        repeats=sum(decision.outcome is not None and decision.outcome.is_repeat for decision in decisions),
        quarantined_by_code=count_codes(refused, tenant.rejected),
    )


def count_codes(refused: Iterable[RefusedMessage], rejected: Iterable[Rejected]) -> Counter[str]:
    """Count events refused on their own and messages refused whole by their code."""
    codes = Counter(event.code for message in refused for event in message.events)
    codes.update(each.code for each in rejected)
    return codes


def newer_key_numbers(messages: Iterable[DecodedMessage]) -> dict[str, int]:
    """Return the key number of each bin that used one newer than we remember."""
    return {
        decoded.bin_id: decoded.verified.key_number
        for decoded in messages
        if decoded.verified.key_number > decoded.verified.bin.newest_key_number
    }


def settle_hellos(
    connection: Connection, tenant: Tenant, journal_nos: dict[JournalKey, int]
) -> dict[int, list[SeqRange]]:
    """Note what bins that said hello still hold; return what is settled of their journals."""
    held = {
        journal_nos[decoded.bin_id, decoded.content.journal]: Held(
            decoded.content.next_seq, decoded.content.oldest_held
        )
        for decoded in tenant.messages
        if isinstance(decoded.content, Hello)
    }
    if not held:
        return {}
    note_held(connection, held, authority_id=tenant.rules.authority_id)
    return add_received(connection, {journal_no: [] for journal_no in held}, authority_id=tenant.rules.authority_id)


def store_rejected(
    connection: Connection, rejected: Sequence[Rejected], *, authority_id: int, keyring: Keyring
) -> None:
    """Quarantine messages refused whole."""
    store_refused(
        connection,
        [
            RefusedMessage(
                each.message.topic,
                each.message.payload,
                each.message.received_at,
                each.bin_id,
                each.code,
                each.detail,
            )
            for each in rejected
        ],
        authority_id=authority_id,
        keyring=keyring,
    )
