"""Who pays for vouchers, what they give in a year, and what is owed."""

from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.authorities.fields import cents
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer, NearInstant
from partners_api.services import now
from partners_api.texts import Text
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.funders import FunderUnknownError, add_funder
from rewards.liability import Liability, get_liability
from rewards.offers import (
    BudgetBelowCommittedError,
    BudgetChangedError,
    FunderBudget,
    YearBudget,
    change_budget,
    get_budget,
    list_budgets,
)

OF_BUDGET = "/funders/<uuid:funder_id>/budgets/<year:year>"
KINDS = ("authority", "shop", "sponsor")


class NewFunderSchema(ma.Schema):
    """Somebody who pays. The authority itself is one from the start."""

    kind = fields.String(
        required=True,
        validate=validate.OneOf(["shop", "sponsor"]),
        metadata={"description": "A shop that gives its own is paid nothing"},
    )
    name = Text(100, required=True)


class FunderSchema(ma.Schema):
    """Somebody who pays."""

    funder_id = fields.UUID(required=True)


class FunderBudgetSchema(ma.Schema):
    """A funder and its budget of a year; without one the rest is null."""

    funder_id = fields.UUID(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    name = fields.String(required=True)
    year = Integer(required=True, allow_none=True)
    budget_cents = Integer(required=True, allow_none=True)
    committed_cents = Integer(
        required=True, allow_none=True, metadata={"description": "Of vouchers that are out or redeemed"}
    )
    redeemed_cents = Integer(required=True, allow_none=True)


class BudgetSchema(ma.Schema):
    """What a funder gives in a year."""

    budget_cents = cents(most=10**13)


class YearBudgetSchema(ma.Schema):
    """What a funder gives in a year; null: no budget bounds it."""

    funder_id = fields.UUID(required=True)
    year = Integer(required=True)
    budget_cents = Integer(required=True, allow_none=True)


class LiabilityQuerySchema(ma.Schema):
    """When."""

    at = NearInstant(load_default=None, metadata={"description": "Some instant of the past; now unless told"})


class LotsOfMonthSchema(ma.Schema):
    """Points free to spend that were credited in a month."""

    credited_month = fields.Date(required=True)
    expires_on = fields.Date(required=True)
    lots = Integer(required=True)
    points = Integer(required=True)


class VouchersOfMonthSchema(ma.Schema):
    """Vouchers issued in a month that are out."""

    issued_month = fields.Date(required=True)
    vouchers = Integer(required=True)
    points = Integer(required=True)
    value_cents = Integer(required=True)
    payable_cents = Integer(required=True)


class PointValueSchema(ma.Schema):
    """What points were spent on of late."""

    basis = fields.String(required=True, validate=validate.OneOf(["redeemed", "published", "nothing"]))
    points = Integer(required=True)
    value_cents = Integer(required=True)
    payable_cents = Integer(required=True)
    cents_a_point = fields.Float(required=True, allow_none=True)


class LiabilitySchema(ma.Schema):
    """What the authority owes, and how that is reckoned: docs/operators-points.md."""

    as_of = Instant(required=True)
    point_value = fields.Nested(PointValueSchema, required=True)
    points = Integer(required=True)
    points_cents = Integer(required=True, allow_none=True)
    expected_share = fields.Float(required=True, allow_none=True)
    expected_cents = Integer(required=True, allow_none=True)
    vouchers_cents = Integer(required=True)
    unsettled_cents = Integer(required=True)
    unpaid_cents = Integer(required=True)
    total_cents = Integer(required=True)
    lots = fields.List(fields.Nested(LotsOfMonthSchema), required=True)
    vouchers = fields.List(fields.Nested(VouchersOfMonthSchema), required=True)


@listing(authorities, "/funders", audience="authority", role="viewer", item=FunderBudgetSchema, key=(str, UUID, int))
def show_funders(caller: Principal, asked: dict[str, Any]) -> Page[FunderBudget]:
    """List every funder by name, a row for each of its budgets, newest first."""
    found = list_budgets(connection(), **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: (each.name, each.funder_id, each.year or 0))


@operation(
    authorities,
    "POST",
    "/funders",
    audience="authority",
    role="admin",
    body=NewFunderSchema,
    answers=(201, FunderSchema),
    is_idempotent=True,
)
def add_funder_of_vouchers(caller: Principal, said: dict[str, Any], key: str) -> dict[str, str]:
    """Add a shop that gives its own, or a sponsor."""
    return once(caller, key, lambda: {"funder_id": str(add_funder(connection(), **tenant_of(caller), **said))})


@operation(
    authorities,
    "GET",
    OF_BUDGET,
    audience="authority",
    role="viewer",
    answers=(200, YearBudgetSchema),
    refuses=(FunderUnknownError,),
    has_etag=True,
)
def show_budget(caller: Principal, funder_id: UUID, year: int) -> YearBudget:
    """Show what a funder gives in a year; what has become of it is in the list of funders."""
    return get_budget(connection(), funder_id, **tenant_of(caller), year=year)


@operation(
    authorities,
    "PUT",
    OF_BUDGET,
    audience="authority",
    role="admin",
    body=BudgetSchema,
    answers=(200, YearBudgetSchema),
    refuses=(FunderUnknownError, BudgetBelowCommittedError, BudgetChangedError),
    has_etag=True,
)
def set_budget(caller: Principal, said: dict[str, int], funder_id: UUID, year: int) -> YearBudget:
    """Give a funder a budget for a year of the authority's calendar, or another one.

    Vouchers bought in that year before count in it; where they have cost more, it is refused.
    """
    # Not locked, or it would stand before the vouchers it is to count: change_budget looks again.
    seen = get_budget(connection(), funder_id, **tenant_of(caller), year=year)
    authorities.check_etag(seen, YearBudgetSchema)
    change_budget(connection(), funder_id, **tenant_of(caller), year=year, **said, seen=seen)
    return get_budget(connection(), funder_id, **tenant_of(caller), year=year)


@operation(
    authorities,
    "GET",
    "/liability",
    audience="authority",
    role="viewer",
    query=LiabilityQuerySchema,
    answers=(200, LiabilitySchema),
)
def show_liability(caller: Principal, asked: dict[str, Any]) -> Liability:
    """Show what is owed in points, vouchers and to shops, now or at an instant of the past."""
    at = asked["at"]
    as_of = at if at is not None and at < now() else None
    return get_liability(connection(), **tenant_of(caller), now=now(), as_of=as_of)
