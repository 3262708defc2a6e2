"""What an authority decided, as far as recording its events needs it, read in one go."""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from rewards.campaigns import Campaign, list_campaigns
from rewards.ledger import find_authority_account
from rewards.schema.territory import Authority, Material
from rewards.suspicion import NO_REVIEWS, ReviewRules
from rewards.tariffs import Tariff, list_tariffs


@dataclass(frozen=True, slots=True)
class AuthorityRules:
    """The rules of one authority; ``tariffs`` by ``valid_from``, oldest first.

    ``bonus_account_id`` is where welcomes are paid from.
    """

    authority_id: int
    slug: str
    timezone: ZoneInfo
    epoch: int
    fleet_version: int
    holders_version: int
    points_valid_months: int
    materials: frozenset[str]
    tariffs: list[Tariff]
    campaigns: list[Campaign] = field(default_factory=list)
    bonus_account_id: str | None = None
    reviews: ReviewRules = NO_REVIEWS


def find_rules(connection: Connection, slug: str) -> AuthorityRules | None:
    """Find the rules of the authority a slug names."""
    authority = connection.execute(
        select(
            Authority.authority_id,
            Authority.slug,
            Authority.timezone,
            Authority.epoch,
            Authority.fleet_version,
            Authority.holders_version,
            Authority.points_valid_months,
            Authority.review_over_items,
            Authority.review_over_mass_g,
            Authority.reviews_doubtful_clocks,
        ).where(Authority.slug == slug)
    ).one_or_none()
    if authority is None:
        return None
    materials = connection.scalars(select(Material.material).where(Material.authority_id == authority.authority_id))
    return AuthorityRules(
        authority.authority_id,
        authority.slug,
        ZoneInfo(authority.timezone),
        authority.epoch,
        authority.fleet_version,
        authority.holders_version,
        authority.points_valid_months,
        frozenset(materials),
        list_tariffs(connection, authority_id=authority.authority_id),
        list_campaigns(connection, authority_id=authority.authority_id),
        find_authority_account(connection, "bonus", authority_id=authority.authority_id),
        ReviewRules(authority.review_over_items, authority.review_over_mass_g, authority.reviews_doubtful_clocks),
    )
