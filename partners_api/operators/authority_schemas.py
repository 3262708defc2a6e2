"""Authorities as operators send and get them."""

from typing import Any
from zoneinfo import available_timezones

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.schemas import Boolean, Instant, Integer
from partners_api.texts import SLUG, Text

NAME_MOST, ADDRESS_MOST = 200, 1000
OVER_ITEMS: dict[str, Any] = {"description": "Deposits of more items are credited pending a review; null holds none"}
OVER_MASS: dict[str, Any] = {"description": "Deposits of more grams are credited pending a review; null holds none"}


class AuthoritySchema(ma.Schema):
    """An authority. Its rules of review hold for what is recorded from now on."""

    authority_id = Integer(required=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)
    address = fields.String(required=True)
    timezone = fields.String(required=True)
    points_valid_months = Integer(required=True)
    review_over_items = Integer(required=True, allow_none=True, metadata=OVER_ITEMS)
    review_over_mass_g = Integer(required=True, allow_none=True, metadata=OVER_MASS)
    reviews_doubtful_clocks = fields.Boolean(required=True)
    is_simulated = fields.Boolean(required=True, metadata={"description": "Its figures are marked as not real"})
    created_at = Instant(required=True)


class NewAuthoritySchema(ma.Schema):
    """An authority to add. Short name, time zone and whether it is simulated are never changed."""

    slug = fields.String(required=True, validate=SLUG, metadata={"example": "val-de-test"})
    name = Text(NAME_MOST, required=True, metadata={"example": "Val de Test"})
    address = Text(
        ADDRESS_MOST,
        least=0,
        has_lines=True,
        load_default="",
        metadata={"description": "As statements show it; lines end with newlines"},
    )
    timezone = fields.String(
        load_default="Europe/Paris",
        validate=validate.OneOf(sorted(available_timezones())),
        metadata={"description": "In which its days, weeks and months begin", "example": "Europe/Paris"},
    )
    is_simulated = Boolean(
        load_default=False,
    )


class AuthorityChangesSchema(ma.Schema):
    """What of an authority is to be changed; what is not named stays."""

    name = Text(NAME_MOST)
    address = Text(ADDRESS_MOST, least=0, has_lines=True)
    review_over_items = Integer(allow_none=True, validate=validate.Range(1, 200), metadata=OVER_ITEMS)
    review_over_mass_g = Integer(allow_none=True, validate=validate.Range(1, 2_000_000), metadata=OVER_MASS)
    reviews_doubtful_clocks = Boolean()
