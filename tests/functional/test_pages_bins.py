"""The bins as agents see them: hours, levels and forecasts are those of the API and of the database."""

import datetime
import re

import pytest
from sqlalchemy import text

from tests.pages_scene import Pages, build_pages

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
FIRST, LAST = NOW.date() - datetime.timedelta(days=29), NOW.date()
ASKED = f"from={FIRST}&to={LAST}"
TELL = text("""
    UPDATE bin_days SET heard_hours = 7, told_hours = 7, full_hours = 3, fill_pct = :fill_pct, fill_at = :fill_at
     WHERE authority_id = :authority_id AND bin_id = :bin_id AND day = :day
""")
HOURS = text("""
    SELECT sum(bit_count(CAST(full_hours AS bit(25)))), sum(bit_count(CAST(told_hours AS bit(25)))) FROM bin_days
     WHERE authority_id = :authority_id AND bin_id = :bin_id AND day BETWEEN :first AND :last
""")


@pytest.fixture(scope="module")
def pages(databases) -> Pages:
    with databases.lend() as database:
        pages = build_pages(database, NOW)
        town = pages.api.town
        with pages.api.owner.begin() as connection:
            for ago in range(1, 6):
                at = NOW - datetime.timedelta(days=ago)
                told = {"fill_pct": 80 - 10 * ago, "fill_at": at, "day": at.date()}
                connection.execute(TELL, {"authority_id": town.authority_id, "bin_id": town.bin_ids[0], **told})
        yield pages


def rows_of(shown: str) -> dict[str, list[str]]:
    """The words of each row's cells by bin."""
    rows = re.findall(r"<tr>(.*?)</tr>", shown, re.DOTALL)[1:]
    cells = [[re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]
    return {bin_id: others for bin_id, *others in cells}


def test_full_hours_level_and_forecast_are_those_of_the_database_and_the_api(pages: Pages):
    first, second = pages.api.town.bin_ids
    shown = rows_of(pages.look("viewer", f"/dashboard/bins?{ASKED}&lang=en").text)
    with pages.api.owner.connect() as connection:
        of = {"authority_id": pages.api.town.authority_id, "bin_id": first, "first": FIRST, "last": LAST}
        full, told = connection.execute(HOURS, of).one()
    assert list(shown) == [first, second]
    assert (shown[first][2], shown[first][3]) == (f"{full} of {told}", "70 %")
    items = pages.api.call("authority", "GET", f"/authority/figures/bins?{ASKED}").json["items"]
    likely = datetime.datetime.fromisoformat(items[0]["full_likely_at"])
    assert shown[first][4] == f"{likely.day} {likely:%b %Y}"
    assert shown[second][2:] == ["–", "–", "never told its level"]
    silent, placed = items[1]["silent_minutes"] // 60, items[1]["placed_minutes"] // 60
    assert shown[second][1] == f"{silent} of {placed}"


def test_bins_of_a_site_or_commune_may_be_looked_at(pages: Pages):
    first, second = pages.api.town.bin_ids
    assert list(rows_of(pages.look("viewer", f"/dashboard/bins?{ASKED}&site=B").text)) == [second]
    assert list(rows_of(pages.look("viewer", f"/dashboard/bins?{ASKED}&insee_code=93066").text)) == [first]
    assert list(rows_of(pages.look("viewer", f"/dashboard/bins?{ASKED}&bin_id={second}").text)) == [second]
    assert "No bin stood here" in pages.look("viewer", "/dashboard/bins?from=2010-01-01&to=2010-12-31&lang=en").text
