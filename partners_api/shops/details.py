"""The shop itself, and which key is calling."""

from dataclasses import replace
from typing import Any

import marshmallow as ma
from flask import current_app
from marshmallow import fields

from partners_api.operations import operation
from partners_api.schemas import Boolean, Integer
from partners_api.shops.blueprint import shops
from partners_api.shops.keys import OwnKeySchema
from partners_api.texts import WholeText
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.api_keys import get_api_key
from rewards.shops import (
    ShopDetails,
    ShopRevokedError,
    change_shop_details,
    get_shop_details,
)
from rewards.staff.proving import TRIES as PIN_TRIES
from rewards.vouchers.by_card import TRIES as CARD_TRIES
from rewards.vouchers.short_codes import TRIES as SHORT_CODE_TRIES


class ShopSchema(ma.Schema):
    """A shop as it is known. Name and address are on its statements: the authority changes those."""

    shop_id = fields.UUID(required=True)
    name = fields.String(required=True)
    address = fields.String(required=True)
    insee_code = fields.String(required=True)
    commune = fields.String(required=True)
    phone = fields.String(required=True)
    opening_hours = fields.String(required=True)
    wants_pins = fields.Boolean(
        required=True, metadata={"description": "Redemptions and reversals need `staff_id` and `pin`"}
    )


class DetailsChangeSchema(ma.Schema):
    """What a shop changes of itself; what is left out stays."""

    phone = fields.String(validate=WholeText(r"^[0-9+(). -]{0,30}$"))
    opening_hours = fields.String(
        validate=WholeText(r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]{0,300}$"),
        metadata={"description": "As people read it; several lines are fine"},
    )
    wants_pins = Boolean(metadata={"description": "Name staff first"})


class TriesSchema(ma.Schema):
    """How many wrong tries there are in how long; then 429 with `Retry-After`."""

    most = Integer(required=True)
    window_s = Integer(required=True)


class LimitsSchema(ma.Schema):
    """What bounds the calls of this shop."""

    short_codes = fields.Nested(TriesSchema, required=True, metadata={"description": "Typed codes got wrong"})
    cards = fields.Nested(TriesSchema, required=True, metadata={"description": "Cards read without a redemption"})
    pins = fields.Nested(TriesSchema, required=True, metadata={"description": "Wrong PINs for one of the staff"})
    request_bytes = Integer(required=True)


class OwnAuthoritySchema(ma.Schema):
    """Whose scheme this is."""

    slug = fields.String(required=True)
    timezone = fields.String(required=True, metadata={"description": "Days of lists and statements are its days"})


class MeSchema(ma.Schema):
    """Which shop this is, which key it uses, and what holds for it."""

    shop = fields.Nested(ShopSchema, required=True)
    key = fields.Nested(OwnKeySchema, required=True)
    authority = fields.Nested(OwnAuthoritySchema, required=True)
    limits = fields.Nested(LimitsSchema, required=True)


@operation(shops, "GET", "/me", audience="shop", scope="any", answers=(200, MeSchema))
def show_me(caller: Principal) -> dict[str, Any]:
    """Show which shop and key this is, what the key is good for, and the limits."""
    of_tenant: dict[str, Any] = {"authority_id": caller.authority_id}
    tries = {"short_codes": SHORT_CODE_TRIES, "cards": CARD_TRIES, "pins": PIN_TRIES}
    limits = {name: {"most": each.most, "window_s": each.window.total_seconds()} for name, each in tries.items()}
    return {
        "shop": get_shop_details(connection(), caller.subject_id, **of_tenant),
        "key": get_api_key(connection(), caller.credential_id, **of_tenant),
        "authority": {"slug": caller.authority, "timezone": caller.timezone},
        "limits": limits | {"request_bytes": current_app.config["MAX_CONTENT_LENGTH"]},
    }


@operation(shops, "GET", "/details", audience="shop", scope="any", answers=(200, ShopSchema), has_etag=True)
def show_own_shop(caller: Principal) -> ShopDetails:
    """Show what is known of the shop."""
    return get_shop_details(connection(), caller.subject_id, authority_id=caller.authority_id)


@operation(
    shops,
    "PATCH",
    "/details",
    audience="shop",
    scope="staff",
    body=DetailsChangeSchema,
    answers=(200, ShopSchema),
    refuses=(ShopRevokedError,),
    has_etag=True,
)
def change_shop(caller: Principal, change: dict[str, Any]) -> ShopDetails:
    """Change what a shop may change of itself: telephone, opening hours, whether PINs are wanted."""
    of_tenant: dict[str, Any] = {"authority_id": caller.authority_id}
    current = get_shop_details(connection(), caller.subject_id, **of_tenant, is_to_change=True)
    shops.check_etag(current, ShopSchema)
    changed = replace(current, **change)
    change_shop_details(connection(), changed, **of_tenant)
    return changed
