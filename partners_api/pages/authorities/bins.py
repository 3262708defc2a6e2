"""The bins: how long each was silent or full, how full it is, and when it will be full."""

from typing import Any
from zoneinfo import ZoneInfo

from partners_api.languages import language_of_request
from partners_api.pages.bin_rows import list_attended
from partners_api.pages.charts.bins import describe_full_dates, describe_levels
from partners_api.pages.page import page, render
from partners_api.pages.questions import QuestionSchema, name_of_place
from partners_api.pages.translations import gettext, said_later
from rewards.access import Principal
from rewards.statistics.bin_attendance import BinAttendance
from rewards.statistics.forecasts import NoForecast
from rewards.statistics.periods import Period

BINS_MAX = 300
"""A page of more would be too heavy for a telephone; the CSV has all."""
WHY_NO_FORECAST: dict[NoForecast, str] = {
    "nothing_told": said_later("never told its level"),
    "too_few_levels": said_later("too few levels since it was emptied"),
    "not_rising": said_later("not rising"),
    "beyond_a_year": said_later("not within a year"),
}


@page("/dashboard/bins", query=QuestionSchema)
def show_bins(caller: Principal, asked: dict[str, Any]) -> str:
    """Show the bins that stood somewhere in the period, the soonest full first."""
    zone, language = ZoneInfo(caller.timezone), language_of_request()
    found = list_attended(caller, asked)
    return render(
        "bins.html",
        asked=asked,
        place=name_of_place(asked),
        period=Period(asked["first_day"], asked["last_day"]),
        found=found,
        shown=sorted(found, key=order_of)[:BINS_MAX],
        why_no_forecast=lambda each: gettext(WHY_NO_FORECAST[each.no_forecast]),
        zone=zone,
        levels_in_words=describe_levels(found, language),
        dates_in_words=describe_full_dates(found, language, timezone=zone),
    )


def order_of(each: BinAttendance) -> tuple[bool, float, str]:
    """Return what bins are shown by: the soonest full first, those without a forecast last."""
    likely_at = each.full_likely_at
    return likely_at is None, 0.0 if likely_at is None else likely_at.timestamp(), each.bin_id
