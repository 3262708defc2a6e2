"""Tariffs and campaigns: what is published, and the drafts on their way there. For admins."""

import datetime
from dataclasses import asdict
from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import name_of, tenant_of
from partners_api.authorities.tariff_schemas import (
    DefinitionSchema,
    DraftSchema,
    PublicationSchema,
    PublishedCampaignSchema,
    PublishedTariffSchema,
    RehearsalOrderSchema,
    RehearsalSchema,
)
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Boolean
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.campaigns import (
    CampaignUnknownError,
    PublishedCampaign,
    get_published_campaign,
    list_published_campaigns,
    stop_campaign,
)
from rewards.drafts import (
    CampaignInThePastError,
    DefinitionInvalidError,
    Draft,
    DraftEndedError,
    DraftNotRehearsedError,
    DraftUnknownError,
    TariffGapError,
    TariffInThePastError,
    TariffOverlapError,
    change_draft,
    create_draft,
    discard_draft,
    get_draft,
    list_drafts,
    publish_draft,
)
from rewards.rehearsal import Rehearsal, RehearsalTooLargeError, rehearse_draft, require_few_deposits
from rewards.schema.drafts import DRAFT_KINDS
from rewards.tariffs import PublishedTariff, TariffUnknownError, get_published_tariff, list_published_tariffs

REHEARSED_MAX = 100_000
"""Deposits rehearsed while somebody waits; more are for ``bontri tariffs rehearse``."""

OF_DEFINITIONS = (DefinitionInvalidError, TariffGapError)
Facts = dict[str, Any]


@listing(
    authorities,
    "/tariffs",
    audience="authority",
    role="viewer",
    item=PublishedTariffSchema,
    key=(datetime.datetime,),
)
def show_tariffs(caller: Principal, asked: Facts) -> Page[Facts]:
    """List the published tariffs, the newest first. They are never edited: publish another one."""
    found = list_published_tariffs(connection(), **tenant_of(caller), now=now(), **asked)
    return page_of([tariff_as_facts(each) for each in found], asked["limit"], lambda each: (each["valid_from"],))


@operation(
    authorities,
    "GET",
    "/tariffs/<uuid:tariff_id>",
    audience="authority",
    role="viewer",
    answers=(200, PublishedTariffSchema),
    refuses=(TariffUnknownError,),
)
def show_tariff(caller: Principal, tariff_id: UUID) -> Facts:
    """Show one published tariff."""
    return tariff_as_facts(get_published_tariff(connection(), tariff_id, **tenant_of(caller), now=now()))


def tariff_as_facts(tariff: PublishedTariff) -> Facts:
    """Return a tariff with its lines as drafts write them."""
    lines = {material: {"per": basis, "points": points} for material, (basis, points) in tariff.lines.items()}
    return {**asdict(tariff), "lines": lines}


@listing(
    authorities,
    "/campaigns",
    audience="authority",
    role="viewer",
    item=PublishedCampaignSchema,
    key=(datetime.datetime, UUID),
)
def show_campaigns(caller: Principal, asked: Facts) -> Page[PublishedCampaign]:
    """List the published campaigns, the newest first, with what their budgets have paid."""
    found = list_published_campaigns(connection(), **tenant_of(caller), now=now(), **asked)
    return page_of(found, asked["limit"], lambda each: (each.valid_from, each.campaign_id))


@operation(
    authorities,
    "GET",
    "/campaigns/<uuid:campaign_id>",
    audience="authority",
    role="viewer",
    answers=(200, PublishedCampaignSchema),
    refuses=(CampaignUnknownError,),
)
def show_campaign(caller: Principal, campaign_id: UUID) -> PublishedCampaign:
    """Show one published campaign."""
    return get_published_campaign(connection(), campaign_id, **tenant_of(caller), now=now())


@operation(
    authorities,
    "POST",
    "/campaigns/<uuid:campaign_id>/stop",
    audience="authority",
    role="admin",
    answers=(200, PublishedCampaignSchema),
    refuses=(CampaignUnknownError,),
)
def stop_published_campaign(caller: Principal, campaign_id: UUID) -> PublishedCampaign:
    """Stop a campaign that runs or is to come; what it has given stays."""
    stop_campaign(connection(), campaign_id, **tenant_of(caller), now=now())
    return get_published_campaign(connection(), campaign_id, **tenant_of(caller), now=now())


@listing(
    authorities,
    "/drafts",
    audience="authority",
    role="viewer",
    item=DraftSchema,
    key=(UUID,),
    filters={
        "kind": fields.String(load_default=None, validate=validate.OneOf(DRAFT_KINDS)),
        "with_ended": Boolean(load_default=False, strict=False),
    },
)
def show_drafts(caller: Principal, asked: Facts) -> Page[Draft]:
    """List drafts of tariffs and campaigns, the newest first: those still worked on, or all."""
    found = list_drafts(connection(), asked.pop("kind"), **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda draft: (draft.draft_id,))


@operation(
    authorities,
    "POST",
    "/drafts",
    audience="authority",
    role="admin",
    body=DefinitionSchema,
    answers=(201, DraftSchema),
    refuses=OF_DEFINITIONS,
    is_idempotent=True,
)
def add_draft(caller: Principal, said: Facts, key: str) -> Draft:
    """Draft a tariff or a campaign; rehearse it, then publish it."""
    kind: Any
    [(kind, definition)] = said.items()

    def add() -> dict[str, str]:
        made: Facts = {**tenant_of(caller), "made_by": name_of(caller), "now": now()}
        return {"draft_id": str(create_draft(connection(), kind, as_written(definition), **made))}

    return get_draft(connection(), UUID(once(caller, key, add)["draft_id"]), **tenant_of(caller))


@operation(
    authorities,
    "GET",
    "/drafts/<uuid:draft_id>",
    audience="authority",
    role="viewer",
    answers=(200, DraftSchema),
    refuses=(DraftUnknownError,),
    has_etag=True,
)
def show_draft(caller: Principal, draft_id: UUID) -> Draft:
    """Show one draft."""
    return get_draft(connection(), draft_id, **tenant_of(caller))


@operation(
    authorities,
    "PUT",
    "/drafts/<uuid:draft_id>",
    audience="authority",
    role="admin",
    body=DefinitionSchema,
    answers=(200, DraftSchema),
    refuses=(DraftUnknownError, DraftEndedError, *OF_DEFINITIONS),
    has_etag=True,
)
def edit_draft(caller: Principal, said: Facts, draft_id: UUID) -> Draft:
    """Replace what a draft says; it must be rehearsed again. A tariff stays a tariff."""
    [(kind, definition)] = said.items()
    draft = get_draft(connection(), draft_id, **tenant_of(caller), is_to_change=True)
    authorities.check_etag(draft, DraftSchema)
    if kind != draft.kind:
        raise DefinitionInvalidError([f"the draft is one of a {draft.kind}"])
    made: Facts = {**tenant_of(caller), "changed_by": name_of(caller), "now": now()}
    change_draft(connection(), draft_id, as_written(definition), **made)
    return get_draft(connection(), draft_id, **tenant_of(caller))


@operation(
    authorities,
    "DELETE",
    "/drafts/<uuid:draft_id>",
    audience="authority",
    role="admin",
    answers=(204, None),
    refuses=(DraftUnknownError, DraftEndedError),
    has_etag=True,
)
def drop_draft(caller: Principal, draft_id: UUID) -> None:
    """Give a draft up."""
    draft = get_draft(connection(), draft_id, **tenant_of(caller), is_to_change=True)
    authorities.check_etag(draft, DraftSchema)
    discard_draft(connection(), draft_id, **tenant_of(caller))


@operation(
    authorities,
    "POST",
    "/drafts/<uuid:draft_id>/rehearsal",
    audience="authority",
    role="admin",
    body=RehearsalOrderSchema,
    answers=(200, RehearsalSchema),
    refuses=(DraftUnknownError, DraftEndedError, RehearsalTooLargeError, *OF_DEFINITIONS),
)
def rehearse(caller: Principal, period: Facts, draft_id: UUID) -> Rehearsal:
    """Credit the deposits of a period once more under a draft: what it costs, who gains, who loses.

    At most 100,000 deposits; for more there is `bontri tariffs rehearse`. The draft can be published afterwards.
    """
    get_draft(connection(), draft_id, **tenant_of(caller))
    require_few_deposits(connection(), **tenant_of(caller), **period, deposits_max=REHEARSED_MAX)
    return rehearse_draft(connection(), draft_id, **tenant_of(caller), **period, now=now())


@operation(
    authorities,
    "POST",
    "/drafts/<uuid:draft_id>/publication",
    audience="authority",
    role="admin",
    body=PublicationSchema,
    answers=(200, DraftSchema),
    refuses=(
        DraftUnknownError,
        DraftEndedError,
        DraftNotRehearsedError,
        TariffInThePastError,
        TariffOverlapError,
        CampaignInThePastError,
        *OF_DEFINITIONS,
    ),
)
def publish(caller: Principal, said: Facts, draft_id: UUID) -> Draft:
    """Publish a rehearsed draft, for good: bins and citizens are told within seconds."""
    draft = get_draft(connection(), draft_id, **tenant_of(caller))
    if draft.kind == "tariff" and said["valid_from"] is None:
        raise DefinitionInvalidError(["valid_from must say when the tariff comes into force"])
    publish_draft(connection(), draft_id, **tenant_of(caller), **said, published_by=name_of(caller), now=now())
    return get_draft(connection(), draft_id, **tenant_of(caller))


def as_written(definition: Facts) -> Facts:
    """Return a definition under the names it has in files; what is null is left out."""
    names = {"valid_from": "from", "valid_until": "until"}
    return {names.get(name, name): value for name, value in definition.items() if value is not None}
