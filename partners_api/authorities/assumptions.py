"""What figures take for granted: the mass of an item, costs, CO2; each from a month on, with its source."""

import datetime
from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import name_of, tenant_of
from partners_api.authorities.fields import Month
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer
from partners_api.services import now
from partners_api.texts import MATERIAL, Text
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.statistics.assumptions import (
    ASSUMPTION_NAMES,
    VALUE_MAX,
    Assumption,
    StoredAssumption,
    get_assumption,
    list_assumptions,
    set_assumption,
)
from rewards.statistics.unit_masses import (
    MaterialUnknownError,
    NewUnitMass,
    StoredUnitMass,
    get_unit_mass,
    list_unit_masses,
    set_unit_mass,
)

SOURCE = "Where the number comes from: shown with every figure"


class NewUnitMassSchema(ma.Schema):
    """What one item of a material weighs from a month on, until the next."""

    material = fields.String(required=True, validate=MATERIAL)
    valid_from = Month(required=True, metadata={"description": "A month; of the past too, which mends its figures"})
    unit_mass_g = Integer(
        required=True,
        allow_none=True,
        validate=validate.Range(1, 100_000),
        metadata={"description": "Null: unknown from then on, and so are estimates"},
    )
    source = Text(300, required=True, metadata={"description": SOURCE})


class UnitMassSchema(ma.Schema):
    """A mass as it was set."""

    unit_mass_id = fields.UUID(required=True)
    material = fields.String(required=True)
    valid_from = Month(required=True)
    unit_mass_g = Integer(required=True, allow_none=True)
    source = fields.String(required=True)
    set_by = fields.String(required=True, allow_none=True)
    set_at = Instant(required=True)
    is_replaced = fields.Boolean(required=True, metadata={"description": "By a newer one for the same month"})


class NewAssumptionSchema(ma.Schema):
    """A number in the place of a default, from a month on."""

    name = fields.String(required=True, validate=validate.OneOf(ASSUMPTION_NAMES))
    valid_from = Month(required=True)
    value = Integer(
        required=True, validate=validate.Range(0, VALUE_MAX), metadata={"description": "In the unit its name ends with"}
    )
    source = Text(300, required=True, metadata={"description": SOURCE})


class AssumptionSchema(ma.Schema):
    """An assumption as it was set."""

    assumption_id = fields.UUID(required=True)
    name = fields.String(required=True)
    valid_from = Month(required=True)
    value = Integer(required=True)
    source = fields.String(required=True)
    set_by = fields.String(required=True, allow_none=True)
    set_at = Instant(required=True)
    is_replaced = fields.Boolean(required=True, metadata={"description": "By a newer one for the same month"})


@listing(
    authorities,
    "/unit-masses",
    audience="authority",
    role="viewer",
    item=UnitMassSchema,
    key=(str, datetime.date, UUID),
    filters={"material": fields.String(load_default=None, validate=MATERIAL)},
)
def show_unit_masses(caller: Principal, asked: dict[str, Any]) -> Page[StoredUnitMass]:
    """List what one item was ever taken to weigh, by material and month, with sources and who said so."""
    found = list_unit_masses(connection(), **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: each.key)


@operation(
    authorities,
    "POST",
    "/unit-masses",
    audience="authority",
    role="manager",
    body=NewUnitMassSchema,
    answers=(201, UnitMassSchema),
    refuses=(MaterialUnknownError,),
    is_idempotent=True,
)
def set_mass_of_items(caller: Principal, said: dict[str, Any], key: str) -> StoredUnitMass:
    """Set what one item of a material weighs from a month on.

    Estimates of that month and later ones are reckoned with it at once; what was set before stays in the list.
    """

    def put() -> dict[str, str]:
        mass = NewUnitMass(**said)
        stored = set_unit_mass(connection(), mass, **tenant_of(caller), set_by=name_of(caller), now=now())
        return {"unit_mass_id": str(stored)}

    return get_unit_mass(connection(), UUID(once(caller, key, put)["unit_mass_id"]), **tenant_of(caller))


@listing(
    authorities,
    "/assumptions",
    audience="authority",
    role="viewer",
    item=AssumptionSchema,
    key=(str, datetime.date, UUID),
)
def show_assumptions(caller: Principal, asked: dict[str, Any]) -> Page[StoredAssumption]:
    """List what the authority has set in the place of defaults, by name and month.

    The defaults are in `GET /api/v1/authority/figures/definitions`.
    """
    found = list_assumptions(connection(), **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: each.key)


@operation(
    authorities,
    "POST",
    "/assumptions",
    audience="authority",
    role="manager",
    body=NewAssumptionSchema,
    answers=(201, AssumptionSchema),
    is_idempotent=True,
)
def set_assumption_of_authority(caller: Principal, said: dict[str, Any], key: str) -> StoredAssumption:
    """Put a number of the authority's own in the place of a default, from a month on."""

    def put() -> dict[str, str]:
        assumption = Assumption(**said)
        stored = set_assumption(connection(), assumption, **tenant_of(caller), set_by=name_of(caller), now=now())
        return {"assumption_id": str(stored)}

    return get_assumption(connection(), UUID(once(caller, key, put)["assumption_id"]), **tenant_of(caller))
