"""Who takes part: active and new holders, and of how many."""

from typing import Any

import marshmallow as ma
from flask import Response
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.authorities.fields import Day
from partners_api.listings import CSV, choose_type, render_csv
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer
from partners_api.texts import MATERIAL
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.statistics.participation.shares import DEFINITION, list_participation
from rewards.statistics.periods import PeriodReversedError

LEVELS = ("authority", "commune", "site")


class ParticipationQuerySchema(ma.Schema):
    """Which months or years, and where."""

    first_day = Day(required=True, data_key="from", metadata={"description": "Periods that begin on it or later"})
    last_day = Day(required=True, data_key="to", metadata={"description": "Periods that begin on it or before"})
    granularity = fields.String(load_default="month", validate=validate.OneOf(["month", "year"]))
    level = fields.String(load_default="authority", validate=validate.OneOf(LEVELS))
    material = fields.String(
        load_default=None, validate=MATERIAL, metadata={"description": "All together unless one is named"}
    )
    format = fields.String(
        load_default=None,
        validate=validate.OneOf(["json", "csv"]),
        metadata={"description": "Else by `Accept`: `application/json` or `text/csv`"},
    )


class ParticipationSchema(ma.Schema):
    """A month or year at a place; null where a count is withheld, or unknown."""

    first_day = fields.Date(required=True)
    level = fields.String(required=True, validate=validate.OneOf(LEVELS))
    code = fields.String(required=True, metadata={"description": "INSEE code or site id; empty: the authority"})
    name = fields.String(required=True)
    insee_code = fields.String(required=True, allow_none=True)
    material = fields.String(required=True, metadata={"description": "Empty: all together"})
    holders = Integer(required=True, allow_none=True)
    new_holders = Integer(required=True, allow_none=True)
    new_share = fields.Float(required=True, allow_none=True)
    households = Integer(required=True, allow_none=True)
    households_year = Integer(required=True, allow_none=True)
    households_source = fields.String(required=True, allow_none=True)
    registered_holders = Integer(
        required=True, allow_none=True, metadata={"description": "By the end of the period, rounded up to elevens"}
    )
    participation = fields.Float(required=True, allow_none=True)
    share_basis = fields.String(
        required=True, allow_none=True, validate=validate.OneOf(["households_served", "holders_registered"])
    )
    deposits = Integer(required=True)
    anonymous_deposits = Integer(required=True, metadata={"description": "Deposits nobody was credited for"})
    anonymous_share = fields.Float(required=True, allow_none=True)
    is_withheld = fields.Boolean(
        required=True, metadata={"description": "A count is not shown: of 1 to 10, or one that would tell of them"}
    )
    counted_at = Instant(required=True)


class ParticipationFiguresSchema(ma.Schema):
    """Months or years, oldest first, by place; those without deposits are absent."""

    definition = fields.String(required=True)
    rows = fields.List(fields.Nested(ParticipationSchema), required=True)


@operation(
    authorities,
    "GET",
    "/figures/participation",
    audience="authority",
    role="viewer",
    query=ParticipationQuerySchema,
    answers=(200, ParticipationFiguresSchema),
    also_answers=(CSV,),
    refuses=(PeriodReversedError,),
)
def show_participation(caller: Principal, asked: dict[str, Any]) -> dict[str, Any] | Response:
    """Show active and new holders by month or year, and the share of households served that took part.

    As counted once a day by `count-holders`. Without households the share is that of holders registered.
    """
    if asked["last_day"] < asked["first_day"]:
        raise PeriodReversedError
    wanted = choose_type(asked.pop("format"), (CSV,))
    asked["material"] = asked["material"] or ""
    rows = list_participation(connection(), **tenant_of(caller), timezone=caller.timezone, **asked)
    if wanted == CSV:
        return render_csv(ParticipationSchema(), rows)
    return {"definition": DEFINITION, "rows": rows}
