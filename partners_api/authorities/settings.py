"""What the authority sets for itself. Caps and the welcome are part of its tariff."""

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.operations import operation
from partners_api.schemas import Boolean, Integer
from partners_api.texts import Text
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.authority_settings import AuthoritySettings, change_settings, get_settings


class SettingsChangeSchema(ma.Schema):
    """What to change; what is left out stays."""

    address = Text(300, has_lines=True, metadata={"description": "What statements show"})
    review_over_items = Integer(
        allow_none=True,
        validate=validate.Range(1, 200),
        metadata={"description": "Hold deposits of more items than this for a review; null: none"},
    )
    review_over_mass_g = Integer(allow_none=True, validate=validate.Range(1, 2_000_000))
    reviews_doubtful_clocks = Boolean(metadata={"description": "Hold deposits of bins that cannot tell the time"})
    balance_over_percent = Integer(
        validate=validate.Range(10, 400),
        metadata={"description": "Raise an alarm where a bin weighs so much more, or less, than it counted"},
    )


class SettingsSchema(ma.Schema):
    """The settings in force."""

    authority = fields.String(required=True)
    name = fields.String(required=True)
    timezone = fields.String(required=True)
    points_valid_months = Integer(required=True)
    address = fields.String(required=True)
    review_over_items = Integer(required=True, allow_none=True)
    review_over_mass_g = Integer(required=True, allow_none=True)
    reviews_doubtful_clocks = fields.Boolean(required=True)
    balance_over_percent = Integer(required=True)


@operation(
    authorities,
    "GET",
    "/settings",
    audience="authority",
    role="viewer",
    answers=(200, SettingsSchema),
    has_etag=True,
)
def show_settings(caller: Principal) -> AuthoritySettings:
    """Show what the authority has set for itself."""
    return get_settings(connection(), **tenant_of(caller))


@operation(
    authorities,
    "PATCH",
    "/settings",
    audience="authority",
    role="admin",
    body=SettingsChangeSchema,
    answers=(200, SettingsSchema),
    has_etag=True,
)
def edit_settings(caller: Principal, changes: dict[str, Any]) -> AuthoritySettings:
    """Change the authority's address, how far weighings may be off, or which deposits are held for a review.

    Workers heed it within seconds.
    """
    authorities.check_etag(get_settings(connection(), **tenant_of(caller), is_to_change=True), SettingsSchema)
    change_settings(connection(), changes, **tenant_of(caller))
    return get_settings(connection(), **tenant_of(caller))
