"""The shop's statements: what it is paid for a month, with who redeemed."""

from dataclasses import asdict
from typing import Any

import marshmallow as ma
from flask import Response
from marshmallow import fields, validate

from partners_api.documents import answer_pdf
from partners_api.languages import LanguageQuerySchema, language_of_request
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer
from partners_api.services import now, services
from partners_api.shops.blueprint import shop_of, shops
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.settlement import (
    ListedStatement,
    OwnStatementUnknownError,
    StatementNumber,
    get_own_statement,
    list_own_lines,
    list_own_statements,
)

STATES = ("locked", "sent", "paid")
FUNDERS = ("authority", "sponsor", "shop")
OF_NUMBER = "/statements/<int(max=9999):year>/<int(max=999999999):number>"


class OwnStatementSchema(ma.Schema):
    """A locked statement. Amounts are cents, negative when more was taken back than redeemed."""

    number = fields.String(required=True, metadata={"description": "As in `2026-000123`: year, and number in it"})
    month = fields.Function(lambda each: f"{each['month']:%Y-%m}", metadata={"type": "string"}, required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    points = Integer(required=True)
    value_cents = Integer(required=True, metadata={"description": "What was given away, whoever pays for it"})
    payable_cents = Integer(required=True, metadata={"description": "What the shop is paid"})
    locked_at = Instant(required=True)
    sent_at = Instant(required=True, allow_none=True)
    paid_on = fields.Date(required=True, allow_none=True)


class PartySchema(ma.Schema):
    """Shop or authority as they were when the statement was locked."""

    name = fields.String(required=True)
    address = fields.String(required=True)


class OwnFunderTotalSchema(ma.Schema):
    """What one funder's vouchers come to."""

    funder = fields.String(required=True)
    funder_kind = fields.String(required=True, validate=validate.OneOf(FUNDERS))
    lines = Integer(required=True)
    points = Integer(required=True)
    value_cents = Integer(required=True)
    payable_cents = Integer(required=True)


class WholeStatementSchema(OwnStatementSchema):
    """A locked statement with who it is between and the sums by who pays."""

    shop = fields.Nested(PartySchema, required=True)
    authority = fields.Nested(PartySchema, required=True)
    timezone = fields.String(required=True)
    is_simulated = fields.Boolean(required=True)
    lines = Integer(required=True, metadata={"description": "How many there are"})
    funders = fields.List(fields.Nested(OwnFunderTotalSchema), required=True)


class OwnLineSchema(ma.Schema):
    """A redemption, or with negative amounts one taken back after an earlier statement had it."""

    line_no = Integer(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(["redemption", "reversal"]))
    occurred_at = Instant(required=True)
    voucher_id = fields.UUID(required=True)
    reference = fields.String(required=True, metadata={"description": "What people call the voucher by; no code"})
    title = fields.String(required=True)
    points = Integer(required=True)
    value_cents = Integer(required=True)
    payable_cents = Integer(required=True)
    funder = fields.String(required=True)
    funder_kind = fields.String(required=True, validate=validate.OneOf(FUNDERS))
    staff_id = fields.UUID(required=True, allow_none=True)
    staff = fields.String(required=True, allow_none=True, metadata={"description": "Told to the shop alone"})


@listing(
    shops,
    "/statements",
    audience="shop",
    scope="statements",
    item=OwnStatementSchema,
    key=(int, int),
    filters={"state": fields.String(load_default=None, validate=validate.OneOf(STATES))},
)
def show_statements(caller: Principal, asked: dict[str, Any]) -> Page[dict[str, Any]]:
    """List the shop's statements, newest first."""
    found = list_own_statements(connection(), **shop_of(caller), **asked)
    page: Page[ListedStatement] = page_of(found, asked["limit"], lambda each: (each.number.year, each.number.number))
    return Page([asdict(each) | {"number": str(each.number)} for each in page.items], page.next)


@operation(
    shops,
    "GET",
    OF_NUMBER,
    audience="shop",
    scope="statements",
    answers=(200, WholeStatementSchema),
    refuses=(OwnStatementUnknownError,),
)
def show_own_statement(caller: Principal, year: int, number: int) -> dict[str, Any]:
    """Show one statement with its sums. Year and number are the two parts of its number, without the zeros."""
    statement = get_own_statement(connection(), StatementNumber(year, number), **shop_of(caller))
    totals = [asdict(each) | {"funder": each.funder_name} for each in statement.list_funder_totals()]
    return {
        **{name: getattr(statement, name) for name in ("month", "state", "locked_at", "sent_at", "paid_on")},
        **{name: getattr(statement, name) for name in ("points", "value_cents", "payable_cents", "is_simulated")},
        "number": str(statement.number),
        "shop": statement.shop,
        "authority": statement.authority,
        "timezone": statement.timezone.key,
        "lines": len(statement.lines),
        "funders": totals,
    }


@listing(
    shops,
    f"{OF_NUMBER}/lines",
    audience="shop",
    scope="statements",
    item=OwnLineSchema,
    key=(int,),
    refuses=(OwnStatementUnknownError,),
)
def show_statement_lines(caller: Principal, asked: dict[str, Any], year: int, number: int) -> Page[dict[str, Any]]:
    """List the lines of one statement in their order, with who redeemed."""
    lines = list_own_lines(connection(), StatementNumber(year, number), **shop_of(caller), **asked)
    page = page_of(lines, asked["limit"], lambda each: (each.line_no,))
    return Page(
        [
            asdict(each.line)
            | {"reference": each.line.reference, "funder": each.line.funder_name}
            | {"line_no": each.line_no, "staff_id": each.staff_id, "staff": each.staff}
            for each in page.items
        ],
        page.next,
    )


@operation(
    shops,
    "GET",
    f"{OF_NUMBER}/statement.pdf",
    audience="shop",
    scope="statements",
    query=LanguageQuerySchema,
    answers=(200, None),
    content_type="application/pdf",
    refuses=(OwnStatementUnknownError,),
)
def show_statement_document(caller: Principal, asked: dict[str, Any], year: int, number: int) -> Response:
    """Show one statement as PDF, in French or English (`lang`, else `Accept-Language`)."""
    statement = get_own_statement(connection(), StatementNumber(year, number), **shop_of(caller))
    document = services().render_statement(statement, language=language_of_request(), now=now())
    return answer_pdf(document, str(statement.number))
