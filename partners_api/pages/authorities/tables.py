"""The tables of pages as CSV: `/dashboard/tables/bins.csv`, asked as the page is that shows them, and whole.

Lists of the API end after some hundred rows and go on with the next page; whoever follows a link on a page wants all.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import marshmallow as ma
from flask import Response
from marshmallow import fields, validate

from partners_api.authorities.bin_attendance import BinAttendanceSchema
from partners_api.authorities.callers import tenant_of
from partners_api.authorities.figure_schemas import SiteFiguresSchema
from partners_api.authorities.figures import render_site
from partners_api.authorities.mass_balance import BinBalanceSchema
from partners_api.authorities.money import FunderBudgetSchema
from partners_api.authorities.participation import ParticipationSchema
from partners_api.authorities.ranking import RankedSchema, render_ranked
from partners_api.authorities.settlements import ShopOfMonthSchema
from partners_api.listings import render_csv
from partners_api.pages.authorities.money import list_shops, month_of_statements
from partners_api.pages.authorities.ranking import RankingQuerySchema, list_ranked
from partners_api.pages.bin_rows import list_attended, list_balanced
from partners_api.pages.owed_rows import OwedOfMonth, list_owed
from partners_api.pages.page import page
from partners_api.pages.participation_rows import list_counted
from partners_api.pages.questions import PlaceQuestionSchema, QuestionSchema, today_of, when_of
from partners_api.schemas import Integer
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.liability import get_liability
from rewards.mass_balance import BinBalance
from rewards.offers import FunderBudget
from rewards.offers.budgets import list_budgets
from rewards.settlement.overview import ShopOfMonth
from rewards.statistics.bin_attendance import BinAttendance
from rewards.statistics.figures import Question, period_of
from rewards.statistics.figures.of_sites import list_site_figures
from rewards.statistics.participation.shares import Participation

Asked = dict[str, Any]
Row = dict[str, Any]
List = Callable[[Principal, Asked], Sequence[Any]]


class OwedOfMonthSchema(ma.Schema):
    """Points credited in a month and not spent, or vouchers issued in it that are out, and what they cost."""

    kind = fields.String(required=True, validate=validate.OneOf(["points", "vouchers"]))
    month = fields.Date(required=True)
    expires_on = fields.Date(required=True, allow_none=True)
    points = Integer(required=True)
    cents = Integer(required=True, allow_none=True)


def table(name: str, row: type[ma.Schema], *, query: type[ma.Schema] = QuestionSchema) -> Callable[[List], List]:
    """Make what lists rows for a page send them as ``/dashboard/tables/<name>.csv``."""

    def decorate(list_rows: List) -> List:
        @page(f"/dashboard/tables/{name}.csv", query=query)
        @wraps(list_rows)
        def send(caller: Principal, asked: Asked) -> Response:
            return render_csv(row(), list_rows(caller, asked))

        return list_rows

    return decorate


@table("sites", SiteFiguresSchema, query=PlaceQuestionSchema)
def send_sites(caller: Principal, asked: Asked) -> list[Row]:
    """Send the sites with what each collected."""
    where = {name: asked[name] for name in ("material", "insee_code", "site")}
    question = Question(period_of("whole", asked["first_day"], asked["last_day"]), "whole", "site", **where)
    return [render_site(each) for each in list_site_figures(connection(), question, **when_of(caller))]


@table("ranking", RankedSchema, query=RankingQuerySchema)
def send_ranking(caller: Principal, asked: Asked) -> list[Row]:
    """Send sites or communes with what to do there."""
    return [render_ranked(each) for each in list_ranked(caller, asked)]


@table("bins", BinAttendanceSchema)
def send_bins(caller: Principal, asked: Asked) -> list[BinAttendance]:
    """Send the bins: hours, levels and forecasts."""
    return list_attended(caller, asked)


@table("mass-balance", BinBalanceSchema)
def send_mass_balance(caller: Principal, asked: Asked) -> list[BinBalance]:
    """Send what bins counted beside what was weighed."""
    return list_balanced(caller, asked)


@table("participation", ParticipationSchema, query=PlaceQuestionSchema)
def send_participation(caller: Principal, asked: Asked) -> list[Participation]:
    """Send who takes part, by month."""
    return list_counted(caller, asked)


@table("participation-years", ParticipationSchema, query=PlaceQuestionSchema)
def send_participation_years(caller: Principal, asked: Asked) -> list[Participation]:
    """Send who takes part, by year."""
    return list_counted(caller, asked, granularity="year")


@table("owed", OwedOfMonthSchema)
def send_owed(caller: Principal, _asked: Asked) -> list[OwedOfMonth]:
    """Send what is owed today, by the month it comes from."""
    return list_owed(get_liability(connection(), **tenant_of(caller), now=now()))


@table("funders", FunderBudgetSchema)
def send_funders(caller: Principal, _asked: Asked) -> list[FunderBudget]:
    """Send funders with their budgets."""
    return list_budgets(connection(), **tenant_of(caller))


@table("statements", ShopOfMonthSchema)
def send_statements(caller: Principal, asked: Asked) -> list[ShopOfMonth]:
    """Send what shops are paid for the month that is shown."""
    return list_shops(caller, month_of_statements(asked, today_of(caller)))
