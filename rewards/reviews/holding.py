"""Holding the credit of a suspicious deposit: pending instead of at once, with a row that says why.

Part of the ingest: nothing here is executed in a batch without a suspicious deposit.
"""

import datetime
from collections.abc import Mapping, Sequence

from sqlalchemy import text

from rewards.acceptance import AcceptedEvent, Identity
from rewards.arrays import Columns
from rewards.claims import Claim
from rewards.ids import new_id_text
from rewards.ledger import Transfer
from rewards.pipelining import Write
from rewards.suspicion import ReviewRule, ReviewRules, suspicion_of

REVIEWED_WITHIN = datetime.timedelta(days=7)
"""So long a credit waits for somebody to look at it; then it posts itself."""

OPENED = Columns(transfer_id="uuid", rule="text")
OPEN_REVIEWS = text(f"""
    INSERT INTO reviews (authority_id, due_at, {OPENED.names})
    SELECT :authority_id, :due_at, t.* FROM {OPENED.unnest("t")}
""")

Suspicions = Mapping[Identity, ReviewRule]
"""The rule each suspicious deposit of a batch falls under."""


def list_suspicions(claims: Sequence[Claim], rules: ReviewRules) -> dict[Identity, ReviewRule]:
    """List the suspicious ones among ``claims``."""
    found: dict[Identity, ReviewRule] = {}
    for claim in claims:
        reported = claim.accepted.reported
        rule = suspicion_of(
            rules,
            items=reported.items,
            mass_g=reported.mass_g,
            is_clock_doubtful=is_clock_doubtful(claim.accepted),
        )
        if rule is not None:
            found[reported.identity] = rule
    return found


def is_clock_doubtful(event: AcceptedEvent) -> bool:
    """Tell whether the bin could not say when; a free clock that could be corrected can."""
    return event.is_estimated and event.occurred_at == event.reported.received_at


def hold_suspicious(
    transfers: Sequence[Transfer], suspicions: Suspicions, *, authority_id: int, now: datetime.datetime
) -> list[Write]:
    """Make the credits of suspicious deposits pending; return the write that opens their reviews."""
    held = [each for each in transfers if each.journal_no is not None and (each.journal_no, each.seq) in suspicions]
    if not held:
        return []
    for each in held:
        each.phase, each.transfer_id = "pending", new_id_text()
    columns = OPENED.bind(
        transfer_id=[each.transfer_id for each in held],
        rule=[suspicions[each.journal_no, each.seq] for each in held],  # type: ignore[index]
    )
    parameters = {"authority_id": authority_id, "due_at": now + REVIEWED_WITHIN, **columns}
    return [Write(OPEN_REVIEWS, parameters, rows=len(held))]
