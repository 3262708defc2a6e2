"""What was published: the same to agents as to everybody."""

import datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.authorities.fields import Day
from partners_api.listings import Page, listing, page_of
from partners_api.schemas import Instant, Integer
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.statistics.periods import PeriodReversedError
from rewards.statistics.publications.listing import (
    Publication,
    PublishedCell,
    list_publications,
    list_published_cells,
)

GRANULARITY = validate.OneOf(["month", "year"])
LEVEL = validate.OneOf(["authority", "commune", "site"])
OF_LICENCE = {"description": "Of whoever passes it on: name the authority and the day of publication"}


class PublishedPeriodSchema(ma.Schema):
    """A month or year that was published, once and for all."""

    granularity = fields.String(required=True, validate=GRANULARITY)
    first_day = fields.Date(required=True)
    published_at = Instant(required=True)
    cells = Integer(required=True)
    withheld = Integer(required=True)
    licence = fields.String(required=True, metadata=OF_LICENCE)


class PublishedCellSchema(ma.Schema):
    """A month or year at a place, of a material; what is withheld is null."""

    granularity = fields.String(required=True, validate=GRANULARITY)
    first_day = fields.Date(required=True)
    level = fields.String(required=True, validate=LEVEL)
    code = fields.String(required=True, metadata={"description": "INSEE code or site id; empty: the authority"})
    name = fields.String(required=True)
    insee_code = fields.String(required=True, allow_none=True)
    material = fields.String(required=True, metadata={"description": "Empty: all together"})
    is_withheld = fields.Boolean(
        required=True, metadata={"description": "Few holders stand behind it, or behind what it would give away"}
    )
    deposits = Integer(required=True, allow_none=True)
    items = Integer(required=True, allow_none=True)
    kg = fields.Float(required=True, allow_none=True, metadata={"description": "Weighed, or items × unit mass"})
    points = Integer(required=True, allow_none=True)
    holders = Integer(required=True, allow_none=True, metadata={"description": "Wallets; never a sum"})
    latitude = fields.Float(required=True, allow_none=True)
    longitude = fields.Float(required=True, allow_none=True)
    licence = fields.String(required=True, metadata=OF_LICENCE)


@listing(
    authorities,
    "/publications",
    audience="authority",
    role="viewer",
    item=PublishedPeriodSchema,
    key=(datetime.date, str),
)
def show_publications(caller: Principal, asked: dict[str, Any]) -> Page[Publication]:
    """List the months and years that were published, oldest first."""
    found = list_publications(connection(), **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: (each.first_day, each.granularity))


@listing(
    authorities,
    "/publications/cells",
    audience="authority",
    role="viewer",
    item=PublishedCellSchema,
    key=(datetime.date, str, str, str),
    filters={
        "granularity": fields.String(load_default="month", validate=GRANULARITY),
        "first_day": Day(required=True, data_key="from", metadata={"description": "Periods that begin on it or later"}),
        "last_day": Day(required=True, data_key="to", metadata={"description": "Periods that begin on it or before"}),
        "level": fields.String(load_default=None, validate=LEVEL),
    },
    refuses=(PeriodReversedError,),
    is_on_a_map=True,
)
def show_published_cells(caller: Principal, asked: dict[str, Any]) -> Page[PublishedCell]:
    """List published cells by period and place: what may be passed on under the licence it names."""
    if asked["last_day"] < asked["first_day"]:
        raise PeriodReversedError
    found = list_published_cells(connection(), **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: each.key)
