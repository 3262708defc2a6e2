"""What the operations of shops share: who is at the till, and which day is asked for."""

import datetime

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.texts import WholeText

DAY_RANGE = validate.Range(datetime.date(2000, 1, 1), datetime.date(2100, 12, 31))


PIN = WholeText(r"^[0-9]{6}$")


class AtTillSchema(ma.Schema):
    """Who of the shop's staff does this; wanted by shops that have PINs on, and kept with the redemption."""

    staff_id = fields.UUID(load_default=None, metadata={"description": "From `GET /api/v1/shop/staff`"})
    pin = fields.String(load_default=None, validate=PIN, metadata={"description": "Six digits"})


def day_filter(about: str) -> fields.Date:
    """Return the filter of a list that has one day at a time."""
    return fields.Date(
        load_default=None,
        validate=DAY_RANGE,
        metadata={"description": f"{about} on this day of the authority's calendar; today unless said"},
    )
