"""What a replay comes to: cost, spread over wallets, communes and materials, and the effect of caps."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

TOTALS = text("""
    SELECT count(*) AS deposits, count(DISTINCT wallet_id) AS wallets,
           coalesce(sum(actual_points), 0) AS actual_points, coalesce(sum(points), 0) AS points,
           coalesce(sum(campaign_points), 0) AS campaign_points,
           coalesce(sum(withheld_by_bin_hour), 0) AS withheld_by_bin_hour,
           coalesce(sum(withheld_by_day), 0) AS withheld_by_day,
           coalesce(sum(withheld_by_week), 0) AS withheld_by_week
      FROM replayed WHERE authority_id = :authority_id
""")
WALLETS = text("""
    WITH wallets AS (SELECT wallet_id, sum(actual_points) AS actual, sum(points) AS points,
                            sum(withheld_by_bin_hour + withheld_by_day + withheld_by_week) AS withheld
                       FROM replayed WHERE authority_id = :authority_id GROUP BY wallet_id)
    SELECT count(*) FILTER (WHERE points > actual) AS winners, count(*) FILTER (WHERE points < actual) AS losers,
           count(*) FILTER (WHERE withheld > 0) AS capped,
           percentile_disc(ARRAY[0.1, 0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY actual) || max(actual) AS actual,
           percentile_disc(ARRAY[0.1, 0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY points) || max(points) AS points
      FROM wallets
""")
COMMUNES = text("""
    SELECT r.insee_code, c.name, count(*) AS deposits, sum(r.actual_points) AS actual_points, sum(r.points) AS points,
           count(DISTINCT r.wallet_id) AS wallets
      FROM replayed r JOIN communes c ON c.authority_id = r.authority_id AND c.insee_code = r.insee_code
     WHERE r.authority_id = :authority_id
     GROUP BY r.insee_code, c.name ORDER BY sum(r.points) - sum(r.actual_points), c.name
""")
MATERIALS = text("""
    SELECT material, count(*) AS deposits, sum(actual_points) AS actual_points, sum(points) AS points
      FROM replayed WHERE authority_id = :authority_id GROUP BY material ORDER BY material
""")
# What an offer pays a shop for a point, over all that are published.
CENTS_A_POINT = text("""
    SELECT CAST(sum(value_cents) AS double precision) / nullif(sum(price_points), 0) FROM offers
     WHERE authority_id = :authority_id AND state = 'published'
""")
BUDGET_USED_UP = text("""
    SELECT min(recorded_at) FROM (SELECT recorded_at, sum(greatest(0, campaign_points - withheld_by_bin_hour
                                                                    - withheld_by_day - withheld_by_week))
                                             OVER (ORDER BY recorded_at, journal_no, seq) AS spent
                                    FROM replayed WHERE authority_id = :authority_id) AS s
     WHERE spent >= :budget_points
""")


@dataclass(frozen=True, slots=True)
class Spread:
    """Points of a wallet in the period: those of which a tenth, half, nine tenths and 99 % of wallets have no more."""

    p10: int
    p50: int
    p90: int
    p99: int
    most: int


@dataclass(frozen=True, slots=True)
class CommuneEffect:
    """What changes at the bins of a commune."""

    insee_code: str
    name: str
    deposits: int
    actual_points: int
    points: int
    wallets: int


@dataclass(frozen=True, slots=True)
class MaterialEffect:
    """What changes for a material."""

    material: str
    deposits: int
    actual_points: int
    points: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A draft on past deposits, beside what they were credited.

    ``cents_a_point`` is what published offers pay for a point, None while there are none; costs in cents follow from
    it. ``winners``, ``losers`` and ``capped`` count wallets. ``communes`` are listed from the greatest loss to the
    greatest gain. ``budget_used_up_at``: when a campaign's budget would have been spent, None if not.
    """

    since: datetime.datetime
    until: datetime.datetime
    deposits: int
    wallets: int
    actual_points: int
    points: int
    campaign_points: int
    cents_a_point: float | None
    withheld_by_bin_hour: int
    withheld_by_day: int
    withheld_by_week: int
    winners: int
    losers: int
    capped: int
    actual_spread: Spread | None
    spread: Spread | None
    communes: Sequence[CommuneEffect]
    materials: Sequence[MaterialEffect]
    budget_used_up_at: datetime.datetime | None

    def cost_cents(self, points: int) -> int | None:
        """Return what ``points`` cost when they are spent."""
        return None if self.cents_a_point is None else round(points * self.cents_a_point)


def summarise(
    connection: Connection,
    *,
    authority_id: int,
    since: datetime.datetime,
    until: datetime.datetime,
    budget_points: int | None,
) -> Rehearsal:
    """Sum up the table ``replayed`` of this transaction."""
    tenant = {"authority_id": authority_id}
    totals = {name: int(value) for name, value in connection.execute(TOTALS, tenant).mappings().one().items()}
    wallets = connection.execute(WALLETS, tenant).one()
    used_up = None
    if budget_points is not None:
        used_up = connection.scalar(BUDGET_USED_UP, {**tenant, "budget_points": budget_points})
    return Rehearsal(
        since,
        until,
        **totals,
        cents_a_point=connection.scalar(CENTS_A_POINT, tenant),
        winners=wallets.winners,
        losers=wallets.losers,
        capped=wallets.capped,
        actual_spread=spread_of(wallets.actual),
        spread=spread_of(wallets.points),
        communes=[CommuneEffect(*whole(row)) for row in connection.execute(COMMUNES, tenant)],
        materials=[MaterialEffect(*whole(row)) for row in connection.execute(MATERIALS, tenant)],
        budget_used_up_at=used_up,
    )


def spread_of(quantiles: Sequence[Any] | None) -> Spread | None:
    """Return a spread; None when there was no wallet."""
    return Spread(*(int(each) for each in quantiles)) if quantiles and quantiles[0] is not None else None


def whole(row: Row[*tuple[Any, ...]]) -> list[Any]:
    """Return a row with its sums as whole numbers."""
    return [each if isinstance(each, str) else int(each) for each in row]
