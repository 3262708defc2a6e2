"""The overview: the few figures that matter, each with what it means and with what is missing."""

from collections.abc import Mapping
from typing import Any

from partners_api.languages import language_of_request
from partners_api.pages.charts.kilograms import describe_kilograms, state_of
from partners_api.pages.charts.performance import describe_performance, list_rows
from partners_api.pages.figures import card_of_indicator
from partners_api.pages.page import page, render
from partners_api.pages.questions import (
    QuestionSchema,
    name_of_place,
    question_of,
    usual_material,
    when_of,
    whole_year_until,
)
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.statistics.effect.keeping import find_kept_verdict
from rewards.statistics.figures import Cell, get_figures
from rewards.statistics.figures.comparing import CellKey, Comparison, compare_with_year_before, key_of
from rewards.statistics.figures.rows import before_of, row_of
from rewards.statistics.references.comparing import compare

SHOWN = ("kg_total", "kg_per_inhabitant_year", "deposits", "points_issued")


@page("/dashboard", query=QuestionSchema)
def show_overview(caller: Principal, asked: dict[str, Any]) -> str:
    """Show kilograms beside the year before, points, what is owed, and how complete it is."""
    when, language = when_of(caller), language_of_request()
    question = question_of(asked)
    figures = get_figures(connection(), question, **when)
    compared = compare_with_year_before(connection(), figures, **when)
    [total] = figures.totals
    row = row_of(total)
    material = asked["material"] or usual_material()
    beside = compare(connection(), material, whole_year_until(asked["last_day"]), **when)
    return render(
        "overview.html",
        asked=asked,
        place=name_of_place(asked),
        period=question.period,
        total=row,
        before=before_of(compared.get((-1, "", total.material))),
        cards=[card_of_indicator(name, row) for name in SHOWN],
        missing_bins=figures.missing_bins,
        months=[month_of(cell, compared) for cell in figures.cells],
        months_in_words=describe_kilograms(figures, language),
        beside=list_rows(beside, language, None),
        beside_in_words=describe_performance(beside, language),
        beside_of=material,
        effect=find_kept_verdict(connection(), material, authority_id=caller.authority_id),
    )


def month_of(cell: Cell, compared: Mapping[CellKey, Comparison]) -> dict[str, Any]:
    """Return a row of the table of months."""
    before = before_of(compared.get(key_of(cell)))
    return {"first_day": cell.step.begins, "state": state_of(cell), "row": row_of(cell), "before": before}
