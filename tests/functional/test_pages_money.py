"""What the page of points and money says is what the ledger holds."""

import datetime
import re
from html import unescape

import pytest
from sqlalchemy import text

from partners_api.pages.authorities.money import month_before
from rewards.liability import get_liability
from rewards.settlement import lock_statement
from tests.pages_scene import Pages, build_pages

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
IN_LOTS = text("""
    SELECT coalesce(sum(credits_posted - debits_posted - debits_pending), 0) FROM accounts
     WHERE authority_id = :authority_id AND kind = 'lot'
""")
PAYABLE = text("SELECT sum(payable_cents) FROM settlements WHERE authority_id = :authority_id")
ISSUED = text("SELECT sum(points) FROM daily_deposits WHERE authority_id = :authority_id")


@pytest.fixture(scope="module")
def pages(databases) -> Pages:
    with databases.lend() as database:
        yield build_pages(database, NOW)


def figure_of(shown: str, name: str) -> str:
    return re.search(rf'data-figure="{name}">([^<]*)<', shown)[1]


def table_of(shown: str, part: str) -> str:
    begins = shown.index(f'id="{part}"')
    return shown[begins : shown.index("</table>", begins)]


def test_points_not_spent_are_those_of_the_ledger(pages: Pages):
    shown = pages.look("viewer", "/dashboard/liability").text
    of = {"authority_id": pages.api.town.authority_id}
    with pages.api.owner.connect() as connection:
        points = connection.execute(IN_LOTS, of).scalar_one()
        owed = get_liability(connection, **of, now=NOW)
    assert points > 0
    assert f"{points:,} points." in shown
    assert figure_of(shown, "total_cents") == f"€{owed.total_cents / 100:,.0f}"
    assert figure_of(shown, "points_cents") == f"€{owed.points_cents / 100:,.0f}"
    rows = re.findall(
        r'<td class="number" data-sort="(\d+)">[\d,]+</td><td class="number" data-sort="\d+">€',
        table_of(shown, "owed-table"),
    )
    assert sum(map(int, rows)) == points


def test_points_by_month_add_up_to_those_of_the_deposits(pages: Pages):
    shown = pages.look("viewer", "/dashboard/liability?from=2026-01-01&to=2026-11-20").text
    with pages.api.owner.connect() as connection:
        issued = connection.execute(ISSUED, {"authority_id": pages.api.town.authority_id}).scalar_one()
    given = re.findall(r'</th><td class="number" data-sort="(\d+)">', table_of(shown, "flows"))
    assert len(given) == 11
    assert sum(map(int, given)) == issued


def test_empty_parts_say_what_is_missing(pages: Pages):
    shown = pages.look("viewer", "/dashboard/liability?from=2010-01-01&to=2010-12-31").text
    assert "No point was given, spent or expired in this period" in shown
    assert "No shop redeemed a voucher in that month" in shown


def test_statement_that_is_locked_is_there_with_its_pdf_and_the_rest_as_it_stands(pages: Pages):
    api, october = pages.api, datetime.datetime(2026, 10, 20, 9, tzinfo=datetime.UTC)
    api.now = october
    code = api.buy("money-1")["code"]
    assert api.call("shop", "POST", "/shop/redemptions", key="money-2", json={"code": code}).status_code == 201
    api.now = NOW
    assert "as it stands" in pages.look("viewer", "/dashboard/liability").text
    with api.owner.begin() as connection:
        locked = lock_statement(
            connection,
            authority_id=api.town.authority_id,
            shop_id=api.town.shop.shop_id,
            month=datetime.date(2026, 10, 1),
            locked_by="ada",
            now=NOW,
        )
    assert locked is not None
    shown = pages.look("viewer", "/dashboard/liability").text
    [path] = re.findall(r'href="(/api/v1/authority/statements/[^"]*\.pdf[^"]*)"', shown)
    document = pages.client("viewer").get(unescape(path))
    assert (document.status_code, document.data[:5], document.mimetype) == (200, b"%PDF-", "application/pdf")
    with api.owner.connect() as connection:
        payable = connection.execute(PAYABLE, {"authority_id": api.town.authority_id}).scalar_one()
    assert f"1 shops, €{payable / 100:,.2f} in all." in shown
    assert pages.client(None).get(unescape(path)).status_code == 401
    # A month before it has none of it.
    assert "No shop redeemed a voucher in that month" in pages.look("viewer", "/dashboard/liability?to=2026-09-30").text


def test_nothing_is_offered_to_choose_that_would_change_nothing(pages: Pages):
    assert 'name="insee_code"' not in pages.look("viewer", "/dashboard/liability").text
    # The control.
    assert 'name="insee_code"' in pages.look("viewer", "/dashboard/bins").text


def test_month_that_is_over_is_the_one_before_also_in_january():
    assert month_before(datetime.date(2026, 1, 31)) == datetime.date(2025, 12, 1)
    assert month_before(datetime.date(2026, 3, 31)) == datetime.date(2026, 2, 1)
