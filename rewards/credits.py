"""Steps three and four: what new deposits earn, within the caps, becomes transfers from the bin to the citizen's lot.

A deposit is credited from the bin's own issuing account: no row that all writers want, and points per bin for free.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.acceptance import AcceptedEvent, Earning
from rewards.arrays import Columns
from rewards.badges import Holder, find_holders
from rewards.caps import CapPeriod, Demand, give_back, grant_within_caps
from rewards.events import Identity
from rewards.ledger import Transfer, record_transfers
from rewards.lots import open_lots
from rewards.rules import AuthorityRules


@dataclass(slots=True)
class Credit:
    """What a deposit was granted, and what the caps held back."""

    points: int
    withheld_points: int


@dataclass(slots=True)
class Claim:
    """A deposit that earns points for somebody."""

    accepted: AcceptedEvent
    earning: Earning
    holder: Holder
    periods: tuple[CapPeriod, ...]


CAPPED = Columns(
    journal_no="integer", seq="bigint", account_id="uuid", tariff_line_id="uuid", withheld_points="integer"
)
INSERT_CAPPED = text(f"""
    INSERT INTO capped_deposits (authority_id, recorded_at, {CAPPED.names})
    SELECT :authority_id, :now, t.* FROM {CAPPED.unnest("t")}
""")


def credit_deposits(
    connection: Connection, deposits: Iterable[AcceptedEvent], *, rules: AuthorityRules, now: datetime.datetime
) -> dict[Identity, Credit]:
    """Credit new deposits; return the credit of each whose badge is known and which earned anything.

    Deposits are served in the order given: the first of a day are those the cap still lets through. Needs the
    transaction in which the deposits were inserted, which makes one credit per deposit.
    """
    claims = list_claims(connection, deposits, rules=rules)
    if not claims:
        return {}
    granted = grant_claims(connection, claims, authority_id=rules.authority_id)
    lots = open_lots(
        connection,
        list(dict.fromkeys(claim.holder.wallet_id for claim in claims)),
        authority_id=rules.authority_id,
        day=now.astimezone(rules.timezone).date(),
        valid_months=rules.points_valid_months,
        now=now,
    )
    transfers, capped = [], []
    for claim, points in zip(claims, granted, strict=True):
        if points:
            transfers.append(transfer_of(claim, points, lots[claim.holder.wallet_id]))
        else:
            capped.append((claim, lots[claim.holder.wallet_id]))
    record_transfers(connection, transfers, authority_id=rules.authority_id, now=now)
    insert_capped(connection, capped, authority_id=rules.authority_id, now=now)
    return {
        claim.accepted.event.identity: Credit(points, claim.earning.points - points)
        for claim, points in zip(claims, granted, strict=True)
    }


def list_claims(connection: Connection, deposits: Iterable[AcceptedEvent], *, rules: AuthorityRules) -> list[Claim]:
    """List the deposits that earn something for a known holder, in the order given."""
    earning = [each for each in deposits if each.badge_digest is not None and each.earning and each.earning.points]
    holders = find_holders(
        connection, {each.badge_digest for each in earning if each.badge_digest}, authority_id=rules.authority_id
    )
    claims = []
    for each in earning:
        holder = holders.get(each.badge_digest or b"")
        if holder is not None and each.earning is not None:
            day = each.event.occurred_at.astimezone(rules.timezone).date()
            claims.append(Claim(each, each.earning, holder, cap_periods(holder, each.earning, day)))
    return claims


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
    """Return what one kind of cap leaves of the ``wanted`` points, serving earlier claims first."""
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


def transfer_of(claim: Claim, points: int, lot_account_id: UUID) -> Transfer:
    """Return the transfer that credits a deposit, with how its points came about."""
    return Transfer(
        claim.accepted.bin.issuing_account_id,
        lot_account_id,
        points,
        journal_no=claim.accepted.event.journal_no,
        seq=claim.accepted.event.seq,
        tariff_line_id=claim.earning.line.tariff_line_id,
        withheld_points=claim.earning.points - points,
    )


def insert_capped(
    connection: Connection, capped: Sequence[tuple[Claim, UUID]], *, authority_id: int, now: datetime.datetime
) -> None:
    """Store deposits whose points were held back whole, so that the citizen can read why."""
    if not capped:
        return
    columns = CAPPED.bind(
        journal_no=[claim.accepted.event.journal_no for claim, _ in capped],
        seq=[claim.accepted.event.seq for claim, _ in capped],
        account_id=[account_id for _, account_id in capped],
        tariff_line_id=[claim.earning.line.tariff_line_id for claim, _ in capped],
        withheld_points=[claim.earning.points for claim, _ in capped],
    )
    connection.execute(INSERT_CAPPED, {"authority_id": authority_id, "now": now, **columns})
