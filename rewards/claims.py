"""Who earns what by new deposits, before budgets and caps: the holder of the badge, the lot, the campaign that applies.

What hardly ever changes is remembered between batches (``rewards/memory.py``).
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from rewards.acceptance import AcceptedEvent, Earning
from rewards.badges import Holder, find_holders, note_first_credits, renew_badges
from rewards.campaigns import Extra, choose_extra
from rewards.caps import CapPeriod
from rewards.keyring import FormerBadge
from rewards.lots import lot_month_of, open_lots
from rewards.memory import Recollection
from rewards.rules import AuthorityRules


@dataclass(slots=True)
class Claim:
    """A deposit that earns points for somebody; ``lot_account_id`` is where they go.

    ``is_first`` marks the first deposit that ever earns its citizen something.
    """

    accepted: AcceptedEvent
    earning: Earning
    lot_account_id: str
    periods: dict[str, CapPeriod]
    extra: Extra | None = None
    is_first: bool = False


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
    # All of a process have one, or none.
    is_rotating = bool(earning) and earning[0][0].reported.former_badge is not None
    former = {digest: each.reported.former_badge for each, digest, _ in earning} if is_rotating else {}
    learn_holders(connection, {digest for _, digest, _ in earning}, former, recollection, rules=rules, now=now)
    claims: list[Claim] = []
    newcomers: dict[str, tuple[Claim, bytes, Holder]] = {}
    for each, digest, earned in earning:
        holder = recollection.find_holder(digest)
        if holder is not None and holder.lot_account_id is not None:
            claim = Claim(each, earned, holder.lot_account_id, cap_periods(holder, each, earned))
            if holder.is_new:
                newcomers.setdefault(holder.citizen_id, (claim, digest, holder))
            if earned.extras:
                claim.extra = choose_extra(earned.extras, is_first_deposit=False)
            claims.append(claim)
    if newcomers:
        mark_first_deposits(connection, newcomers, recollection, rules=rules, now=now)
    return claims


def mark_first_deposits(
    connection: Connection,
    newcomers: dict[str, tuple[Claim, bytes, Holder]],
    recollection: Recollection,
    *,
    rules: AuthorityRules,
    now: datetime.datetime,
) -> None:
    """Mark the claims that are the first of their citizens: the database decides, once for ever."""
    today = now.astimezone(rules.timezone).date()
    firsts = note_first_credits(connection, newcomers, authority_id=rules.authority_id, day=today)
    for citizen_id, (claim, digest, holder) in newcomers.items():
        recollection.learned_holders[digest] = Holder(citizen_id, holder.wallet_id, holder.lot_account_id)
        if citizen_id in firsts:
            claim.is_first = True
            claim.extra = choose_extra(claim.earning.extras, is_first_deposit=True)


def learn_holders(
    connection: Connection,
    digests: set[bytes],
    former: Mapping[bytes, FormerBadge | None],
    recollection: Recollection,
    *,
    rules: AuthorityRules,
    now: datetime.datetime,
) -> None:
    """Look up the holders that are not remembered, and open a lot of the month for those that have none.

    ``former`` is empty unless the pepper is rotated: what is found under the old one is stored under the other.
    """
    lot_month = lot_month_of(now.astimezone(rules.timezone).date())
    # Not the difference of two sets, which walks through the larger: 5 ms with 50,000 remembered.
    unknown = {digest for digest in digests if digest not in recollection.holders}
    holders = find_holders(connection, unknown, authority_id=rules.authority_id, lot_month=lot_month)
    missing = {digest: badge for digest, badge in former.items() if badge and digest in unknown - holders.keys()}
    if renew_badges(connection, missing, authority_id=rules.authority_id):
        holders |= find_holders(connection, missing, authority_id=rules.authority_id, lot_month=lot_month)
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


def cap_periods(holder: Holder, accepted: AcceptedEvent, earning: Earning) -> dict[str, CapPeriod]:
    """Return the capped periods a deposit falls into, by the kind of cap."""
    tariff, day = earning.tariff, accepted.day
    periods: dict[str, CapPeriod] = {}
    if tariff.day_cap_points is not None:
        periods["day"] = (holder.citizen_id, "day", day)
    if tariff.week_cap_points is not None:
        periods["week"] = (holder.citizen_id, "week", day - datetime.timedelta(days=day.weekday()))
    if tariff.bin_hour_cap_points is not None:
        hour = accepted.occurred_at.replace(minute=0, second=0, microsecond=0)
        periods["bin_hour"] = (accepted.reported.bin.bin_id, "bin_hour", hour)
    return periods
