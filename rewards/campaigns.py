"""Campaigns: more points for a time, a place or a material. Pure functions, and reading what is published.

One campaign a deposit: the one that gives the most. So a citizen can be told in one sentence why, and two campaigns at
once never multiply into a sum nobody planned (docs/decisions/0027-one-campaign-a-deposit.md).
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.errors import OperatorRefusedError
from rewards.ids import Id


@dataclass(frozen=True, slots=True)
class Campaign:
    """A published campaign; None holds for all. Identifiers are text.

    Either ``multiplier_percent`` (200 doubles) or ``bonus_points`` a deposit. ``weekdays`` count from Monday, 1, and
    the hours of a day go from ``from_time`` until before ``until_time``, both by the authority's clock.
    ``site_ids`` are the sites named and those of the communes named.
    """

    campaign_id: Id
    name: str
    valid_from: datetime.datetime
    valid_until: datetime.datetime
    multiplier_percent: int | None
    bonus_points: int | None
    weekdays: frozenset[int] | None = None
    from_time: datetime.time | None = None
    until_time: datetime.time | None = None
    materials: frozenset[str] | None = None
    site_ids: frozenset[Id] | None = None
    is_first_deposit_only: bool = False
    has_budget: bool = False


@dataclass(frozen=True, slots=True)
class Extra:
    """What a campaign adds to the points of one deposit."""

    campaign: Campaign
    points: int


def is_running(
    campaign: Campaign, *, occurred_at: datetime.datetime, local: datetime.datetime, material: str, site_id: Id
) -> bool:
    """Tell whether a deposit falls into a campaign; ``local`` is ``occurred_at`` by the authority's clock."""
    return (
        campaign.valid_from <= occurred_at < campaign.valid_until
        and (campaign.weekdays is None or local.isoweekday() in campaign.weekdays)
        and (campaign.from_time is None or campaign.from_time <= local.time())
        and (campaign.until_time is None or local.time() < campaign.until_time)
        and (campaign.materials is None or material in campaign.materials)
        and (campaign.site_ids is None or site_id in campaign.site_ids)
    )


def extra_points(multiplier_percent: int | None, bonus_points: int | None, points: int) -> int:
    """Return what a campaign adds to the ``points`` of the tariff; rounds down, and adds nothing to nothing."""
    if not points:
        return 0
    if multiplier_percent is not None:
        return points * (multiplier_percent - 100) // 100
    return bonus_points or 0


def list_extras(
    campaigns: Iterable[Campaign],
    points: int,
    *,
    occurred_at: datetime.datetime,
    local: datetime.datetime,
    material: str,
    site_id: Id,
) -> tuple[Extra, ...]:
    """List what each campaign a deposit falls into would add, the most first; of equals the one published first."""
    extras = [
        Extra(campaign, extra_points(campaign.multiplier_percent, campaign.bonus_points, points))
        for campaign in campaigns
        if is_running(campaign, occurred_at=occurred_at, local=local, material=material, site_id=site_id)
    ]
    return tuple(
        sorted(
            (each for each in extras if each.points > 0),
            key=lambda extra: (-extra.points, str(extra.campaign.campaign_id)),
        )
    )


def choose_extra(extras: Sequence[Extra], *, is_first_deposit: bool) -> Extra | None:
    """Return the extra a citizen gets: the best they are entitled to."""
    for extra in extras:
        if is_first_deposit or not extra.campaign.is_first_deposit_only:
            return extra
    return None


# One whose budget is used up is over: the next best applies.
LIST_CAMPAIGNS = text("""
    SELECT CAST(c.campaign_id AS text) AS campaign_id, c.name, c.valid_from,
           LEAST(c.valid_until, c.stopped_at) AS valid_until, c.multiplier_percent, c.bonus_points, c.weekdays,
           c.from_time, c.until_time, c.materials, c.site_ids, c.insee_codes, c.is_first_deposit_only,
           c.budget_points IS NOT NULL AS has_budget
      FROM campaigns c
     WHERE c.authority_id = :authority_id AND (c.budget_points IS NULL OR c.used_points < c.budget_points)
     ORDER BY c.campaign_id
""")
LIST_SITES = text("""
    SELECT CAST(site_id AS text) AS site_id, insee_code FROM sites
     WHERE authority_id = :authority_id AND insee_code = ANY(CAST(:insee_codes AS text[]))
""")


def list_campaigns(connection: Connection, *, authority_id: int) -> list[Campaign]:
    """List the authority's published campaigns that can still give points, those of the past included.

    A deposit that comes late belongs to the campaign of its time.
    """
    rows = [row._asdict() for row in connection.execute(LIST_CAMPAIGNS, {"authority_id": authority_id}).all()]
    named = sorted({code for row in rows for code in row["insee_codes"] or ()})
    sites: defaultdict[str, set[Id]] = defaultdict(set)
    if named:
        for site_id, insee_code in connection.execute(LIST_SITES, {"authority_id": authority_id, "insee_codes": named}):
            sites[insee_code].add(site_id)
    campaigns = []
    for facts in rows:
        codes, site_ids = facts.pop("insee_codes"), facts.pop("site_ids")
        if codes is not None or site_ids is not None:
            site_ids = {str(each) for each in site_ids or ()}.union(*(sites[code] for code in codes or ()))
        for name in ("weekdays", "materials"):
            facts[name] = None if facts[name] is None else frozenset(facts[name])
        campaigns.append(Campaign(**facts, site_ids=None if site_ids is None else frozenset(site_ids)))
    return campaigns


class CampaignUnknownError(OperatorRefusedError):
    """The authority has no such campaign, or it is over."""

    code = "campaign_unknown"

    def __init__(self, campaign_id: UUID) -> None:
        super().__init__(f"no campaign {campaign_id} is running or to come: see bontri campaigns list")


@dataclass(frozen=True, slots=True)
class PublishedCampaign:
    """A campaign as the authority sees it; ``state`` is ``to come``, ``running``, ``used up`` or ``over``."""

    campaign_id: UUID
    name: str
    state: str
    valid_from: datetime.datetime
    valid_until: datetime.datetime
    multiplier_percent: int | None
    bonus_points: int | None
    budget_points: int | None
    used_points: int
    weekdays: list[int] | None
    from_time: datetime.time | None
    until_time: datetime.time | None
    materials: list[str] | None
    site_ids: list[UUID] | None
    insee_codes: list[str] | None
    is_first_deposit_only: bool


LIST_PUBLISHED = text("""
    SELECT campaign_id, name,
           CASE WHEN least(valid_until, stopped_at) <= :now THEN 'over'
                WHEN used_points >= budget_points THEN 'used up'
                WHEN valid_from > :now THEN 'to come' ELSE 'running' END AS state,
           valid_from, least(valid_until, stopped_at) AS valid_until, multiplier_percent, bonus_points, budget_points,
           used_points, weekdays, from_time, until_time, materials, site_ids, insee_codes, is_first_deposit_only
      FROM campaigns
     WHERE authority_id = :authority_id AND (CAST(:campaign_id AS uuid) IS NULL OR campaign_id = :campaign_id)
       AND (CAST(:after_from AS timestamptz) IS NULL
            OR (valid_from, campaign_id) < (:after_from, CAST(:after_id AS uuid)))
     ORDER BY valid_from DESC, campaign_id DESC LIMIT :limit
""")
STOP = text("""
    UPDATE campaigns SET stopped_at = :now
     WHERE authority_id = :authority_id AND campaign_id = :campaign_id AND stopped_at IS NULL AND valid_until > :now
""")


def get_published_campaign(
    connection: Connection, campaign_id: UUID, *, authority_id: int, now: datetime.datetime
) -> PublishedCampaign:
    """Return one campaign, also one that is over; raises ``CampaignUnknownError``."""
    found = list_published_campaigns(connection, authority_id=authority_id, now=now, campaign_id=campaign_id)
    if not found:
        raise CampaignUnknownError(campaign_id)
    return found[0]


def list_published_campaigns(
    connection: Connection,
    *,
    authority_id: int,
    now: datetime.datetime,
    campaign_id: UUID | None = None,
    after: tuple[datetime.datetime, UUID] | None = None,
    limit: int | None = None,
) -> list[PublishedCampaign]:
    """List the authority's campaigns, or one, the newest first, those behind the (beginning, id) of ``after``."""
    begins, after_id = after or (None, None)
    values = {"authority_id": authority_id, "now": now, "campaign_id": campaign_id, "limit": limit}
    rows = connection.execute(LIST_PUBLISHED, {**values, "after_from": begins, "after_id": after_id})
    return [PublishedCampaign(*row) for row in rows]


def stop_campaign(connection: Connection, campaign_id: UUID, *, authority_id: int, now: datetime.datetime) -> None:
    """Stop a campaign; deposits made before ``now`` keep what it added.

    Raises:
        CampaignUnknownError: there is none that runs or is to come.
    """
    values = {"authority_id": authority_id, "campaign_id": campaign_id, "now": now}
    if connection.execute(STOP, values).rowcount != 1:
        raise CampaignUnknownError(campaign_id)
