"""Recording a batch of accepted events: five set-wise steps, in an order that was measured, in one transaction.

1. insert the events, keeping what is new; 2. compare the rest with what is stored: repeat or conflict; 3. caps;
4. transfers with their accounts' counters; 5. journals, then the daily rollups. Never a row at a time.

The caps' rows are the first that two batches contend for, so everything after them is written out before, and sent
together (docs/decisions/0019-writes-prepared-before-the-caps.md).
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from rewards.acceptance import AcceptedEvent, Identity
from rewards.claims import Claim, list_claims
from rewards.crash_points import crash
from rewards.credits import plan_credits
from rewards.events import StoredEvent, find_stored_events, insert_events
from rewards.grants import Grant, grant_claims, list_wanted
from rewards.journals import JournalNote, Settled, plan_journals, read_settled
from rewards.memory import Recollection
from rewards.pipelining import Write, execute_pipelined
from rewards.reviews.holding import Suspicions, list_suspicions
from rewards.rollups import RollupKey, RollupSums, plan_rollups
from rewards.rules import AuthorityRules


@dataclass(slots=True)
class Outcome:
    """What became of one event; a repeat is told what its first copy was told."""

    state: Literal["credited", "counted", "pending", "capped"]
    points: int = 0
    is_repeat: bool = False


COUNTED = Outcome("counted")


@dataclass(slots=True)
class Compared:
    """Accepted events after the first two steps: which are ``new``, which are ``stored`` already.

    ``firsts`` are the first copies within the batch, by identity, in the order received.
    """

    accepted: Sequence[AcceptedEvent]
    firsts: dict[Identity, AcceptedEvent]
    new: set[Identity]
    stored: dict[Identity, StoredEvent]

    @property
    def is_all_new(self) -> bool:
        """Whether every event is recorded now, as in most batches: no repeat, no conflict."""
        return len(self.new) == len(self.accepted)

    def is_conflict(self, event: AcceptedEvent) -> bool:
        """Tell whether another content stands under the event's number.

        An identity that is neither new nor stored was quarantined before with other content: a conflict too.
        """
        identity, digest = event.reported.identity, event.reported.content_digest
        if identity in self.new:
            return self.firsts[identity].reported.content_digest != digest
        stored = self.stored.get(identity)
        return stored is None or stored.content_digest != digest

    def list_new(self) -> list[AcceptedEvent]:
        """List the events that were recorded just now, in the order received."""
        if self.is_all_new:
            return list(self.accepted)
        return [event for identity, event in self.firsts.items() if identity in self.new]


@dataclass(slots=True)
class Recorded:
    """What the transaction holds: credits of new deposits, and the lowest settled ranges of every journal touched."""

    compared: Compared
    credits: dict[Identity, Outcome]
    settled: dict[int, Settled]

    def list_outcomes(self) -> list[Outcome | None]:
        """List the outcome of every accepted event, in the order given; None for a conflict."""
        if self.compared.is_all_new:
            return [self.credits.get(event.reported.identity, COUNTED) for event in self.compared.accepted]
        seen: set[Identity] = set()
        outcomes: list[Outcome | None] = []
        for event in self.compared.accepted:
            identity = event.reported.identity
            if self.compared.is_conflict(event):
                outcomes.append(None)
            elif identity in self.compared.new and identity not in seen:
                seen.add(identity)
                outcomes.append(self.credits.get(identity, COUNTED))
            else:
                outcomes.append(self._repeat(identity))
        return outcomes

    def _repeat(self, identity: Identity) -> Outcome:
        stored = self.compared.stored.get(identity)
        if stored is not None:
            if stored.is_pending:
                return Outcome("pending", is_repeat=True)
            return outcome_of(stored.points, stored.withheld_points, is_repeat=True)
        first = self.credits.get(identity, COUNTED)
        return Outcome(first.state, first.points, is_repeat=True)


def compare_events(
    connection: Connection, accepted: Sequence[AcceptedEvent], *, authority_id: int, now: datetime.datetime
) -> Compared:
    """Insert what is new and find what the rest is compared with. Needs the caller's transaction; safe to repeat."""
    firsts: dict[Identity, AcceptedEvent] = {}
    for each in accepted:
        firsts.setdefault(each.reported.identity, each)
    events = list(firsts.values())
    new = insert_events(connection, events, authority_id=authority_id, now=now) if events else set()
    crash.at("events_inserted")
    stored = find_stored_events(connection, firsts.keys() - new, authority_id=authority_id)
    return Compared(accepted, firsts, new, stored)


def record_compared(
    connection: Connection,
    compared: Compared,
    notes: Mapping[int, JournalNote],
    recollection: Recollection,
    *,
    rules: AuthorityRules,
    now: datetime.datetime,
) -> Recorded:
    """Credit new deposits and settle the numbers of ``compared`` events and of ``notes``, in the same transaction.

    ``notes`` has every journal of the batch, by number.

    Deposits are served in the order received: the first of a day are those the cap still lets through. The caller
    commits next, since rows that other batches wait for are locked now.
    """
    new = compared.list_new()
    claims = list_claims(connection, new, recollection, rules=rules, now=now)
    suspicions = list_suspicions(claims, rules.reviews) if rules.reviews.is_any else {}
    for journal_no, seq in compared.firsts:
        notes[journal_no].seqs.append(seq)
    journals = plan_journals(notes, authority_id=rules.authority_id)
    today = now.astimezone(rules.timezone).date()

    def plan(granted: Sequence[Grant]) -> list[Write]:
        credited = plan_credits(
            claims,
            granted,
            authority_id=rules.authority_id,
            welcome_from=rules.bonus_account_id,
            suspicions=suspicions,
            now=now,
        )
        sums = sum_deposits(new, claims, granted)
        return [
            *credited,
            *journals,
            *(plan_rollups(sums, authority_id=rules.authority_id, today=today) if sums else []),
        ]

    wanted = list_wanted(claims)
    writes = plan(wanted)
    granted = grant_claims(connection, claims, authority_id=rules.authority_id)
    crash.at("caps_granted")
    # Whatever budgets and caps hold back shows in the points.
    if [grant.points for grant in granted] != [grant.points for grant in wanted]:
        writes = plan(granted)
    rows = execute_pipelined(connection, writes)
    crash.at("written")
    settled = read_settled(rows[writes.index(journals[-1])]) if journals else {}
    return Recorded(compared, credits_of(claims, granted, suspicions), settled)


def credits_of(claims: Sequence[Claim], granted: Sequence[Grant], suspicions: Suspicions) -> dict[Identity, Outcome]:
    """Return the outcomes of the deposits that were credited, at once or pending, or capped."""
    outcomes = {
        claim.accepted.reported.identity: outcome_of(grant.points, grant.withheld_points)
        for claim, grant in zip(claims, granted, strict=True)
    }
    for identity in suspicions:
        if outcomes[identity].points:
            outcomes[identity] = Outcome("pending")
    return outcomes


def outcome_of(points: int, withheld_points: int, *, is_repeat: bool = False) -> Outcome:
    """Return how a deposit is reported to its bin."""
    if points:
        return Outcome("credited", points, is_repeat)
    return Outcome("capped" if withheld_points else "counted", 0, is_repeat)


def sum_deposits(
    new: Iterable[AcceptedEvent], claims: Sequence[Claim], granted: Sequence[Grant]
) -> dict[RollupKey, RollupSums]:
    """Sum new deposits by day of the authority's time zone, bin, site and material."""
    points = {claim.accepted.reported.identity: grant.points for claim, grant in zip(claims, granted, strict=True)}
    sums: defaultdict[RollupKey, RollupSums] = defaultdict(RollupSums)
    for event in new:
        if event.type != "deposit":
            continue
        reported = event.reported
        total = sums[event.day, reported.bin.bin_id, event.site_id, reported.material]
        credited = points.get(reported.identity)
        total.deposits += 1
        total.items += reported.items or 0
        total.mass_g += reported.mass_g or 0
        total.refused += reported.refused or 0
        total.unweighed_items += (reported.items or 0) if reported.mass_g is None else 0
        if credited is not None:
            total.credited_deposits += 1
            total.points += credited
    return sums
