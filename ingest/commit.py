"""What one authority's part of a batch does to the database, in one transaction given by the caller.

Reports of bins first, then events: each is decided on its own (recorded, refused, repeat or conflict), all are
recorded together, and what was refused is quarantined in the same transaction, so that nothing falls between.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from ingest.answers import heed_answers
from ingest.contract import Hello
from ingest.decisions import Decision, conflict_of, decide_events, refused_messages
from ingest.decoding import DecodedMessage, EventsMessage
from ingest.messages import Message
from ingest.receipts import Answer, list_answers
from ingest.reports import list_reports
from ingest.verification import Rejected
from rewards.bin_days import note_bin_days
from rewards.bin_reports import store_reports
from rewards.bins import note_key_numbers
from rewards.crash_points import crash
from rewards.deposits import Recorded, compare_events, record_compared
from rewards.journals import Held, JournalKey, JournalNote, open_journals
from rewards.keyring import Keyring
from rewards.memory import Recollection
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
    """What the transaction holds; what it means for each bin is worked out after the commit."""

    messages: list[DecodedMessage]
    decisions: list[Decision]
    journal_nos: dict[JournalKey, int]
    recorded: Recorded
    rejected: list[Rejected]
    key_numbers: dict[str, int]

    def list_answers(self) -> list[Answer]:
        """List an answer per journal spoken about; gives every accepted event its outcome."""
        outcomes = iter(self.recorded.list_outcomes())
        for decision in self.decisions:
            if decision.accepted:
                decision.outcome = next(outcomes)
        return list_answers(self.messages, self.decisions, self.journal_nos, self.recorded.settled)

    def list_refused(self) -> list[Message]:
        """List the messages quarantined, whole or for an event of theirs."""
        refused = [decision.decoded.verified.message for decision in self.decisions if decision.refused]
        return refused + [each.message for each in self.rejected]

    def count_codes(self) -> Counter[str]:
        """Count events refused on their own and messages refused whole by their code."""
        codes = Counter(decision.refused.code for decision in self.decisions if decision.refused)
        codes.update(each.code for each in self.rejected)
        return codes


def commit_tenant(
    connection: Connection,
    tenant: Tenant,
    recollection: Recollection,
    *,
    keyring: Keyring,
    now: datetime.datetime,
    is_isolated: bool,
) -> Committed:
    """Write everything one authority's messages say. The caller commits at once."""
    authority_id = tenant.rules.authority_id
    reports = list_reports(tenant.messages)
    if reports:
        store_reports(connection, reports, authority_id=authority_id)
        note_bin_days(connection, reports, authority_id=authority_id, timezone=tenant.rules.timezone, now=now)
    key_numbers = newer_key_numbers(tenant.messages)
    note_key_numbers(connection, key_numbers, authority_id=authority_id)
    heed_answers(connection, tenant.messages, authority_id=authority_id, now=now)
    heard_at = list_journals(tenant.messages)
    journal_nos = find_journal_nos(connection, heard_at, recollection, authority_id=authority_id)
    decisions = decide_events(
        tenant.messages, journal_nos, rules=tenant.rules, keyring=keyring, is_isolated=is_isolated
    )

    accepted = [decision.accepted for decision in decisions if decision.accepted]
    compared = compare_events(connection, accepted, authority_id=authority_id, now=now)
    for decision in [] if compared.is_all_new else decisions:
        if decision.accepted and compared.is_conflict(decision.accepted):
            decision.refused = conflict_of(decision.accepted)
    store_refused(connection, refused_messages(decisions), authority_id=authority_id, keyring=keyring)
    store_rejected(connection, tenant.rejected, authority_id=authority_id, keyring=keyring)
    crash.at("refusals_stored")

    notes = {journal_nos[key]: JournalNote(key, at) for key, at in heard_at.items()}
    for decoded in tenant.messages:
        if isinstance(decoded.content, Hello):
            said = decoded.content
            notes[journal_nos[decoded.bin_id, said.journal]].held = Held(said.next_seq, said.oldest_held)
    for decision in decisions:
        if decision.refused:
            notes[decision.journal_no].seqs.append(decision.seq)
    recorded = record_compared(connection, compared, notes, recollection, rules=tenant.rules, now=now)
    return Committed(tenant.messages, decisions, journal_nos, recorded, tenant.rejected, key_numbers)


def list_journals(messages: Iterable[DecodedMessage]) -> dict[JournalKey, datetime.datetime]:
    """List the journals spoken about in the order they came, with when each was heard last.

    A replayed message is not heard again: it counts with the time it was received.
    """
    heard_at: dict[JournalKey, datetime.datetime] = {}
    for decoded in messages:
        key, received_at = decoded.journal_key, decoded.verified.message.received_at
        content = decoded.content
        # Half a message may hold none of its events, and then says nothing.
        if key is not None and not (isinstance(content, EventsMessage) and not content.events and not content.faulty):
            heard_at[key] = max(received_at, heard_at.get(key, received_at))
    return heard_at


def find_journal_nos(
    connection: Connection,
    heard_at: dict[JournalKey, datetime.datetime],
    recollection: Recollection,
    *,
    authority_id: int,
) -> dict[JournalKey, int]:
    """Return the number of each journal spoken about, remembered or looked up."""
    known = recollection.journals
    journal_nos = {key: known[key] for key in heard_at if key in known}
    missing = {key: at for key, at in heard_at.items() if key not in journal_nos}
    if missing:
        opened = open_journals(connection, missing, authority_id=authority_id)
        recollection.learned_journals.update(opened)
        journal_nos |= opened
    return journal_nos


def newer_key_numbers(messages: Iterable[DecodedMessage]) -> dict[str, int]:
    """Return the key number of each bin that used one newer than we remember."""
    return {
        decoded.bin_id: decoded.verified.key_number
        for decoded in messages
        if decoded.verified.key_number > decoded.verified.bin.newest_key_number
    }


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
                is_replay=each.message.replayed_at is not None,
            )
            for each in rejected
        ],
        authority_id=authority_id,
        keyring=keyring,
    )
