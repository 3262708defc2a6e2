"""The public report of a year: what it says in brief, and the document to hand out."""

from typing import Any
from zoneinfo import ZoneInfo

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.annual_reports import gather
from partners_api.pages.page import page, render
from partners_api.services import now
from rewards.access import Principal
from rewards.statistics.annual_report import AnnualReport, NothingInYearError, YearNotOverError
from rewards.statistics.periods import PeriodToComeError

YEARS_SHOWN = 6


class YearSchema(ma.Schema):
    """Which year; the last that is over where none is named."""

    year = fields.Integer(load_default=None, validate=validate.Range(2000, 2100))


@page("/dashboard/report", query=YearSchema)
def show_report_page(caller: Principal, asked: dict[str, Any]) -> str:
    """Show a year in brief with its PDF, or why there is no report of it."""
    last = now().astimezone(ZoneInfo(caller.timezone)).year - 1
    year: int = asked["year"] or last
    report: AnnualReport | None = None
    why = ""
    try:
        report = gather(caller, year)
    except (PeriodToComeError, YearNotOverError, NothingInYearError) as refusal:
        why = refusal.code
    years = sorted({year, *range(last, last - YEARS_SHOWN, -1)}, reverse=True)
    return render("report.html", report=report, why=why, year=year, years=years)
