"""Partner shops: added, changed, revoked. Keys of their tills are in ``api_keys.py``."""

from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer
from partners_api.services import now
from partners_api.texts import INSEE, Text
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.settlement import ShopUnknownError
from rewards.shop_register import (
    CommuneUnknownError,
    RegisteredShop,
    add_shop,
    change_shop,
    get_shop,
    list_shops,
)
from rewards.shops import revoke_shop

STATE = validate.OneOf(["active", "revoked"])


class NewShopSchema(ma.Schema):
    """A shop to add."""

    name = Text(100, required=True)
    address = Text(300, has_lines=True, required=True, metadata={"description": "Without the commune"})
    insee_code = fields.String(required=True, validate=INSEE, metadata={"description": "Its commune"})


class ShopChangeSchema(ma.Schema):
    """What to change; what is left out stays."""

    name = Text(100)
    address = Text(300, has_lines=True)
    insee_code = fields.String(validate=INSEE)


class RegisteredShopSchema(ma.Schema):
    """A partner shop."""

    shop_id = fields.UUID(required=True)
    name = fields.String(required=True)
    address = fields.String(required=True)
    insee_code = fields.String(required=True)
    commune = fields.String(required=True)
    state = fields.String(required=True, validate=STATE)
    created_at = Instant(required=True)
    unsettled_points = Integer(required=True, metadata={"description": "Of redemptions no statement has settled yet"})


@listing(
    authorities,
    "/shops",
    audience="authority",
    role="viewer",
    item=RegisteredShopSchema,
    key=(str, UUID),
    filters={"state": fields.String(load_default=None, validate=STATE)},
)
def show_shops(caller: Principal, asked: dict[str, Any]) -> Page[RegisteredShop]:
    """List the partner shops by name, those that have left too."""
    found = list_shops(connection(), **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda shop: (shop.name, shop.shop_id))


@operation(
    authorities,
    "POST",
    "/shops",
    audience="authority",
    role="manager",
    body=NewShopSchema,
    answers=(201, RegisteredShopSchema),
    refuses=(CommuneUnknownError,),
    is_idempotent=True,
)
def add_partner_shop(caller: Principal, said: dict[str, Any], key: str) -> RegisteredShop:
    """Add a shop. It takes vouchers once an admin has made a key for its till."""

    def add() -> dict[str, str]:
        return {"shop_id": str(add_shop(connection(), **tenant_of(caller), **said, now=now()))}

    return get_shop(connection(), UUID(once(caller, key, add)["shop_id"]), **tenant_of(caller))


@operation(
    authorities,
    "GET",
    "/shops/<uuid:shop_id>",
    audience="authority",
    role="viewer",
    answers=(200, RegisteredShopSchema),
    refuses=(ShopUnknownError,),
    has_etag=True,
)
def show_shop(caller: Principal, shop_id: UUID) -> RegisteredShop:
    """Show one shop."""
    return get_shop(connection(), shop_id, **tenant_of(caller))


@operation(
    authorities,
    "PATCH",
    "/shops/<uuid:shop_id>",
    audience="authority",
    role="manager",
    body=ShopChangeSchema,
    answers=(200, RegisteredShopSchema),
    refuses=(ShopUnknownError, CommuneUnknownError),
    has_etag=True,
)
def edit_shop(caller: Principal, changes: dict[str, str], shop_id: UUID) -> RegisteredShop:
    """Change a shop's name or address; statements that are locked keep what they say."""
    shop = get_shop(connection(), shop_id, **tenant_of(caller), is_to_change=True)
    authorities.check_etag(shop, RegisteredShopSchema)
    change_shop(connection(), shop_id, changes, **tenant_of(caller))
    return get_shop(connection(), shop_id, **tenant_of(caller))


@operation(
    authorities,
    "POST",
    "/shops/<uuid:shop_id>/revocation",
    audience="authority",
    role="admin",
    answers=(200, RegisteredShopSchema),
    refuses=(ShopUnknownError,),
)
def end_partnership(caller: Principal, shop_id: UUID) -> RegisteredShop:
    """End a shop's part in the scheme, for good: its keys stop working, its offers are listed no longer.

    What it has redeemed is settled all the same. Safe to repeat.
    """
    revoke_shop(connection(), **tenant_of(caller), shop_id=shop_id)
    return get_shop(connection(), shop_id, **tenant_of(caller))
