"""What an authority's agents ask and get."""

import datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.schemas import Integer
from partners_api.texts import INSEE, MATERIAL

DAY_RANGE = validate.Range(datetime.date(2000, 1, 1), datetime.date(2100, 12, 31))


class FiguresQuerySchema(ma.Schema):
    """Which period, and of what. Days are those of the authority's time zone."""

    first_day = fields.Date(required=True, data_key="from", validate=DAY_RANGE)
    last_day = fields.Date(
        required=True, data_key="to", validate=DAY_RANGE, metadata={"description": "Included; at most 366 days"}
    )
    material = fields.String(load_default=None, validate=MATERIAL)
    insee_code = fields.String(load_default=None, validate=INSEE)
    format = fields.String(
        load_default=None,
        validate=validate.OneOf(["json", "csv"]),
        metadata={"description": "Else by `Accept`: `application/json` or `text/csv`"},
    )


class FiguresSchema(ma.Schema):
    """What was dropped, and by how many."""

    deposits = Integer(required=True)
    items = Integer(required=True)
    kg_measured = fields.Float(required=True, metadata={"description": "Weighed by bins"})
    kg_estimated = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Items × the material's unit mass, where bins do not weigh; null where none is known"},
    )
    active_citizens = Integer(
        required=True,
        allow_none=True,
        metadata={
            "description": "Wallets with a deposit of theirs; never a sum of other rows' counts; null for fewer than 11"
        },
    )


class DailyFiguresSchema(FiguresSchema):
    """One day, commune and material; those without deposits are absent."""

    day = fields.Date(required=True)
    insee_code = fields.String(required=True)
    commune = fields.String(required=True)
    material = fields.String(required=True)


class PeriodSchema(ma.Schema):
    """From the first to the last day, both included, in the authority's time zone."""

    first_day = fields.Date(required=True, data_key="from")
    last_day = fields.Date(required=True, data_key="to")
    timezone = fields.String(required=True)


class DepositFiguresSchema(ma.Schema):
    """The figures of a period by day, commune and material, and in total."""

    period = fields.Nested(PeriodSchema, required=True)
    total = fields.Nested(FiguresSchema, required=True)
    rows = fields.List(fields.Nested(DailyFiguresSchema), required=True)


COLUMNS: tuple[str, ...] = (
    "day",
    "insee_code",
    "commune",
    "material",
    "deposits",
    "items",
    "kg_measured",
    "kg_estimated",
    "active_citizens",
)
"""Of the CSV; the same figures as the rows of the JSON."""

Row = dict[str, Any]
