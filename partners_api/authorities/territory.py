"""Sites, the bins that stand there, and where each stood when."""

import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.geojson import as_border, as_collection
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Boolean, Instant, Integer, NearInstant
from partners_api.services import now
from partners_api.texts import BIN_ID, INSEE, Text
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.fleet.placing import move_bin
from rewards.fleet.refusals import (
    BinAlreadyThereError,
    BinMissingError,
    BinRevokedError,
    PlacementOverlapsError,
    SiteMissingError,
)
from rewards.fleet.register import BinOnMap, ListedPlacement, get_bin_on_map, list_bins_on_map, list_placements
from rewards.fleet.states import revoke_for_good
from rewards.outlines import list_outlines
from rewards.shop_register import CommuneUnknownError
from rewards.sites import (
    KnownSite,
    SiteReferenceTakenError,
    SiteUnknownError,
    add_site,
    change_site,
    get_site,
    list_sites,
)
from rewards.statistics.unit_masses import WeighedMaterial, list_weighed_materials
from rewards.territory import ListedCommune, NewSite, list_communes

LATITUDE, LONGITUDE = validate.Range(-90, 90), validate.Range(-180, 180)
STATE = validate.OneOf(["test", "live", "revoked"])
OF_COMMUNE = fields.String(load_default=None, validate=INSEE)


class NewSiteSchema(ma.Schema):
    """A drop-off point to add."""

    reference = Text(100, required=True, metadata={"description": "The authority's own name for it"})
    insee_code = fields.String(required=True, validate=INSEE)
    address = Text(300, required=True)
    latitude = fields.Float(required=True, validate=LATITUDE)
    longitude = fields.Float(required=True, validate=LONGITUDE)


class SiteChangeSchema(ma.Schema):
    """What to change; what is left out stays."""

    reference = Text(100)
    insee_code = fields.String(validate=INSEE)
    address = Text(300)
    latitude = fields.Float(validate=LATITUDE)
    longitude = fields.Float(validate=LONGITUDE)


class SiteSchema(ma.Schema):
    """A drop-off point and the bins that stand there."""

    site_id = fields.UUID(required=True)
    reference = fields.String(required=True)
    insee_code = fields.String(required=True)
    commune = fields.String(required=True)
    address = fields.String(required=True)
    latitude = fields.Float(required=True)
    longitude = fields.Float(required=True)
    bins = fields.List(fields.String(), required=True)


class BinOnMapSchema(ma.Schema):
    """A bin, where it stands, what it said last and the alarms that are up; null is unknown."""

    bin_id = fields.String(required=True)
    state = fields.String(required=True, validate=STATE)
    site = fields.String(required=True, allow_none=True)
    site_id = fields.UUID(required=True, allow_none=True)
    insee_code = fields.String(required=True, allow_none=True)
    commune = fields.String(required=True, allow_none=True)
    latitude = fields.Float(required=True, allow_none=True)
    longitude = fields.Float(required=True, allow_none=True)
    capacity_l = Integer(required=True, allow_none=True)
    materials = fields.List(fields.String(), required=True, allow_none=True)
    is_online = fields.Boolean(required=True, allow_none=True)
    last_heard_at = Instant(required=True, allow_none=True)
    status_at = Instant(required=True, allow_none=True)
    fill_pct = Integer(required=True, allow_none=True, metadata={"description": "Of the fullest compartment"})
    alarms = fields.List(fields.String(), required=True, metadata={"description": "docs/operators-fleet.md"})


class PlacementSchema(ma.Schema):
    """A bin at a site from an instant to an instant; null while it stands there."""

    placement_id = fields.UUID(required=True)
    bin_id = fields.String(required=True)
    site_id = fields.UUID(required=True)
    site = fields.String(required=True)
    commune = fields.String(required=True)
    placed_at = Instant(required=True)
    removed_at = Instant(required=True, allow_none=True)


class CommuneSchema(ma.Schema):
    """A commune and its newest population; null where none is known."""

    insee_code = fields.String(required=True)
    name = fields.String(required=True)
    population = Integer(required=True, allow_none=True)
    population_year = Integer(required=True, allow_none=True, metadata={"description": "Of the census"})


class OutlinePropertiesSchema(ma.Schema):
    """Whose outline it is, and who drew it."""

    insee_code = fields.String(required=True)
    commune = fields.String(required=True)
    source = fields.String(required=True)


class OutlineSchema(ma.Schema):
    """A commune's outline, a feature of GeoJSON."""

    type = fields.String(required=True, validate=validate.OneOf(["Feature"]))
    geometry = fields.Dict(required=True, metadata={"description": "A Polygon or MultiPolygon (RFC 7946)"})
    properties = fields.Nested(OutlinePropertiesSchema, required=True)


class OutlinesSchema(ma.Schema):
    """Outlines of communes, as GeoJSON has them."""

    type = fields.String(required=True, validate=validate.OneOf(["FeatureCollection"]))
    features = fields.List(fields.Nested(OutlineSchema), required=True)


class MaterialSchema(ma.Schema):
    """A material the authority collects."""

    material = fields.String(required=True)
    unit_mass_g = Integer(
        required=True, allow_none=True, metadata={"description": "What one item weighs today where bins do not"}
    )
    unit_mass_from = fields.Date(required=True, allow_none=True)
    unit_mass_source = fields.String(required=True, allow_none=True)


class MoveSchema(ma.Schema):
    """Where a bin is put."""

    site = Text(100, required=True, metadata={"description": "Its reference"})
    at = NearInstant(load_default=None, allow_none=True, metadata={"description": "Since when; now unless told"})


@listing(authorities, "/communes", audience="authority", role="viewer", item=CommuneSchema, key=(str,))
def show_communes(caller: Principal, asked: dict[str, Any]) -> Page[ListedCommune]:
    """List the communes by INSEE code. They are added with `bontri`."""
    [after] = asked["after"] or [None]
    found = list_communes(connection(), **tenant_of(caller), after=after, limit=asked["limit"])
    return page_of(found, asked["limit"], lambda each: (each.insee_code,))


@operation(authorities, "GET", "/communes/outlines", audience="authority", role="viewer", answers=(200, OutlinesSchema))
def show_outlines(caller: Principal) -> dict[str, Any]:
    """Show where communes are, as GeoJSON; those whose outline nobody imported are not in it."""
    return as_collection(map(as_border, list_outlines(connection(), **tenant_of(caller))))


@listing(authorities, "/materials", audience="authority", role="viewer", item=MaterialSchema, key=(str,))
def show_materials(caller: Principal, asked: dict[str, Any]) -> Page[WeighedMaterial]:
    """List the materials bins take, by name, with the masses in force. They are added with `bontri`."""
    [after] = asked["after"] or [None]
    today = now().astimezone(ZoneInfo(caller.timezone)).date()
    found = list_weighed_materials(connection(), **tenant_of(caller), day=today, after=after, limit=asked["limit"])
    return page_of(found, asked["limit"], lambda each: (each.material,))


@listing(
    authorities,
    "/sites",
    audience="authority",
    role="viewer",
    item=SiteSchema,
    key=(str, UUID),
    filters={"insee_code": OF_COMMUNE},
    is_on_a_map=True,
)
def show_sites(caller: Principal, asked: dict[str, Any]) -> Page[KnownSite]:
    """List the drop-off points by reference, with the bins that stand there."""
    found = list_sites(connection(), **tenant_of(caller), now=now(), **asked)
    return page_of(found, asked["limit"], lambda site: (site.reference, site.site_id))


@operation(
    authorities,
    "POST",
    "/sites",
    audience="authority",
    role="manager",
    body=NewSiteSchema,
    answers=(201, SiteSchema),
    refuses=(SiteReferenceTakenError, CommuneUnknownError),
    is_idempotent=True,
)
def add_drop_off_point(caller: Principal, said: dict[str, Any], key: str) -> KnownSite:
    """Add a drop-off point."""

    def add() -> dict[str, str]:
        return {"site_id": str(add_site(connection(), NewSite(**said), **tenant_of(caller)))}

    return get_site(connection(), UUID(once(caller, key, add)["site_id"]), **tenant_of(caller), now=now())


@operation(
    authorities,
    "GET",
    "/sites/<uuid:site_id>",
    audience="authority",
    role="viewer",
    answers=(200, SiteSchema),
    refuses=(SiteUnknownError,),
    has_etag=True,
)
def show_site(caller: Principal, site_id: UUID) -> KnownSite:
    """Show one drop-off point."""
    return get_site(connection(), site_id, **tenant_of(caller), now=now())


@operation(
    authorities,
    "PATCH",
    "/sites/<uuid:site_id>",
    audience="authority",
    role="manager",
    body=SiteChangeSchema,
    answers=(200, SiteSchema),
    refuses=(SiteUnknownError, SiteReferenceTakenError, CommuneUnknownError),
    has_etag=True,
)
def edit_site(caller: Principal, changes: dict[str, Any], site_id: UUID) -> KnownSite:
    """Correct what is said of a drop-off point. One that moves is another site: figures stay with the site."""
    site = get_site(connection(), site_id, **tenant_of(caller), now=now(), is_to_change=True)
    authorities.check_etag(site, SiteSchema)
    change_site(connection(), site_id, changes, **tenant_of(caller))
    return get_site(connection(), site_id, **tenant_of(caller), now=now())


@listing(
    authorities,
    "/bins",
    audience="authority",
    role="viewer",
    item=BinOnMapSchema,
    key=(str,),
    filters={
        "state": fields.String(load_default=None, validate=STATE),
        "insee_code": OF_COMMUNE,
        "with_alarms": Boolean(
            load_default=False,
            strict=False,
            metadata={"description": "Only those with an alarm up"},
        ),
    },
    is_on_a_map=True,
)
def show_bins(caller: Principal, asked: dict[str, Any]) -> Page[BinOnMap]:
    """List the bins by id: where they stand, how full they are, whether they are online, what is wrong."""
    found = list_bins_on_map(connection(), **tenant_of(caller), now=now(), **asked)
    return page_of(found, asked["limit"], lambda each: (each.bin_id,))


@operation(
    authorities,
    "GET",
    "/bins/<bin_id>",
    audience="authority",
    role="viewer",
    answers=(200, BinOnMapSchema),
    refuses=(BinMissingError,),
)
def show_bin(caller: Principal, bin_id: str) -> BinOnMap:
    """Show one bin."""
    return get_bin_on_map(connection(), bin_id, **tenant_of(caller), now=now())


@listing(
    authorities,
    "/placements",
    audience="authority",
    role="viewer",
    item=PlacementSchema,
    key=(str, datetime.datetime),
    filters={
        "bin_id": fields.String(load_default=None, validate=BIN_ID),
        "site_id": fields.UUID(load_default=None),
    },
)
def show_placements(caller: Principal, asked: dict[str, Any]) -> Page[ListedPlacement]:
    """List which bin stood where from when to when, by bin, oldest first."""
    found = list_placements(connection(), **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: (each.bin_id, each.placed_at))


@operation(
    authorities,
    "POST",
    "/bins/<bin_id>/placements",
    audience="authority",
    role="manager",
    body=MoveSchema,
    answers=(201, BinOnMapSchema),
    refuses=(BinMissingError, BinRevokedError, SiteMissingError, BinAlreadyThereError, PlacementOverlapsError),
)
def place_bin(caller: Principal, said: dict[str, Any], bin_id: str) -> BinOnMap:
    """Put a bin at another site. What is recorded already stays where it was recorded."""
    get_bin_on_map(connection(), bin_id, **tenant_of(caller), now=now())
    move_bin(connection(), bin_id, to=said["site"], at=said["at"] or now(), **tenant_of(caller))
    return get_bin_on_map(connection(), bin_id, **tenant_of(caller), now=now())


@operation(
    authorities,
    "POST",
    "/bins/<bin_id>/retirement",
    audience="authority",
    role="admin",
    answers=(200, BinOnMapSchema),
    refuses=(BinMissingError, BinRevokedError),
)
def retire_bin(caller: Principal, bin_id: str) -> BinOnMap:
    """Revoke a bin for good: what it still holds is never accepted, what it has earned stays.

    Workers know it within a second; its account at the broker is the operator's to take away.
    """
    get_bin_on_map(connection(), bin_id, **tenant_of(caller), now=now())
    revoke_for_good(connection(), bin_id, **tenant_of(caller))
    return get_bin_on_map(connection(), bin_id, **tenant_of(caller), now=now())
