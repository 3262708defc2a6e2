"""Publishing a draft: one guarded update, then rows that nobody may change.

A tariff supersedes the one before it from its ``valid_from`` on; deposits of earlier days keep theirs.
"""

import datetime
from uuid import UUID

from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import IntegrityError

from rewards.drafts.definitions import CampaignDefinition, TariffDefinition
from rewards.drafts.keeping import check_definition, get_draft
from rewards.drafts.refusals import (
    CampaignInThePastError,
    DraftEndedError,
    DraftNotRehearsedError,
    TariffInThePastError,
    TariffOverlapError,
)
from rewards.errors import violates
from rewards.ids import new_id
from rewards.schema.tariffs import Campaign
from rewards.schema.territory import Site
from rewards.tariffs import add_tariff
from rewards.territory import get_timezone

PUBLISH = text("""
    UPDATE drafts SET state = 'published', published_by = :published_by, published_at = :now
     WHERE authority_id = :authority_id AND draft_id = :draft_id AND state = 'rehearsed'
    RETURNING kind, definition
""")
NOTE_PUBLISHED = text("""
    UPDATE drafts SET published_id = :published_id WHERE authority_id = :authority_id AND draft_id = :draft_id
""")


def publish_draft(
    connection: Connection,
    draft_id: UUID,
    *,
    authority_id: int,
    published_by: str,
    now: datetime.datetime,
    valid_from: datetime.datetime | None = None,
) -> UUID:
    """Publish a rehearsed draft; return the id of the tariff or campaign. A tariff needs ``valid_from``, to come.

    Workers know it within a second, bins with displays as soon as they are told.

    Raises:
        DraftUnknownError, DraftEndedError, DraftNotRehearsedError: it is not ready.
        TariffInThePastError, TariffOverlapError, CampaignInThePastError: its time is not free.
        DefinitionInvalidError, TariffGapError: the authority's materials, sites or communes have changed since.
    """
    tenant = {"authority_id": authority_id, "draft_id": draft_id}
    row = connection.execute(PUBLISH, {**tenant, "published_by": published_by, "now": now}).one_or_none()
    if row is None:
        state = get_draft(connection, draft_id, authority_id=authority_id).state
        raise DraftNotRehearsedError(draft_id) if state == "draft" else DraftEndedError(draft_id, state)
    read = check_definition(connection, row.kind, row.definition, authority_id=authority_id)
    if isinstance(read, TariffDefinition):
        if valid_from is None:
            raise ValueError("a tariff needs the instant it comes into force")
        published_id = publish_tariff(connection, read, authority_id=authority_id, valid_from=valid_from, now=now)
    else:
        published_id = publish_campaign(connection, read, authority_id=authority_id, now=now)
    connection.execute(NOTE_PUBLISHED, {**tenant, "published_id": published_id})
    return published_id


def publish_tariff(
    connection: Connection,
    tariff: TariffDefinition,
    *,
    authority_id: int,
    valid_from: datetime.datetime,
    now: datetime.datetime,
) -> UUID:
    """Write a tariff in force from an instant to come."""
    if valid_from <= now:
        raise TariffInThePastError(valid_from)
    try:
        return add_tariff(
            connection,
            authority_id=authority_id,
            name=tariff.name,
            valid_from=valid_from,
            lines=tariff.lines,
            day_cap_points=tariff.day_cap_points,
            week_cap_points=tariff.week_cap_points,
            bin_hour_cap_points=tariff.bin_hour_cap_points,
            welcome_points=tariff.welcome_points,
        )
    except IntegrityError as error:
        if violates(error, "uq_tariffs_authority_id_valid_from"):
            raise TariffOverlapError(valid_from) from error
        raise


def publish_campaign(
    connection: Connection, campaign: CampaignDefinition, *, authority_id: int, now: datetime.datetime
) -> UUID:
    """Write a campaign; its local times become instants of the authority's time zone."""
    timezone = get_timezone(connection, authority_id=authority_id)
    valid_from = campaign.valid_from.replace(tzinfo=timezone)
    if valid_from <= now:
        raise CampaignInThePastError(valid_from)
    site_ids = None
    if campaign.sites is not None:
        named = select(Site.site_id).where(Site.authority_id == authority_id, Site.reference.in_(campaign.sites))
        site_ids = list(connection.scalars(named))
    campaign_id = new_id()
    connection.execute(
        insert(Campaign).values(
            authority_id=authority_id,
            campaign_id=campaign_id,
            name=campaign.name,
            valid_from=valid_from,
            valid_until=campaign.valid_until.replace(tzinfo=timezone),
            multiplier_percent=campaign.multiplier_percent,
            bonus_points=campaign.bonus_points,
            weekdays=campaign.weekdays,
            from_time=campaign.from_time,
            until_time=campaign.until_time,
            materials=campaign.materials,
            site_ids=site_ids,
            insee_codes=campaign.communes,
            is_first_deposit_only=campaign.is_first_deposit_only,
            budget_points=campaign.budget_points,
        )
    )
    return campaign_id
