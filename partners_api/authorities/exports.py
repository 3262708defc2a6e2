"""Exports for other programs: no person is in them."""

import datetime
from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.authorities.fields import Day
from partners_api.listings import Page, listing, page_of
from partners_api.schemas import Integer
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.statistics.exports import DepositsOfDay, list_deposits_of_days
from rewards.statistics.periods import Period, PeriodReversedError, PeriodTooLongError


class DepositsOfDaySchema(ma.Schema):
    """What one bin at one site took of one material in a day of the authority's time zone."""

    day = fields.Date(required=True)
    site = fields.String(required=True)
    insee_code = fields.String(required=True)
    commune = fields.String(required=True)
    bin_id = fields.String(required=True)
    site_id = fields.UUID(required=True)
    material = fields.String(required=True)
    deposits = Integer(required=True, metadata={"description": "Anonymous ones too"})
    credited_deposits = Integer(required=True)
    items = Integer(required=True)
    mass_g = Integer(required=True, metadata={"description": "Weighed; 0 where the bin does not"})
    refused = Integer(required=True, metadata={"description": "Items the bin did not accept"})
    points = Integer(required=True)


@listing(
    authorities,
    "/exports/deposits",
    audience="authority",
    role="viewer",
    item=DepositsOfDaySchema,
    key=(datetime.date, str, UUID, str),
    filters={
        "first_day": Day(required=True, data_key="from"),
        "last_day": Day(required=True, data_key="to", metadata={"description": "Included; at most 366 days"}),
    },
    refuses=(PeriodReversedError, PeriodTooLongError),
)
def export_deposits(caller: Principal, asked: dict[str, Any]) -> Page[DepositsOfDay]:
    """List deposits by day, bin, site and material, oldest first."""
    period = Period(asked.pop("first_day"), asked.pop("last_day"))
    found = list_deposits_of_days(connection(), period, **tenant_of(caller), **asked)
    return page_of(found, asked["limit"], lambda each: each.key)
