"""Charts as pictures of the pages: who sees them, how they are kept, and what happens when nothing draws them."""

import datetime
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bontri.charts.drawing import draw
from partners_api.services import EXTENSION, draw_nothing
from tests.pages_scene import Pages, build_pages

NOW = datetime.datetime(2026, 11, 21, 9, tzinfo=datetime.UTC)
LIABILITY = "/dashboard/charts/liability.svg"


@pytest.fixture(scope="module")
def pages(databases) -> Iterator[Pages]:
    with databases.lend() as database:
        yield build_pages(database, NOW)


def let_draw(pages: Pages, draw_chart) -> None:
    extensions = pages.api.app.extensions
    extensions[EXTENSION] = replace(extensions[EXTENSION], draw_chart=draw_chart)


def test_every_chart_answers_a_picture_or_that_there_is_nothing(pages: Pages):
    from partners_api.pages.authorities.charts import CHARTS

    let_draw(pages, draw)
    found = {name: pages.look("viewer", f"/dashboard/charts/{name}.svg").status_code for name in CHARTS}
    assert set(found.values()) <= {200, 404}
    assert 200 in found.values(), found


def test_picture_is_kept_by_the_browser_alone_and_asked_for_again(pages: Pages):
    let_draw(pages, draw)
    path = drawn_path(pages)
    answer = pages.look("viewer", path)
    assert answer.headers["Content-Type"].startswith("image/svg+xml")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    again = pages.client("viewer").get(path, headers={"If-None-Match": answer.headers["ETag"], "Accept-Language": "en"})
    assert again.status_code == 304
    assert pages.look("viewer", f"{path}?colours=dark").headers["ETag"] != answer.headers["ETag"]
    assert pages.look("viewer", path.replace(".svg", ".png")).data.startswith(b"\x89PNG")


def test_picture_names_its_language_and_chooses_none(pages: Pages):
    let_draw(pages, draw)
    browser = pages.client("viewer")
    english = {"Accept": "text/html", "Accept-Language": "en"}
    assert not browser.get(f"{drawn_path(pages)}?lang=fr", headers=english).headers.getlist("Set-Cookie")
    assert '<html lang="en"' in browser.get("/dashboard", headers=english).text


def test_picture_of_the_whole_authority_is_not_called_that_of_a_site(pages: Pages):
    let_draw(pages, draw)
    for name in ("points", "performance", "liability"):
        shown = pages.look("viewer", f"/dashboard/charts/{name}.svg?site=A").text
        assert ("Site A" in shown, "Whole territory" in shown) == (False, True), name
    # The control: one that is of a site says so.
    assert "Site A" in pages.look("viewer", "/dashboard/charts/kilograms.svg?site=A").text


def drawn_path(pages: Pages) -> str:
    from partners_api.pages.authorities.charts import CHARTS

    paths = (f"/dashboard/charts/{name}.svg" for name in CHARTS)
    return next(path for path in paths if pages.look("viewer", path).status_code == 200)


def test_where_nothing_draws_the_picture_alone_is_away(pages: Pages):
    let_draw(pages, draw)
    path = drawn_path(pages)
    let_draw(pages, draw_nothing)
    answer = pages.look("viewer", path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert pages.look("viewer", "/dashboard").status_code == 200


def test_who_has_not_signed_in_sees_no_chart(pages: Pages):
    assert pages.look(None, LIABILITY).status_code == 303


@pytest.mark.parametrize("path", ["/dashboard/charts/nothing.svg", "/dashboard/charts/kilograms.gif"])
def test_chart_that_is_not_there_is_not_found(pages: Pages, path: str):
    assert pages.look("viewer", path).status_code == 404


def test_refusals_are_those_of_the_page(pages: Pages):
    assert pages.look("viewer", "/dashboard/charts/kilograms.svg?from=2026-11-20&to=2026-11-01").status_code == 422
    assert pages.look("viewer", "/dashboard/charts/kilograms.svg?colours=pink").status_code == 422


def test_others_are_compared_in_the_last_year_that_is_whole():
    from partners_api.pages.questions import whole_year_until

    assert whole_year_until(datetime.date(2026, 11, 20)) == 2025
    assert whole_year_until(datetime.date(2026, 12, 31)) == 2026
