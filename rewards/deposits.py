"""Recording a batch of accepted events: five set-wise steps, in an order that was measured, in one transaction.

1. insert the events, keeping what is new; 2. compare the rest with what is stored: repeat or conflict; 3. caps;
4. transfers with their accounts' counters; 5. journals, then the daily rollups. Never a row at a time.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from rewards.acceptance import AcceptedEvent
from rewards.credits import Credit, credit_deposits
from rewards.events import Identity, find_stored_events, insert_events
from rewards.journals import SeqRange, add_received
from rewards.rollups import RollupKey, RollupSums, add_to_rollups
from rewards.rules import AuthorityRules

OutcomeState = Literal["credited", "counted", "capped", "conflict"]


@dataclass(slots=True)
class Outcome:
    """What became of one event; a repeat is told what its first copy was told."""

    state: OutcomeState
    points: int = 0
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """Outcomes in the order of the events given, and all settled ranges of every journal touched, ascending."""

    outcomes: list[Outcome]
    settled: dict[int, list[SeqRange]]


def record_events(
    connection: Connection,
    accepted: Sequence[AcceptedEvent],
    *,
    refused: Iterable[Identity],
    rules: AuthorityRules,
    now: datetime.datetime,
) -> Recorded:
    """Record ``accepted`` events of one authority and settle the ``refused`` ones, which the caller quarantines.

    Needs the caller's transaction. Safe to repeat: events recorded before have no second effect. Conflicts settle
    nothing new; their number was settled by the event that came first.
    """
    firsts: dict[Identity, AcceptedEvent] = {}
    for each in accepted:
        firsts.setdefault(each.event.identity, each)
    new = (
        insert_events(connection, [each.event for each in firsts.values()], authority_id=rules.authority_id, now=now)
        if firsts
        else set()
    )
    stored = find_stored_events(connection, firsts.keys() - new, authority_id=rules.authority_id)
    credits = credit_deposits(
        connection, (each for identity, each in firsts.items() if identity in new), rules=rules, now=now
    )

    known = {identity: (firsts[identity].event.content_digest, credit_of(credits.get(identity))) for identity in new}
    known |= {
        identity: (event.content_digest, Outcome(*state_of(event.points, event.withheld_points), is_repeat=True))
        for identity, event in stored.items()
    }
    outcomes = list_outcomes(accepted, known)

    settled_seqs: defaultdict[int, list[int]] = defaultdict(list)
    for journal_no, seq in (*firsts, *refused):
        settled_seqs[journal_no].append(seq)
    settled = add_received(connection, settled_seqs, authority_id=rules.authority_id, now=now)
    add_to_rollups(
        connection,
        sum_deposits((firsts[identity] for identity in new), credits, rules),
        authority_id=rules.authority_id,
    )
    return Recorded(outcomes, settled)


def state_of(points: int, withheld_points: int) -> tuple[OutcomeState, int]:
    """Return how a deposit is reported to its bin."""
    if points:
        return "credited", points
    return ("capped" if withheld_points else "counted"), 0


def credit_of(credit: Credit | None) -> Outcome:
    """Return the outcome of a new event."""
    return Outcome("counted") if credit is None else Outcome(*state_of(credit.points, credit.withheld_points))


def list_outcomes(accepted: Sequence[AcceptedEvent], known: dict[Identity, tuple[bytes, Outcome]]) -> list[Outcome]:
    """List the outcome of every event given: the first copy, its repeats in the batch, and conflicts.

    An identity that is neither new nor stored was quarantined before with other content: a conflict too.
    """
    outcomes, seen = [], set()
    for each in accepted:
        digest, outcome = known.get(each.event.identity, (None, None))
        if outcome is None or digest != each.event.content_digest:
            outcomes.append(Outcome("conflict"))
        elif each.event.identity in seen:
            outcomes.append(Outcome(outcome.state, outcome.points, is_repeat=True))
        else:
            seen.add(each.event.identity)
            outcomes.append(outcome)
    return outcomes


def sum_deposits(
    new: Iterable[AcceptedEvent], credits: dict[Identity, Credit], rules: AuthorityRules
) -> dict[RollupKey, RollupSums]:
    """Sum new deposits by day of the authority's time zone, bin, site and material."""
    sums: defaultdict[RollupKey, RollupSums] = defaultdict(RollupSums)
    for each in new:
        event = each.event
        if event.type != "deposit":
            continue
        day = event.occurred_at.astimezone(rules.timezone).date()
        total = sums[(day, event.bin_id, event.site_id, event.material)]
        credit = credits.get(event.identity)
        total.deposits += 1
        total.credited_deposits += credit is not None
        total.items += event.items or 0
        total.mass_g += event.mass_g or 0
        total.refused += event.refused or 0
        total.points += credit.points if credit else 0
    return sums
