"""Recording what simulated bins report, as the ingest records it, on a clock of the simulation.

What is left out is the way over the broker: messages, signatures and receipts.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from bontri.demo.seed import AUTHORITY_ID, SLUG
from rewards.acceptance import AcceptedEvent, ReportedEvent, accept
from rewards.bins import KnownBin, find_bins
from rewards.deposits import Outcome, compare_events, record_compared
from rewards.journals import JournalNote, open_journals
from rewards.keyring import Keyring
from rewards.memory import Recollection
from rewards.rules import AuthorityRules, find_rules


class RecordingError(Exception):
    """What was simulated cannot be recorded."""


@dataclass(slots=True)
class Happening:
    """A deposit, or an emptying when ``items`` is None; ``seq`` is its number in its bin's journal."""

    bin_id: str
    seq: int
    at: datetime.datetime
    received_at: datetime.datetime
    material: str
    items: int | None
    mass_g: int | None
    badge: str | None = None
    refused: int | None = None
    confidence: float | None = None
    emptied_by: str | None = None

    @property
    def content(self) -> bytes:
        """What tells this happening from another under the same number."""
        said = (self.at.timestamp(), self.material, self.items, self.mass_g, self.badge, self.refused, self.emptied_by)
        return f"{self.bin_id} {self.seq} {said}".encode()


def record(
    connection: Connection,
    keyring: Keyring,
    batch: Sequence[Happening],
    *,
    journal: str,
    now: datetime.datetime,
    recollection: Recollection | None = None,
) -> list[Outcome]:
    """Accept and record a batch; each of its bins has the journal of that name. Needs a transaction; safe to repeat.

    Raises:
        RecordingError: one of them would have been refused, or stands there already with other content.
    """
    rules = find_rules(connection, SLUG)
    if rules is None:
        raise RecordingError("the demo's authority is not there")
    used = sorted({each.bin_id for each in batch})
    bins = find_bins(connection, used, authority_id=AUTHORITY_ID)
    journals = open_journals(connection, {(each, journal): now for each in used}, authority_id=AUTHORITY_ID)
    notes = {number: JournalNote(key, now) for key, number in journals.items()}
    accepted = [accept_one(each, bins[each.bin_id], journals[each.bin_id, journal], rules, keyring) for each in batch]
    compared = compare_events(connection, accepted, authority_id=AUTHORITY_ID, now=now)
    recorded = record_compared(connection, compared, notes, recollection or Recollection(), rules=rules, now=now)
    outcomes = recorded.list_outcomes()
    if None in outcomes:
        raise RecordingError("another simulation has used the same seed; choose another with --seed")
    return [each for each in outcomes if each is not None]


def accept_one(
    happening: Happening, known: KnownBin, journal_no: int, rules: AuthorityRules, keyring: Keyring
) -> AcceptedEvent:
    """Return a happening as its bin would have reported it, accepted."""
    badge = happening.badge
    accepted = accept(
        ReportedEvent(
            bin=known,
            identity=(journal_no, happening.seq),
            type="emptying" if happening.items is None else "deposit",
            material=happening.material,
            items=happening.items,
            mass_g=happening.mass_g,
            refused=happening.refused,
            confidence=happening.confidence,
            emptied_by=happening.emptied_by,
            badge_digest=keyring.badge_digest(authority_id=AUTHORITY_ID, badge=badge) if badge else None,
            at=happening.at,
            clock="synced",
            ahead_ms=None,
            received_at=happening.received_at,
            content_digest=keyring.content_digest(happening.content),
        ),
        rules,
    )
    if not isinstance(accepted, AcceptedEvent):
        raise RecordingError(f"what happened on {happening.at:%Y-%m-%d} would be refused: {accepted.detail}")
    return accepted
