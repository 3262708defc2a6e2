"""Rehearsing a draft: a tariff with the campaigns there were, or a campaign on top of the tariff in force."""

import datetime
from uuid import UUID

from sqlalchemy import Connection, select, text

from rewards.campaigns import Campaign, list_campaigns
from rewards.drafts.definitions import CampaignDefinition, TariffDefinition
from rewards.drafts.keeping import get_draft, note_rehearsed
from rewards.drafts.refusals import DraftEndedError
from rewards.errors import OperatorRefusedError
from rewards.rehearsal.replay import replay
from rewards.rehearsal.summary import Rehearsal, summarise
from rewards.schema.territory import Site
from rewards.tariffs import Tariff, find_tariff_in_force, list_tariffs
from rewards.territory import get_timezone

# A bounded look, however long the history: it stops at the first deposit too many.
COUNT_DEPOSITS = text("""
    SELECT count(*) FROM (
        SELECT FROM transfers
         WHERE authority_id = :authority_id AND journal_no IS NOT NULL
           AND recorded_at >= :since AND recorded_at < :until
         LIMIT :limit) AS found
""")


class RehearsalTooLargeError(OperatorRefusedError):
    """The period has more deposits than are rehearsed while somebody waits for the answer."""

    code = "rehearsal_too_large"

    def __init__(self, deposits_max: int) -> None:
        super().__init__(f"more than {deposits_max:,} deposits were credited then: ask for a shorter period")


def require_few_deposits(
    connection: Connection,
    *,
    authority_id: int,
    since: datetime.datetime,
    until: datetime.datetime,
    deposits_max: int,
) -> None:
    """Raise RehearsalTooLargeError when more deposits than so many were credited in a period."""
    values = {"authority_id": authority_id, "since": since, "until": until, "limit": deposits_max + 1}
    if int(connection.execute(COUNT_DEPOSITS, values).scalar_one()) > deposits_max:
        raise RehearsalTooLargeError(deposits_max)


def rehearse_draft(
    connection: Connection,
    draft_id: UUID,
    *,
    authority_id: int,
    since: datetime.datetime,
    until: datetime.datetime,
    now: datetime.datetime,
) -> Rehearsal:
    """Credit the deposits recorded in a period once more under a draft, and note that it was rehearsed as it is.

    A draft campaign counts as if it had run all the period, on its weekdays, at its hours and places.

    Raises:
        DraftUnknownError, DraftEndedError: there is no draft to rehearse.
        DefinitionInvalidError: the draft cannot be read any more.
    """
    draft = get_draft(connection, draft_id, authority_id=authority_id)
    if draft.state not in ("draft", "rehearsed"):
        raise DraftEndedError(draft_id, draft.state)
    definition, budget_points = draft.read(), None
    if isinstance(definition, TariffDefinition):
        tariff, campaigns = definition, list_campaigns(connection, authority_id=authority_id)
    else:
        tariff = tariff_in_force(connection, authority_id=authority_id, at=now)
        campaigns = [campaign_of(connection, definition, authority_id=authority_id, until=until)]
        budget_points = definition.budget_points
    zone = get_timezone(connection, authority_id=authority_id)
    replay(
        connection,
        tariff,
        campaigns,
        authority_id=authority_id,
        timezone=zone.key,
        since=since,
        until=until,
    )
    rehearsal = summarise(connection, authority_id=authority_id, since=since, until=until, budget_points=budget_points)
    if not note_rehearsed(connection, draft, authority_id=authority_id, now=now):
        raise DraftEndedError(draft_id, get_draft(connection, draft_id, authority_id=authority_id).state)
    return rehearsal


def tariff_in_force(connection: Connection, *, authority_id: int, at: datetime.datetime) -> TariffDefinition:
    """Return the tariff in force as a definition; one without lines while there is none."""
    found = find_tariff_in_force(list_tariffs(connection, authority_id=authority_id), at)
    found = found or Tariff(at, None, None, {})
    lines = {material: (line.basis, line.points) for material, line in found.lines.items()}
    caps = (found.day_cap_points, found.week_cap_points, found.bin_hour_cap_points)
    return TariffDefinition("in force", lines, *caps, found.welcome_points)


def campaign_of(
    connection: Connection,
    definition: CampaignDefinition,
    *,
    authority_id: int,
    until: datetime.datetime,
) -> Campaign:
    """Return a draft campaign as if it had always run until ``until``.

    Deposits recorded in the period may have occurred long before it.
    """
    site_ids = None
    if definition.sites is not None or definition.communes is not None:
        named = select(Site.site_id).where(
            Site.authority_id == authority_id,
            Site.reference.in_(definition.sites or ()) | Site.insee_code.in_(definition.communes or ()),
        )
        site_ids = frozenset(str(site_id) for site_id in connection.scalars(named))
    return Campaign(
        "draft",
        definition.name,
        datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC),
        until,
        definition.multiplier_percent,
        definition.bonus_points,
        None if definition.weekdays is None else frozenset(definition.weekdays),
        definition.from_time,
        definition.until_time,
        None if definition.materials is None else frozenset(definition.materials),
        site_ids,
        definition.is_first_deposit_only,
    )
