"""Step four: what was granted becomes transfers from the bin to the citizen's lot.

A deposit is credited from the bin's own issuing account: no row that all writers want, and points per bin for free.
"""

import datetime
from collections.abc import Sequence

from sqlalchemy import text

from rewards.arrays import Columns
from rewards.claims import Claim
from rewards.grants import Grant
from rewards.ids import Id
from rewards.ledger import Transfer, plan_transfers
from rewards.pipelining import Write
from rewards.reviews.holding import Suspicions, hold_suspicious

CAPPED = Columns(
    journal_no="integer",
    seq="bigint",
    account_id="uuid",
    tariff_line_id="uuid",
    withheld_points="integer",
    withheld_by="text",
    campaign_id="uuid",
    campaign_points="integer",
)
INSERT_CAPPED = text(f"""
    INSERT INTO capped_deposits (authority_id, recorded_at, {CAPPED.names})
    SELECT :authority_id, :now, t.* FROM {CAPPED.unnest("t")}
""")


def plan_credits(
    claims: Sequence[Claim],
    grants: Sequence[Grant],
    *,
    authority_id: int,
    welcome_from: Id | None,
    suspicions: Suspicions,
    now: datetime.datetime,
) -> list[Write]:
    """Return the writes that credit ``claims`` with what each was granted, and newcomers with their welcome.

    What is suspicious is credited pending a review.

    What was held back whole becomes a row of its own, so that the citizen can read why. ``welcome_from`` is the account
    welcomes are paid from; needed where there is one.
    """
    transfers = [transfer_of(claim, grant) for claim, grant in zip(claims, grants, strict=True) if grant.points]
    for claim in claims:
        if claim.is_first and claim.earning.tariff.welcome_points and welcome_from is not None:
            welcome_points = claim.earning.tariff.welcome_points
            transfers.append(Transfer(welcome_from, claim.lot_account_id, welcome_points, reason="welcome"))
    capped = [(claim, grant) for claim, grant in zip(claims, grants, strict=True) if not grant.points]
    reviews = hold_suspicious(transfers, suspicions, authority_id=authority_id, now=now) if suspicions else []
    writes = [*reviews, *plan_transfers(transfers, authority_id=authority_id, now=now)]
    if capped:
        columns = CAPPED.bind(
            journal_no=[claim.accepted.reported.identity[0] for claim, _ in capped],
            seq=[claim.accepted.reported.identity[1] for claim, _ in capped],
            account_id=[claim.lot_account_id for claim, _ in capped],
            tariff_line_id=[claim.earning.line.tariff_line_id for claim, _ in capped],
            withheld_points=[grant.withheld_points for _, grant in capped],
            withheld_by=[grant.withheld_by for _, grant in capped],
            campaign_id=[claim.extra and claim.extra.campaign.campaign_id for claim, _ in capped],
            campaign_points=[grant.campaign_points if claim.extra else None for claim, grant in capped],
        )
        writes.append(Write(INSERT_CAPPED, {"authority_id": authority_id, "now": now, **columns}))
    return writes


def transfer_of(claim: Claim, grant: Grant) -> Transfer:
    """Return the transfer that credits a deposit, with how its points came about."""
    journal_no, seq = claim.accepted.reported.identity
    return Transfer(
        claim.accepted.reported.bin.issuing_account_id,
        claim.lot_account_id,
        grant.points,
        journal_no=journal_no,
        seq=seq,
        tariff_line_id=claim.earning.line.tariff_line_id,
        withheld_points=grant.withheld_points,
        withheld_by=grant.withheld_by,
        campaign_id=claim.extra.campaign.campaign_id if claim.extra else None,
        campaign_points=grant.campaign_points if claim.extra else None,
    )
