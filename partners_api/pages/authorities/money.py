"""What is owed for points, where they went, what funders give, and what shops are paid."""

import datetime
from collections.abc import Mapping
from typing import Any

from partners_api.authorities.callers import tenant_of
from partners_api.languages import language_of_request
from partners_api.pages.charts.points import describe_liability, describe_point_flows
from partners_api.pages.owed_rows import list_owed
from partners_api.pages.page import page, render
from partners_api.pages.questions import EVERYWHERE, QuestionSchema, question_of, today_of, when_of
from partners_api.pages.translations import said_later
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.liability import get_liability
from rewards.offers.budgets import list_budgets
from rewards.settlement.overview import ShopOfMonth, list_shops_of_month
from rewards.statistics.figures import get_figures
from rewards.statistics.figures.rows import row_of

MOST_SHOPS = 10_000
SHOPS_SHOWN = 300
FLOWS = ("points_issued", "points_redeemed", "points_expired")
STATES = {
    "draft": said_later("as it stands"),
    "locked": said_later("locked"),
    "sent": said_later("sent"),
    "paid": said_later("paid"),
}


@page("/dashboard/liability", query=QuestionSchema)
def show_money(caller: Principal, asked: dict[str, Any]) -> str:
    """Show what is owed today, and of the period where points went; all of it of the whole authority."""
    owed = get_liability(connection(), **tenant_of(caller), now=now())
    flows = get_figures(connection(), question_of(asked, **EVERYWHERE), **when_of(caller))
    month = month_of_statements(asked, today_of(caller))
    shops = list_shops(caller, month)
    total = row_of(flows.totals[0])
    return render(
        "liability.html",
        asked=asked,
        period=flows.question.period,
        owed=owed,
        owed_by_month=list_owed(owed),
        owed_in_words=describe_liability(owed, language_of_request()),
        months=[row_of(cell) for cell in flows.cells],
        has_flows=any(total[name] for name in FLOWS),
        flows_in_words=describe_point_flows(flows, language_of_request()),
        funders=list_budgets(connection(), **tenant_of(caller)),
        month=month,
        shops=shops[:SHOPS_SHOWN],
        shops_in_all=len(shops),
        payable_cents=sum(each.payable_cents for each in shops),
        states=STATES,
    )


def list_shops(caller: Principal, month: datetime.date) -> list[ShopOfMonth]:
    """List the shops that have a statement of a month, or would get one, by name."""
    return list_shops_of_month(connection(), month, **tenant_of(caller), limit=MOST_SHOPS)


def month_of_statements(asked: Mapping[str, Any], today: datetime.date) -> datetime.date:
    """Return the month statements are shown of: that of the last day asked for, at the latest the one before today's.

    Pure.
    """
    last_day: datetime.date = asked["last_day"]
    return min(last_day.replace(day=1), month_before(today))


def month_before(today: datetime.date) -> datetime.date:
    """Return the first day of the month that is over. Pure."""
    return (today.replace(day=1) - datetime.timedelta(days=1)).replace(day=1)
