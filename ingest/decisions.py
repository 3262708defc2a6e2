"""Deciding about each event of a batch: recorded, or refused with a code. No SQL, no clock of its own."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ingest.contract import Deposit, Emptying, Events, RawEvents, encode
from ingest.decoding import DecodedMessage, EventsMessage
from rewards.acceptance import AcceptedEvent, EventRefusal, ReportedEvent, accept
from rewards.deposits import Outcome
from rewards.journals import JournalKey
from rewards.keyring import Keyring
from rewards.quarantine import RefusedEvent, RefusedMessage
from rewards.rules import AuthorityRules


@dataclass(slots=True)
class Decision:
    """One event on its way to the receipt: its message, and either the accepted event or why not."""

    decoded: DecodedMessage
    journal_no: int
    seq: int
    accepted: AcceptedEvent | None = None
    refused: RefusedEvent | None = None
    outcome: Outcome | None = None


def decide_events(
    messages: Iterable[DecodedMessage],
    journal_nos: dict[JournalKey, int],
    *,
    rules: AuthorityRules,
    keyring: Keyring,
    is_isolated: bool,
) -> list[Decision]:
    """Decide about every event of the batch, in the order received."""
    decisions = []
    for decoded in messages:
        content, key = decoded.content, decoded.journal_key
        if key not in journal_nos or not isinstance(content, EventsMessage):
            continue
        journal_no = journal_nos[key]
        for event in content.events:
            digest = keyring.content_digest(encode(event.known_content))
            reported = report_of(
                decoded, event, envelope=content.envelope, journal_no=journal_no, digest=digest, keyring=keyring
            )
            verdict = EventRefusal("internal", "set aside") if is_isolated else accept(reported, rules)
            if isinstance(verdict, EventRefusal):
                refused = RefusedEvent(journal_no, event.seq, digest, verdict.code, verdict.detail)
                decisions.append(Decision(decoded, journal_no, event.seq, refused=refused))
            else:
                decisions.append(Decision(decoded, journal_no, event.seq, accepted=verdict))
        for fault in content.faulty:
            refused = RefusedEvent(journal_no, fault.seq, keyring.content_digest(fault.raw), "schema", fault.detail)
            decisions.append(Decision(decoded, journal_no, fault.seq, refused=refused))
    return decisions


def report_of(
    decoded: DecodedMessage,
    event: Deposit | Emptying,
    *,
    envelope: Events | RawEvents,
    journal_no: int,
    digest: bytes,
    keyring: Keyring,
) -> ReportedEvent:
    """Turn a decoded event into what the domain decides about; the badge becomes its digest here."""
    verified = decoded.verified
    deposit = event if isinstance(event, Deposit) else None
    badge = deposit.badge if deposit else None
    reported = ReportedEvent(
        bin=verified.bin,
        identity=(journal_no, event.seq),
        type="deposit" if deposit else "emptying",
        material=event.material,
        items=deposit.items if deposit else None,
        mass_g=event.mass_g,
        refused=deposit.refused if deposit else None,
        # Rounded, since PostgreSQL refuses what is too small for its column.
        confidence=round(deposit.confidence, 6) if deposit and deposit.confidence is not None else None,
        emptied_by=event.by if isinstance(event, Emptying) else None,
        badge_digest=keyring.badge_digest(authority_id=verified.rules.authority_id, badge=badge) if badge else None,
        at=event.at,
        clock=envelope.clock,
        ahead_ms=envelope.ahead_ms,
        received_at=verified.message.received_at,
        replayed_at=verified.message.replayed_at,
        content_digest=digest,
    )
    if badge and keyring.old_badge_pepper is not None:
        reported.former_badge = keyring.former_badge(authority_id=verified.rules.authority_id, badge=badge)
    return reported


def conflict_of(accepted: AcceptedEvent) -> RefusedEvent:
    """Return the refusal of an event whose number is taken by another content."""
    journal_no, seq = accepted.reported.identity
    detail = "another content is stored under this number"
    return RefusedEvent(journal_no, seq, accepted.reported.content_digest, "event_conflict", detail)


def refused_messages(decisions: Iterable[Decision]) -> list[RefusedMessage]:
    """Gather the refused events by the message that carried them."""
    by_message: defaultdict[int, list[Decision]] = defaultdict(list)
    for decision in decisions:
        if decision.refused:
            by_message[id(decision.decoded)].append(decision)
    return [
        RefusedMessage(
            group[0].decoded.verified.message.topic,
            group[0].decoded.verified.message.payload,
            group[0].decoded.verified.message.received_at,
            group[0].decoded.bin_id,
            None,
            f"{len(group)} events refused",
            tuple(decision.refused for decision in group if decision.refused),
            is_replay=group[0].decoded.verified.message.replayed_at is not None,
        )
        for group in by_message.values()
    ]
