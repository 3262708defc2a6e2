"""Who takes part: active and new holders by month, of how many households served, and what is withheld and why."""

from typing import Any

from partners_api.languages import language_of_request
from partners_api.pages.charts.participation import describe_participation
from partners_api.pages.page import page, render
from partners_api.pages.participation_rows import (
    find_last_whole,
    is_over,
    list_cards,
    list_communes_counted,
    list_counted,
    write_count,
    write_share_of,
)
from partners_api.pages.questions import PlaceQuestionSchema, name_of_place, today_of
from rewards.access import Principal
from rewards.statistics.periods import Period


@page("/dashboard/participation", query=PlaceQuestionSchema)
def show_participation(caller: Principal, asked: dict[str, Any]) -> str:
    """Show who takes part, by month and by year, and by commune in the last whole month."""
    months, today = list_counted(caller, asked), today_of(caller)
    latest = find_last_whole(months, today)
    is_of_all = not (asked["insee_code"] or asked["site"])
    return render(
        "participation.html",
        asked=asked,
        place=name_of_place(asked),
        period=Period(asked["first_day"], asked["last_day"]),
        months=months,
        years=list_counted(caller, asked, granularity="year"),
        latest=latest,
        cards=list_cards(latest) if latest else [],
        communes=list_communes_counted(caller, asked, latest.first_day) if latest and is_of_all else [],
        in_words=describe_participation(months, language_of_request()),
        is_over=lambda each, granularity: is_over(each, granularity, today),
        write_count=write_count,
        write_share_of=write_share_of,
    )
