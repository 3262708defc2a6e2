"""Figures: what was dropped where."""

from typing import Any
from zoneinfo import ZoneInfo

from flask import Response

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.authorities.schemas import COLUMNS, DailyFiguresSchema, DepositFiguresSchema, FiguresQuerySchema, Row
from partners_api.listings import CSV, choose_type, render_csv
from partners_api.operations import operation
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.statistics.deposits import DailyFigures, Figures, get_deposit_figures
from rewards.statistics.periods import Period, PeriodReversedError, PeriodTooLongError


@operation(
    authorities,
    "GET",
    "/figures/deposits",
    audience="authority",
    role="viewer",
    query=FiguresQuerySchema,
    answers=(200, DepositFiguresSchema),
    also_answers=(CSV,),
    refuses=(PeriodReversedError, PeriodTooLongError),
)
def show_deposit_figures(caller: Principal, asked: dict[str, Any]) -> dict[str, Any] | Response:
    """Show deposits, items, kilograms and active citizens by day, commune and material.

    With `format=csv` or `Accept: text/csv` the rows come as CSV, without the total.
    """
    period = Period(asked["first_day"], asked["last_day"])
    figures = get_deposit_figures(
        connection(),
        **tenant_of(caller),
        timezone=ZoneInfo(caller.timezone),
        period=period,
        material=asked["material"],
        insee_code=asked["insee_code"],
    )
    rows = [render_row(row) for row in figures.rows]
    if choose_type(asked["format"], (CSV,)) == CSV:
        return render_csv(DailyFiguresSchema(only=COLUMNS), rows)
    days = {"first_day": period.first_day, "last_day": period.last_day, "timezone": caller.timezone}
    return {"period": days, "total": render_figures(figures.total), "rows": rows}


def render_figures(figures: Figures) -> Row:
    """Return figures with grams as kilograms."""
    return {
        "deposits": figures.deposits,
        "items": figures.items,
        "kg_measured": figures.measured_g / 1000,
        "kg_estimated": None if figures.estimated_g is None else figures.estimated_g / 1000,
        "active_citizens": figures.active_citizens,
    }


def render_row(row: DailyFigures) -> Row:
    """Return one row, flat."""
    of = {"day": row.day, "insee_code": row.insee_code, "commune": row.commune, "material": row.material}
    return of | render_figures(row.figures)
