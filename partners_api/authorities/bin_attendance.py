"""How long bins were silent or full, and when they will be full."""

from typing import Any
from zoneinfo import ZoneInfo

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.authorities.fields import Day
from partners_api.authorities.named_places import OF_PLACE, REFUSES_PLACE, require_place
from partners_api.listings import Page, listing, page_of
from partners_api.schemas import Instant, Integer
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.statistics.bin_attendance import BinAttendance, list_bin_attendance
from rewards.statistics.forecasts import REASONS
from rewards.statistics.periods import Period, PeriodReversedError, PeriodToComeError, PeriodTooLongError


class BinAttendanceSchema(ma.Schema):
    """A bin in a period; minutes are whole hours of what was heard, of what has passed of the period."""

    bin_id = fields.String(required=True)
    site = fields.String(required=True, allow_none=True, metadata={"description": "Where it stands now"})
    insee_code = fields.String(required=True, allow_none=True)
    commune = fields.String(required=True, allow_none=True)
    placed_minutes = Integer(required=True, metadata={"description": "It stood at some site"})
    silent_minutes = Integer(required=True, metadata={"description": "Of those, hours without a word of it"})
    told_minutes = Integer(required=True, metadata={"description": "Hours in which it told how full it is"})
    full_minutes = Integer(required=True, metadata={"description": "Of those, hours in which that was 95 % or more"})
    fill_pct = Integer(required=True, allow_none=True, metadata={"description": "Of the fullest compartment, at last"})
    fill_at = Instant(required=True, allow_none=True)
    full_likely_at = Instant(required=True, allow_none=True)
    full_earliest_at = Instant(required=True, allow_none=True)
    full_latest_at = Instant(required=True, allow_none=True, metadata={"description": "null: perhaps not in a year"})
    no_forecast = fields.String(
        required=True, allow_none=True, validate=validate.OneOf(REASONS), metadata={"description": "Why there is none"}
    )


@listing(
    authorities,
    "/figures/bins",
    audience="authority",
    role="viewer",
    item=BinAttendanceSchema,
    key=(str,),
    filters={
        "first_day": Day(required=True, data_key="from"),
        "last_day": Day(required=True, data_key="to", metadata={"description": "Included; at most 366 days"}),
        **OF_PLACE,
    },
    refuses=(*REFUSES_PLACE, PeriodReversedError, PeriodTooLongError, PeriodToComeError),
)
def show_bin_attendance(caller: Principal, asked: dict[str, Any]) -> Page[BinAttendance]:
    """List the bins that stood somewhere in a period, by id: silent and full minutes, fill level, when it will be full.

    Commune and site are of where a bin stands now.
    The forecast is made from the levels told since the bin was emptied last, and is of now, whatever the period.
    """
    period = Period(asked.pop("first_day"), asked.pop("last_day"))
    [after] = asked.pop("after") or [None]
    require_place(caller, asked)
    found = list_bin_attendance(
        connection(), period, **tenant_of(caller), timezone=ZoneInfo(caller.timezone), now=now(), after=after, **asked
    )
    return page_of(found, asked["limit"], lambda each: (each.bin_id,))
