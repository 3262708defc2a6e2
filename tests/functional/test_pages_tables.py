"""The CSVs beside tables: the same rows as the API's, of the same question, and all of them."""

import csv
import datetime
import io

import pytest

from tests.pages_scene import Pages, build_pages

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
ASKED = "from=2026-08-01&to=2026-11-20"
SAME: dict[str, str] = {
    "sites": "figures/sites",
    "ranking": "figures/ranking",
    "bins": "figures/bins",
    "mass-balance": "figures/mass-balance",
}
OTHERS = ("participation", "participation-years", "owed", "funders", "statements")


@pytest.fixture(scope="module")
def pages(databases) -> Pages:
    with databases.lend() as database:
        yield build_pages(database, NOW)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(("name", "path"), SAME.items())
@pytest.mark.parametrize("where", ["", "&insee_code=93066"])
def test_rows_are_those_of_the_api(pages: Pages, name: str, path: str, where: str):
    told = pages.api.call("authority", "GET", f"/authority/{path}?{ASKED}{where}&format=csv")
    sent = pages.look("viewer", f"/dashboard/tables/{name}.csv?{ASKED}{where}")
    assert sent.mimetype == "text/csv"
    assert rows_of(sent.text) == rows_of(told.text)
    assert rows_of(sent.text)


def test_nothing_is_cut_where_the_api_goes_on_with_a_next_page(pages: Pages):
    assert len(rows_of(pages.look("viewer", f"/dashboard/tables/bins.csv?{ASKED}&limit=1").text)) == 2
    first = pages.api.call("authority", "GET", f"/authority/figures/bins?{ASKED}&limit=1&format=csv")
    assert len(rows_of(first.text)) == 1


@pytest.mark.parametrize("name", [*SAME, *OTHERS])
def test_of_the_months_until_yesterday_where_nothing_is_asked_and_for_those_who_signed_in_alone(
    pages: Pages, name: str
):
    assert pages.look("viewer", f"/dashboard/tables/{name}.csv").text.count("\r\n") >= 1
    assert pages.look(None, f"/dashboard/tables/{name}.csv").status_code == 303


@pytest.mark.parametrize("name", ["sites", "bins", "mass-balance", "ranking", "participation"])
def test_place_nobody_knows_is_no_empty_table(pages: Pages, name: str):
    refused = pages.look("viewer", f"/dashboard/tables/{name}.csv?site=Nowhere")
    assert (refused.status_code, refused.mimetype) == (404, "text/html")
    assert pages.look("viewer", f"/dashboard/tables/{name}.csv?site=A").status_code == 200


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/bins", "/dashboard/mass-balance"])
def test_bin_nobody_knows_is_told(pages: Pages, path: str):
    assert pages.look("viewer", f"{path}?bin_id=NOBODYS").status_code == 404


@pytest.mark.parametrize("path", ["/dashboard/map", "/dashboard/ranking", "/dashboard/participation"])
def test_page_that_knows_no_single_bin_does_not_claim_to_be_of_one(pages: Pages, path: str):
    bin_id = pages.api.town.bin_ids[0]
    assert f"Bin {bin_id}" not in pages.look("viewer", f"{path}?bin_id={bin_id}").text
    # The control.
    assert f"Bin {bin_id}" in pages.look("viewer", f"/dashboard/bins?bin_id={bin_id}").text.replace("Bins: ", "")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("to=2026-06-30", "2025-07-01", "2026-06-30"),
        ("from=2026-03-01", "2026-03-01", "2026-11-20"),
        ("from=2026-11-21", "2026-11-21", "2026-11-21"),
        ("", "2025-11-21", "2026-11-20"),
    ],
)
def test_one_day_alone_is_enough(pages: Pages, asked: str, first: str, last: str):
    shown = pages.look("viewer", f"/dashboard?{asked}").text
    assert f'name="from" value="{first}"' in shown
    assert f'name="to" value="{last}"' in shown


def test_language_nobody_speaks_does_not_hide_the_one_that_was_chosen(pages: Pages):
    browser = pages.client("viewer")
    headers = {"Accept": "text/html", "Accept-Language": "en"}
    browser.get("/dashboard?lang=fr", headers=headers)
    assert '<html lang="fr"' in browser.get("/dashboard?lang=tlh", headers=headers).text
