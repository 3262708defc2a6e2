"""What shops are paid for a month: looked at as it stands, locked for good, sent, paid."""

import datetime
from dataclasses import asdict
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import Response
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import name_of, tenant_of
from partners_api.authorities.fields import Day, Month
from partners_api.documents import answer_pdf
from partners_api.idempotency import once
from partners_api.languages import LanguageQuerySchema, language_of_request
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer
from partners_api.services import now, services
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.settlement import (
    MonthNotOverError,
    NothingDueError,
    PaymentDateError,
    ShopUnknownError,
    Statement,
    StatementLockedError,
    StatementNumber,
    StatementStateError,
    StatementUnknownError,
    draft_statement,
    find_statement,
    get_statement,
    lock_statement,
    mark_paid,
    mark_sent,
)
from rewards.settlement.overview import (
    FunderOfMonth,
    ShopOfMonth,
    list_funders_of_months,
    list_shops_of_month,
)

STATES = ("draft", "locked", "sent", "paid")
OF_STATEMENT = "/statements/<year:year>/<int(min=1, max=999999999):number>"


class StatementOrderSchema(ma.Schema):
    """Which statement to lock."""

    shop_id = fields.UUID(required=True)
    month = Month(required=True, metadata={"description": "Must be over"})


class MonthQuerySchema(ma.Schema):
    """Which month."""

    month = Month(required=True)


class ShopOfMonthSchema(ma.Schema):
    """A shop's statement of a month, locked or as it stands; `year` and `number` name a locked one."""

    shop_id = fields.UUID(required=True)
    shop = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    year = Integer(required=True, allow_none=True)
    number = Integer(required=True, allow_none=True)
    lines = Integer(required=True)
    points = Integer(required=True)
    value_cents = Integer(required=True)
    payable_cents = Integer(required=True)
    locked_at = Instant(required=True, allow_none=True)
    sent_at = Instant(required=True, allow_none=True)
    paid_on = fields.Date(required=True, allow_none=True)


class FunderTotalSchema(ma.Schema):
    """What one funder's vouchers come to."""

    funder_id = fields.UUID(required=True)
    funder_kind = fields.String(required=True)
    funder_name = fields.String(required=True)
    lines = Integer(required=True)
    points = Integer(required=True)
    value_cents = Integer(required=True)
    payable_cents = Integer(required=True)


class FunderOfMonthSchema(FunderTotalSchema):
    """What one funder's vouchers come to in the locked statements of a month."""

    month = Month(required=True)
    statements = Integer(required=True)


class StatementLineSchema(ma.Schema):
    """A redemption, or with negative amounts one taken back after an earlier statement had it."""

    kind = fields.String(required=True, validate=validate.OneOf(["redemption", "reversal"]))
    voucher_id = fields.UUID(required=True)
    reference = fields.String(required=True, metadata={"description": "What people call the voucher by"})
    occurred_at = Instant(required=True)
    title = fields.String(required=True)
    points = Integer(required=True)
    value_cents = Integer(required=True)
    payable_cents = Integer(required=True, metadata={"description": "Nothing for what the shop funds itself"})
    funder_id = fields.UUID(required=True)
    funder_name = fields.String(required=True)


class StatementSchema(ma.Schema):
    """A shop's statement of a month with its lines, and the totals by funder."""

    year = Integer(required=True, allow_none=True)
    number = Integer(required=True, allow_none=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    shop_id = fields.UUID(required=True)
    shop = fields.String(required=True)
    month = Month(required=True)
    points = Integer(required=True)
    value_cents = Integer(required=True)
    payable_cents = Integer(required=True)
    locked_at = Instant(required=True, allow_none=True)
    sent_at = Instant(required=True, allow_none=True)
    paid_on = fields.Date(required=True, allow_none=True)
    is_simulated = fields.Boolean(required=True)
    funders = fields.List(fields.Nested(FunderTotalSchema), required=True)
    lines = fields.List(fields.Nested(StatementLineSchema), required=True)


class StatementStepSchema(ma.Schema):
    """What has become of a statement."""

    example = {"step": "pay", "paid_on": "2026-11-21"}  # noqa: RUF012

    step = fields.String(required=True, validate=validate.OneOf(["send", "pay"]))
    paid_on = Day(metadata={"description": "With `pay`: from the day of locking until today"})

    @ma.validates_schema
    def check_day(self, said: dict[str, Any], **_: Any) -> None:
        """Refuse a payment without a day."""
        if ("paid_on" in said) != (said["step"] == "pay"):
            raise ma.ValidationError("Goes with step pay, and only with it.", "paid_on")


@listing(
    authorities,
    "/statements",
    audience="authority",
    role="viewer",
    item=ShopOfMonthSchema,
    key=(str, UUID),
    filters={"month": Month(required=True)},
)
def show_statements_of_month(caller: Principal, asked: dict[str, Any]) -> Page[ShopOfMonth]:
    """List the shops by name that have a statement of a month, or would get one, with what they are paid."""
    found = list_shops_of_month(connection(), **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: (each.shop, each.shop_id))


@listing(
    authorities,
    "/statements/funders",
    audience="authority",
    role="viewer",
    item=FunderOfMonthSchema,
    key=(datetime.date, str, UUID),
    filters={
        "since": Month(load_default=None),
        "until": Month(load_default=None, metadata={"description": "Not included"}),
    },
)
def show_funders_of_statements(caller: Principal, asked: dict[str, Any]) -> Page[FunderOfMonth]:
    """List what each funder pays by month, over all locked statements."""
    found = list_funders_of_months(connection(), **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: (each.month, each.funder_name, each.funder_id))


@operation(
    authorities,
    "GET",
    "/shops/<uuid:shop_id>/statement",
    audience="authority",
    role="viewer",
    query=MonthQuerySchema,
    answers=(200, StatementSchema),
    refuses=(ShopUnknownError, NothingDueError),
)
def show_statement_of_shop(caller: Principal, asked: dict[str, Any], shop_id: UUID) -> dict[str, Any]:
    """Show a shop's statement of a month: as it was locked, else as it stands."""
    of_month = {**tenant_of(caller), "shop_id": shop_id, **asked}
    found = find_statement(connection(), **of_month) or draft_statement(connection(), **of_month)
    if found is None:
        raise NothingDueError
    return statement_as_facts(found)


@operation(
    authorities,
    "POST",
    "/statements",
    audience="authority",
    role="admin",
    body=StatementOrderSchema,
    answers=(201, StatementSchema),
    refuses=(ShopUnknownError, MonthNotOverError, StatementLockedError, NothingDueError),
    is_idempotent=True,
)
def lock_statement_of_shop(caller: Principal, said: dict[str, Any], key: str) -> dict[str, Any]:
    """Number a shop's statement of a month and settle it, for good. What comes in late is on the next one."""

    def lock() -> dict[str, str]:
        settlement_id = lock_statement(connection(), **tenant_of(caller), **said, locked_by=name_of(caller), now=now())
        if settlement_id is None:
            raise NothingDueError
        return {"settlement_id": str(settlement_id)}

    once(caller, key, lock)
    locked = find_statement(connection(), **tenant_of(caller), **said)
    assert locked is not None  # noqa: S101 (just locked, or when the key came first)
    return statement_as_facts(locked)


@operation(
    authorities,
    "GET",
    OF_STATEMENT,
    audience="authority",
    role="viewer",
    answers=(200, StatementSchema),
    refuses=(StatementUnknownError,),
)
def show_locked_statement(caller: Principal, year: int, number: int) -> dict[str, Any]:
    """Show a locked statement with its lines; `2026-000123` is at `2026/123`."""
    return statement_as_facts(get_statement(connection(), StatementNumber(year, number), **tenant_of(caller)))


@operation(
    authorities,
    "GET",
    f"{OF_STATEMENT}/statement.pdf",
    audience="authority",
    role="viewer",
    query=LanguageQuerySchema,
    answers=(200, None),
    content_type="application/pdf",
    refuses=(StatementUnknownError,),
)
def show_locked_statement_document(caller: Principal, _asked: dict[str, Any], year: int, number: int) -> Response:
    """Show a locked statement as PDF, in French or English (`lang`, else `Accept-Language`)."""
    statement = get_statement(connection(), StatementNumber(year, number), **tenant_of(caller))
    document = services().render_statement(statement, language=language_of_request(), now=now())
    return answer_pdf(document, str(statement.number))


@operation(
    authorities,
    "POST",
    f"{OF_STATEMENT}/steps",
    audience="authority",
    role="admin",
    body=StatementStepSchema,
    answers=(200, StatementSchema),
    refuses=(StatementUnknownError, StatementStateError, PaymentDateError),
)
def take_statement_step(caller: Principal, said: dict[str, Any], year: int, number: int) -> dict[str, Any]:
    """Note that a locked statement was sent to the shop, or paid."""
    named, who = StatementNumber(year, number), name_of(caller)
    if said["step"] == "send":
        mark_sent(connection(), named, **tenant_of(caller), sent_by=who, now=now())
    else:
        mark_paid(connection(), named, **tenant_of(caller), paid_on=said["paid_on"], paid_by=who, now=now())
    return statement_as_facts(get_statement(connection(), named, **tenant_of(caller)))


def statement_as_facts(statement: Statement) -> dict[str, Any]:
    """Return a statement as its schema shows it."""
    number = statement.number
    return {
        "year": number and number.year,
        "number": number and number.number,
        "shop": statement.shop.name,
        "funders": statement.list_funder_totals(),
        "lines": [{**asdict(line), "reference": line.reference} for line in statement.lines],
        **{
            name: getattr(statement, name)
            for name in (
                "state",
                "shop_id",
                "month",
                "points",
                "value_cents",
                "payable_cents",
                "locked_at",
                "sent_at",
                "paid_on",
                "is_simulated",
            )
        },
    }
