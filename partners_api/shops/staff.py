"""The shop's staff: who may be at its tills, where it wants PINs."""

from typing import Any, get_args
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant
from partners_api.services import keyring, now
from partners_api.shops.blueprint import shop_of, shops
from partners_api.shops.schemas import PIN
from partners_api.texts import in_one_line
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.staff import Staff, StaffState, StaffUnknownError, add_staff, change_staff, get_staff, list_staff

STATES = get_args(StaffState)


class StaffSchema(ma.Schema):
    """Somebody who works at the shop. Never deleted: redemptions name them."""

    staff_id = fields.UUID(required=True)
    name = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    created_at = Instant(required=True)


class NewStaffSchema(ma.Schema):
    """Somebody who begins."""

    name = fields.String(required=True, validate=in_one_line(100), metadata={"description": "A first name will do"})
    pin = fields.String(
        required=True,
        validate=PIN,
        metadata={"description": "Six digits of their own choice; nobody can read it again"},
    )


class StaffChangeSchema(ma.Schema):
    """What changes; what is left out stays."""

    name = fields.String(validate=in_one_line(100))
    pin = fields.String(validate=PIN)
    state = fields.String(validate=validate.OneOf(STATES))


@listing(
    shops,
    "/staff",
    audience="shop",
    scope="any",
    item=StaffSchema,
    key=(UUID,),
    filters={"state": fields.String(load_default=None, validate=validate.OneOf(STATES))},
)
def show_staff(caller: Principal, asked: dict[str, Any]) -> Page[Staff]:
    """List the shop's staff in the order they were named; a till lets one of them choose their name."""
    staff = list_staff(connection(), **shop_of(caller), **asked)
    return page_of(staff, asked["limit"], lambda each: (each.staff_id,))


@operation(
    shops,
    "POST",
    "/staff",
    audience="shop",
    scope="staff",
    body=NewStaffSchema,
    answers=(201, StaffSchema),
    is_idempotent=True,
)
def name_staff(caller: Principal, person: dict[str, Any], key: str) -> Staff:
    """Name somebody who works at the shop."""

    def add() -> dict[str, str]:
        return {"staff_id": str(add_staff(connection(), keyring(), **shop_of(caller), **person, now=now()))}

    return get_staff(connection(), UUID(once(caller, key, add)["staff_id"]), **shop_of(caller))


@operation(
    shops,
    "GET",
    "/staff/<uuid:staff_id>",
    audience="shop",
    scope="any",
    answers=(200, StaffSchema),
    refuses=(StaffUnknownError,),
    has_etag=True,
)
def show_one_of_staff(caller: Principal, staff_id: UUID) -> Staff:
    """Show one of the shop's staff."""
    return get_staff(connection(), staff_id, **shop_of(caller))


@operation(
    shops,
    "PATCH",
    "/staff/<uuid:staff_id>",
    audience="shop",
    scope="staff",
    body=StaffChangeSchema,
    answers=(200, StaffSchema),
    refuses=(StaffUnknownError,),
    has_etag=True,
)
def change_one_of_staff(caller: Principal, change: dict[str, Any], staff_id: UUID) -> Staff:
    """Give one of the shop's staff another name or PIN, or block them; a PIN before stops working at once."""
    current = get_staff(connection(), staff_id, **shop_of(caller), is_to_change=True)
    shops.check_etag(current, StaffSchema)
    wanted = {"name": current.name, "state": current.state, "pin": None} | change
    change_staff(connection(), keyring(), staff_id, **shop_of(caller), **wanted)
    return get_staff(connection(), staff_id, **shop_of(caller))
