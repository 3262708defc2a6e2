"""What of a claim is granted: the extra of a campaign as long as its budget lasts, and all within the caps."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from rewards.budgets import give_back_to_budgets, spend_budgets
from rewards.caps import CapPeriod, Demand, give_back, grant_within_caps
from rewards.claims import Claim
from rewards.ids import Id
from rewards.tariffs import Tariff

CAP_KINDS = ("bin_hour", "day", "week")
"""In the order in which they are granted. What the week refuses frees the day again; a bin's hour counts what was asked
of the bin, whatever became of it: else what it freed would have to be offered to those the others refused before.
"""

Caps = tuple[int | None, int | None, int | None]


@dataclass(slots=True)
class Grant:
    """What one claim is granted: ``points`` in all.

    ``campaign_points`` of them, before caps, come from the claim's campaign; ``withheld_points`` were held back by the
    caps ``withheld_by``, as "day+week". What caps hold back is taken off the campaign's points first.
    """

    points: int
    campaign_points: int = 0
    withheld_points: int = 0
    withheld_by: str | None = None

    @property
    def spent_points(self) -> int:
        """What the campaign's budget has paid for."""
        return max(0, self.campaign_points - self.withheld_points)


def caps_of(tariff: Tariff) -> Caps:
    """Return the caps of a tariff, in the order of ``CAP_KINDS``."""
    return tariff.bin_hour_cap_points, tariff.day_cap_points, tariff.week_cap_points


def list_wanted(claims: Sequence[Claim]) -> list[Grant]:
    """List what claims would be granted without budgets and caps."""
    return [
        Grant(claim.earning.points + claim.extra.points, claim.extra.points)
        if claim.extra
        else Grant(claim.earning.points)
        for claim in claims
    ]


def grant_claims(connection: Connection, claims: Sequence[Claim], *, authority_id: int) -> list[Grant]:
    """Grant claims, earlier ones first; claims under other caps are granted after those of the first.

    One statement counts one cap per period: where the tariff changed within a week, each deposit is held to the caps
    of its own time.
    """
    grants = list_wanted(claims)
    budgeted = [
        (claim.extra.campaign.campaign_id, grant)
        for claim, grant in zip(claims, grants, strict=True)
        if claim.extra and claim.extra.campaign.has_budget
    ]
    take_from_budgets(connection, budgeted, authority_id=authority_id)
    numbers_by_caps: defaultdict[Caps, list[int]] = defaultdict(list)
    for number, claim in enumerate(claims):
        numbers_by_caps[caps_of(claim.earning.tariff)].append(number)
    for caps, numbers in numbers_by_caps.items():
        if any(cap is not None for cap in caps):
            alike = [claims[number] for number in numbers]
            cap_alike(connection, alike, [grants[number] for number in numbers], caps, authority_id=authority_id)
    free_budgets(connection, budgeted, authority_id=authority_id)
    return grants


def take_from_budgets(connection: Connection, budgeted: Sequence[tuple[Id, Grant]], *, authority_id: int) -> None:
    """Reduce the campaigns' points of grants to what budgets have left, serving earlier ones first."""
    wanted: defaultdict[Id, int] = defaultdict(int)
    for campaign_id, grant in budgeted:
        wanted[campaign_id] += grant.campaign_points
    left = spend_budgets(connection, wanted, authority_id=authority_id)
    for campaign_id, grant in budgeted:
        points = min(grant.campaign_points, left.get(campaign_id, 0))
        left[campaign_id] = left.get(campaign_id, 0) - points
        grant.points -= grant.campaign_points - points
        grant.campaign_points = points


def free_budgets(connection: Connection, budgeted: Sequence[tuple[Id, Grant]], *, authority_id: int) -> None:
    """Give budgets back what caps held back of their campaigns' points."""
    freed: defaultdict[Id, int] = defaultdict(int)
    for campaign_id, grant in budgeted:
        if unspent := grant.campaign_points - grant.spent_points:
            freed[campaign_id] += unspent
    give_back_to_budgets(connection, freed, authority_id=authority_id)


def cap_alike(
    connection: Connection, claims: Sequence[Claim], grants: Sequence[Grant], caps: Caps, *, authority_id: int
) -> None:
    """Hold grants under the same caps to them.

    What each period lets through is asked for one kind of cap after the other, for all claims at once. Where that is
    less than was asked, the claims are served in their order, and what the week refused is given back to the day.
    """
    kinds = [(kind, cap) for kind, cap in zip(CAP_KINDS, caps, strict=True) if cap is not None]
    points = [grant.points for grant in grants]
    lefts: dict[CapPeriod, int] = {}
    is_less = False
    for kind, cap in kinds:
        granted = ask_period(connection, claims, points, kind, cap, authority_id=authority_id)
        lefts |= granted
        # No period lets through more than was asked of it: the same in all is the same in each.
        if sum(granted.values()) != sum(points):
            is_less = True
            if kind != kinds[-1][0]:
                points = share_out(claims, points, kind, granted)
    if not is_less:
        return
    for claim, grant in zip(claims, grants, strict=True):
        serve(claim, grant, [kind for kind, _ in kinds], lefts)
    unused = {period: left for period, left in lefts.items() if left and period[1] == "day"}
    give_back(connection, unused, authority_id=authority_id)


def serve(claim: Claim, grant: Grant, kinds: Sequence[str], lefts: dict[CapPeriod, int]) -> None:
    """Take what a claim is granted out of what its periods have left, and note which caps held the rest back."""
    asked, points, withheld_by = grant.points, grant.points, []
    periods = [claim.periods[kind] for kind in kinds]
    for kind, period in zip(kinds, periods, strict=True):
        left = lefts.get(period, 0)
        if points > left:
            withheld_by.append(kind)
            points = left
        if kind == "bin_hour":
            lefts[period] = left - points
    for kind, period in zip(kinds, periods, strict=True):
        if points and kind != "bin_hour":
            lefts[period] -= points
    grant.points, grant.withheld_points = points, asked - points
    grant.withheld_by = "+".join(withheld_by) or None


def ask_period(
    connection: Connection, claims: Sequence[Claim], wanted: Sequence[int], kind: str, cap: int, *, authority_id: int
) -> dict[CapPeriod, int]:
    """Ask a kind of cap for the ``wanted`` points of all claims; return what each period lets through."""
    demands: dict[CapPeriod, Demand] = {}
    for claim, points in zip(claims, wanted, strict=True):
        if points:
            period = claim.periods[kind]
            so_far = demands[period].points if period in demands else 0
            # More than the cap is never granted, and the sum of a large batch would not fit the column.
            demands[period] = Demand(min(so_far + points, cap), cap)
    return grant_within_caps(connection, demands, authority_id=authority_id)


def share_out(claims: Sequence[Claim], wanted: Sequence[int], kind: str, granted: dict[CapPeriod, int]) -> list[int]:
    """Return what each claim would get of what its period lets through, in their order."""
    left, shares = dict(granted), []
    for claim, points in zip(claims, wanted, strict=True):
        period = claim.periods[kind]
        share = min(points, left.get(period, 0))
        if share:
            left[period] -= share
        shares.append(share)
    return shares
