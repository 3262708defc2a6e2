"""What figures are compared with: the authority's own tonnages, those of départements, and the share captured."""

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer
from partners_api.services import now
from partners_api.texts import WholeText
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.statistics.references.comparing import Comparison, ListedReference, compare, list_references
from rewards.statistics.tonnages.collected import Capture, get_capture
from rewards.statistics.tonnages.listing import ListedTonnage, list_tonnages

STREAM = WholeText("^[a-z][a-z0-9_-]{1,31}$")
OF_STREAM = fields.String(load_default=None, validate=STREAM)
YEAR = validate.Range(2000, 2100)


class OfYearSchema(ma.Schema):
    """A stream in a year."""

    stream = fields.String(load_default="glass", validate=STREAM)
    year = Integer(required=True, validate=YEAR, strict=False)


class TonnageSchema(ma.Schema):
    """What was collected at a place from the first to the last day."""

    level = fields.String(required=True, validate=validate.OneOf(["site", "commune", "authority"]))
    place = fields.String(required=True, metadata={"description": "Id of a site, INSEE code, or empty"})
    stream = fields.String(required=True)
    first_day = fields.Date(required=True)
    last_day = fields.Date(required=True)
    mass_g = Integer(required=True)
    source = fields.String(required=True)
    imported_at = Instant(required=True)


class DepartmentTonnageSchema(ma.Schema):
    """What a département collected of a stream in a year."""

    year = Integer(required=True)
    department = fields.String(required=True)
    stream = fields.String(required=True)
    mass_g = Integer(required=True)
    population = Integer(required=True)
    kg_per_inhabitant = fields.Float(required=True)
    source = fields.String(required=True)


class ReferenceSchema(ma.Schema):
    """Kilograms per inhabitant of a territory in a year; null, and `missing` says why."""

    level = fields.String(required=True, validate=validate.OneOf(["authority", "department", "region", "nation"]))
    code = fields.String(required=True, metadata={"description": "INSEE code; FR for the nation"})
    name = fields.String(required=True)
    year = Integer(required=True)
    kg_per_inhabitant = fields.Float(required=True, allow_none=True)
    mass_g = Integer(required=True, allow_none=True)
    population = Integer(required=True, allow_none=True)
    population_years = fields.List(Integer(), required=True)
    departments = Integer(required=True, metadata={"description": "That are in it"})
    departments_in_all = Integer(required=True)
    sources = fields.List(fields.String(), required=True)
    missing = fields.String(required=True, allow_none=True)


class TakenByBinsSchema(ma.Schema):
    """Kilograms per inhabitant and year that bins took, where there are bins; null, and `missing` says why."""

    kg_per_inhabitant = fields.Float(required=True, allow_none=True)
    days = Integer(required=True, metadata={"description": "Of the year, that have begun"})
    bins = Integer(required=True)
    bins_reporting = Integer(required=True)
    communes = fields.List(fields.String(), required=True)
    population = Integer(required=True, allow_none=True)
    population_years = fields.List(Integer(), required=True)
    missing = fields.String(required=True, allow_none=True, metadata={"description": "See `figures/definitions`"})


class ComparisonSchema(ma.Schema):
    """The authority beside its départements, régions and the nation, each weighted by who lives there."""

    stream = fields.String(required=True)
    year = Integer(required=True)
    reference_year = Integer(required=True, allow_none=True, metadata={"description": "The nearest there is"})
    years_apart = Integer(required=True, allow_none=True)
    own = fields.Nested(ReferenceSchema, required=True, metadata={"description": "Of imported tonnages"})
    by_bins = fields.Nested(TakenByBinsSchema, required=True, allow_none=True)
    references = fields.List(fields.Nested(ReferenceSchema), required=True)


class CollectedSchema(ma.Schema):
    """What was collected of a stream in a year; null, and `missing` says why."""

    stream = fields.String(required=True)
    year = Integer(required=True)
    mass_g = Integer(required=True, allow_none=True)
    missing = fields.String(required=True, allow_none=True)
    missing_days = Integer(required=True)
    missing_communes = fields.List(fields.String(), required=True)
    sources = fields.List(fields.String(), required=True)


class ShareSchema(ma.Schema):
    """Which part of residual waste is a stream, by the analysis of a year."""

    share_permille = Integer(required=True)
    year = Integer(required=True)
    source = fields.String(required=True)


class CaptureSchema(ma.Schema):
    """The capture rate: collected / (collected + residual × share); null, and `missing` says why."""

    stream = fields.String(required=True)
    year = Integer(required=True)
    capture_pct = fields.Float(required=True, allow_none=True)
    missing = fields.String(required=True, allow_none=True)
    collected = fields.Nested(CollectedSchema, required=True)
    residual = fields.Nested(CollectedSchema, required=True)
    share = fields.Nested(ShareSchema, required=True, allow_none=True)


@listing(
    authorities,
    "/tonnages",
    audience="authority",
    role="viewer",
    item=TonnageSchema,
    key=(str, str, str, datetime.date),
    filters={"stream": OF_STREAM},
)
def show_tonnages(caller: Principal, asked: dict[str, Any]) -> Page[ListedTonnage]:
    """List the tonnages that were imported, by level, place, stream and first day."""
    found = list_tonnages(connection(), **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: each.key)


@listing(
    authorities,
    "/references",
    audience="authority",
    role="viewer",
    item=DepartmentTonnageSchema,
    key=(int, str, str),
    filters={"stream": OF_STREAM, "year": Integer(load_default=None, validate=YEAR, strict=False)},
)
def show_references(_: Principal, asked: dict[str, Any]) -> Page[ListedReference]:
    """List what départements collected, by year, département and stream; the same for every authority."""
    found = list_references(connection(), **asked)
    return page_of(found, asked["limit"], lambda each: each.key)


@operation(
    authorities,
    "GET",
    "/figures/comparison",
    audience="authority",
    role="viewer",
    query=OfYearSchema,
    answers=(200, ComparisonSchema),
)
def show_comparison(caller: Principal, asked: dict[str, Any]) -> Comparison:
    """Compare kilograms per inhabitant with the département, the région and the nation, of the nearest year."""
    timezone = ZoneInfo(caller.timezone)
    return compare(connection(), asked["stream"], asked["year"], **tenant_of(caller), timezone=timezone, now=now())


@operation(
    authorities,
    "GET",
    "/figures/capture",
    audience="authority",
    role="viewer",
    query=OfYearSchema,
    answers=(200, CaptureSchema),
)
def show_capture(caller: Principal, asked: dict[str, Any]) -> Capture:
    """Show which share of a stream was collected separately, by tonnages and an analysis of residual waste."""
    return get_capture(connection(), asked["stream"], asked["year"], **tenant_of(caller))
