"""The overview: the few figures that matter, each with what it means and with what is missing."""

from typing import Any
from zoneinfo import ZoneInfo

from partners_api.authorities.callers import tenant_of
from partners_api.authorities.figures import before_of
from partners_api.languages import language_of_request
from partners_api.pages.charts.kilograms import describe_kilograms
from partners_api.pages.figures import card_of_indicator
from partners_api.pages.page import page, render
from partners_api.pages.questions import QuestionSchema, name_of_place
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.liability import get_liability
from rewards.statistics.figures import Question, get_figures, period_of
from rewards.statistics.figures.comparing import compare_with_year_before
from rewards.statistics.figures.rows import row_of

SHOWN = ("kg_total", "kg_per_inhabitant_year", "deposits", "points_issued")


@page("/dashboard", query=QuestionSchema)
def show_overview(caller: Principal, asked: dict[str, Any]) -> str:
    """Show kilograms beside the year before, points, what is owed, and how complete it is."""
    period = period_of("whole", asked["first_day"], asked["last_day"])
    where = {name: asked[name] for name in ("material", "insee_code", "site", "bin_id")}
    question = Question(period, "whole", **where)
    when: dict[str, Any] = {"timezone": ZoneInfo(caller.timezone), "now": now()}
    figures = get_figures(connection(), question, **tenant_of(caller), **when)
    compared = compare_with_year_before(connection(), figures, **tenant_of(caller), **when)
    months = get_figures(connection(), Question(period, "month", **where), **tenant_of(caller), **when)
    [total] = figures.totals
    row = row_of(total)
    return render(
        "overview.html",
        asked=asked,
        place=name_of_place(asked),
        period=period,
        total=row,
        before=before_of(compared.get((-1, "", total.material))),
        cards=[card_of_indicator(name, row) for name in SHOWN],
        liability=get_liability(connection(), **tenant_of(caller), now=now()),
        missing_bins=figures.missing_bins,
        months=[row_of(cell) for cell in months.cells],
        months_told=describe_kilograms(months, language_of_request()),
    )
