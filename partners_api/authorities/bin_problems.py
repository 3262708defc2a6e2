"""What is wrong with bins: what citizens report and what bins raise themselves; closing what was seen to."""

import datetime
from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import name_of, tenant_of
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Boolean, Instant, Integer
from partners_api.services import now
from partners_api.texts import BIN_ID
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.bin_problems import ProblemClosedError, ProblemUnknownError, Trouble, close_problem, list_troubles
from rewards.schema.requests import PROBLEM_OUTCOMES


class TroubleSchema(ma.Schema):
    """Something wrong with a bin: citizens report `full`, `broken` and so on, bins raise `gap`, `clone` and so on."""

    source = fields.String(required=True, validate=validate.OneOf(["citizens", "bin"]))
    problem_id = fields.UUID(required=True, allow_none=True, metadata={"description": "Null: an alarm of the bin"})
    bin_id = fields.String(required=True)
    kind = fields.String(required=True)
    reports = Integer(required=True, metadata={"description": "By citizens; of an alarm how often it was raised"})
    reported_at = Instant(required=True)
    last_reported_at = Instant(required=True)
    closed_at = Instant(required=True, allow_none=True)
    closed_by = fields.String(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True, validate=validate.OneOf(PROBLEM_OUTCOMES))
    detail = fields.Dict(required=True, allow_none=True, metadata={"description": "Of an alarm: counts and journals"})


class ClosingSchema(ma.Schema):
    """What was made of it."""

    outcome = fields.String(required=True, validate=validate.OneOf(PROBLEM_OUTCOMES))


@listing(
    authorities,
    "/bin-problems",
    audience="authority",
    role="viewer",
    item=TroubleSchema,
    key=(datetime.datetime, str),
    filters={
        "source": fields.String(load_default=None, validate=validate.OneOf(["citizens", "bin"])),
        "bin_id": fields.String(load_default=None, validate=BIN_ID),
        "with_closed": Boolean(load_default=False, strict=False, metadata={"description": "And those that are over"}),
    },
)
def show_bin_problems(caller: Principal, asked: dict[str, Any]) -> Page[Trouble]:
    """List what is wrong with bins, newest first: what citizens report, and the alarms of the fleet."""
    troubles = list_troubles(connection(), **tenant_of(caller), **asked)
    return page_of(troubles, asked["limit"], lambda each: (each.reported_at, each.trouble))


@operation(
    authorities,
    "POST",
    "/bin-problems/<uuid:problem_id>/closing",
    audience="authority",
    role="manager",
    body=ClosingSchema,
    answers=(204, None),
    refuses=(ProblemUnknownError, ProblemClosedError),
)
def close_bin_problem(caller: Principal, said: dict[str, str], problem_id: UUID) -> None:
    """Close what citizens reported; a later report opens another. Alarms of bins are ended by operators."""
    close_problem(
        connection(),
        problem_id,
        **tenant_of(caller),
        outcome=said["outcome"],
        closed_by=name_of(caller),
        now=now(),
    )
