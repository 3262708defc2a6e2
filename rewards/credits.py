"""Steps three and four: what new deposits earn, within the caps, becomes transfers from the bin to the citizen's lot.

A deposit is credited from the bin's own issuing account: no row that all writers want, and points per bin for free.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.acceptance import AcceptedEvent, Earning
from rewards.arrays import Columns
from rewards.badges import Holder, find_holders
from rewards.caps import CapPeriod, Demand, give_back, grant_within_caps
from rewards.ledger import Transfer, plan_transfers
from rewards.lots import lot_month_of, open_lots
from rewards.memory import Recollection
from rewards.pipelining import Write
from rewards.rules import AuthorityRules


@dataclass(slots=True)
class Claim:
    """A deposit that earns points for somebody; ``lot_account_id`` is where they go."""

    accepted: AcceptedEvent
    earning: Earning
    lot_account_id: str
    periods: tuple[CapPeriod, ...]


CAPPED = Columns(
    journal_no="integer", seq="bigint", account_id="uuid", tariff_line_id="uuid", withheld_points="integer"
)
INSERT_CAPPED = text(f"""
    INSERT INTO capped_deposits (authority_id, recorded_at, {CAPPED.names})
    SELECT :authority_id, :now, t.* FROM {CAPPED.unnest("t")}
""")


def list_claims(
    connection: Connection,
    deposits: Iterable[AcceptedEvent],
    recollection: Recollection,
    *,
    rules: AuthorityRules,
    now: datetime.datetime,
) -> list[Claim]:
    """List the deposits that earn something for a known holder, in the order given; opens the lots they need."""
    earning = [
        (each, each.reported.badge_digest, each.earning)
        for each in deposits
        if each.earning and each.earning.points and each.reported.badge_digest is not None
    ]
    learn_holders(connection, {digest for _, digest, _ in earning}, recollection, rules=rules, now=now)
    claims = []
    for each, digest, earned in earning:
        holder = recollection.find_holder(digest)
        if holder is not None and holder.lot_account_id is not None:
            claims.append(Claim(each, earned, holder.lot_account_id, cap_periods(holder, earned, each.day)))
    return claims


def learn_holders(
    connection: Connection,
    digests: set[bytes],
    recollection: Recollection,
    *,
    rules: AuthorityRules,
    now: datetime.datetime,
) -> None:
    """Look up the holders that are not remembered, and open a lot of the month for those that have none."""
    lot_month = lot_month_of(now.astimezone(rules.timezone).date())
    # Not the difference of two sets, which walks through the larger: 5 ms with 50,000 remembered.
    unknown = {digest for digest in digests if digest not in recollection.holders}
    holders = find_holders(connection, unknown, authority_id=rules.authority_id, lot_month=lot_month)
    without = list(dict.fromkeys(holder.wallet_id for holder in holders.values() if holder.lot_account_id is None))
    lots = open_lots(
        connection,
        without,
        authority_id=rules.authority_id,
        lot_month=lot_month,
        valid_months=rules.points_valid_months,
        now=now,
    )
    for holder in holders.values():
        holder.lot_account_id = holder.lot_account_id or lots[holder.wallet_id]
    recollection.learned_holders.update(holders)


def cap_periods(holder: Holder, earning: Earning, day: datetime.date) -> tuple[CapPeriod, ...]:
    """Return the capped periods a deposit falls into, the shortest first."""
    periods: list[CapPeriod] = []
    if earning.tariff.day_cap_points is not None:
        periods.append((holder.citizen_id, "day", day))
    if earning.tariff.week_cap_points is not None:
        periods.append((holder.citizen_id, "week", day - datetime.timedelta(days=day.weekday())))
    return tuple(periods)


def grant_claims(connection: Connection, claims: Sequence[Claim], *, authority_id: int) -> list[int]:
    """Return the points granted to each claim; claims under other caps are granted after those of the first.

    One statement counts one cap per period: where the tariff changed within a week, each deposit is held to the caps
    of its own time.
    """
    numbers_by_caps: defaultdict[tuple[int | None, int | None], list[int]] = defaultdict(list)
    for number, claim in enumerate(claims):
        numbers_by_caps[claim.earning.tariff.day_cap_points, claim.earning.tariff.week_cap_points].append(number)
    granted = [0] * len(claims)
    for numbers in numbers_by_caps.values():
        alike = [claims[number] for number in numbers]
        for number, points in zip(numbers, grant_alike(connection, alike, authority_id=authority_id), strict=True):
            granted[number] = points
    return granted


def grant_alike(connection: Connection, claims: Sequence[Claim], *, authority_id: int) -> list[int]:
    """Grant claims under the same caps, first by day, then by week; a week's refusal frees the day again."""
    granted = [claim.earning.points for claim in claims]
    by_day = grant_period(connection, claims, granted, "day", authority_id=authority_id)
    by_week = grant_period(connection, claims, by_day, "week", authority_id=authority_id)
    freed: defaultdict[CapPeriod, int] = defaultdict(int)
    for claim, day_points, week_points in zip(claims, by_day, by_week, strict=True):
        for period in claim.periods:
            if period[1] == "day" and day_points > week_points:
                freed[period] += day_points - week_points
    give_back(connection, freed, authority_id=authority_id)
    return by_week


def grant_period(
    connection: Connection, claims: Sequence[Claim], wanted: Sequence[int], kind: str, *, authority_id: int
) -> list[int]:
    """Return what one kind of cap leaves of the ``wanted`` points, serving earlier claims first.

    All claims are under the same caps.
    """
    if not any(period[1] == kind for period in claims[0].periods):
        return list(wanted)
    demands: dict[CapPeriod, Demand] = {}
    for claim, points in zip(claims, wanted, strict=True):
        for period in claim.periods:
            if period[1] == kind and points:
                tariff = claim.earning.tariff
                cap = tariff.day_cap_points if kind == "day" else tariff.week_cap_points
                so_far = demands[period].points if period in demands else 0
                # More than the cap is never granted, and the sum of a large batch would not fit the column.
                demands[period] = Demand(min(so_far + points, cap or 0), cap or 0)
    left = grant_within_caps(connection, demands, authority_id=authority_id)
    granted = []
    for claim, points in zip(claims, wanted, strict=True):
        share = points
        for period in claim.periods:
            if period[1] == kind:
                share = min(points, left.get(period, 0))
                left[period] = left.get(period, 0) - share
        granted.append(share)
    return granted


def plan_credits(
    claims: Sequence[Claim], granted: Sequence[int], *, authority_id: int, now: datetime.datetime
) -> list[Write]:
    """Return the writes that credit ``claims`` with what each was granted.

    What was held back whole becomes a row of its own, so that the citizen can read why.
    """
    transfers = [transfer_of(claim, points) for claim, points in zip(claims, granted, strict=True) if points]
    capped = [claim for claim, points in zip(claims, granted, strict=True) if not points]
    writes = plan_transfers(transfers, authority_id=authority_id, now=now)
    if capped:
        columns = CAPPED.bind(
            journal_no=[claim.accepted.reported.identity[0] for claim in capped],
            seq=[claim.accepted.reported.identity[1] for claim in capped],
            account_id=[claim.lot_account_id for claim in capped],
            tariff_line_id=[claim.earning.line.tariff_line_id for claim in capped],
            withheld_points=[claim.earning.points for claim in capped],
        )
        writes.append(Write(INSERT_CAPPED, {"authority_id": authority_id, "now": now, **columns}))
    return writes


def transfer_of(claim: Claim, points: int) -> Transfer:
    """Return the transfer that credits a deposit, with how its points came about."""
    journal_no, seq = claim.accepted.reported.identity
    return Transfer(
        claim.accepted.reported.bin.issuing_account_id,
        claim.lot_account_id,
        points,
        journal_no=journal_no,
        seq=seq,
        tariff_line_id=claim.earning.line.tariff_line_id,
        withheld_points=claim.earning.points - points,
    )
