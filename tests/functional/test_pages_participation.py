"""Who takes part, as the page says it: the counts of the database, and nothing of what the domain withholds."""

import datetime
import re
from collections.abc import Iterator
from html import unescape

import pytest
from sqlalchemy import text

from rewards.statistics.participation import set_served
from tests.pages_scene import Pages, build_pages

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
PATH = "/dashboard/participation"
PERIOD = "from=2026-07-01&to=2026-11-20"
# October: whole and told; September: few are new; August: few are active. November is not over.
COUNTS = [(11, 40, 20, 90, 60), (10, 120, 30, 400, 300), (9, 90, 4, 300, 300), (8, 7, 7, 20, 10), (7, 80, 50, 200, 200)]
PUT = text("""
    INSERT INTO holder_counts (authority_id, granularity, first_day, level, code, material, holders, new_holders,
                               deposits, credited_deposits, counted_at)
    VALUES (:authority_id, 'month', make_date(2026, :month, 1), :level, :code, '', :holders, :new, :deposits, :credited,
            :now)
""")
PLACES = text("SELECT DISTINCT insee_code FROM sites WHERE authority_id = :authority_id")
SHARE = text("""
    SELECT holders / 1000.0 FROM holder_counts
     WHERE authority_id = :authority_id AND level = 'authority' AND first_day = '2026-10-01'
""")


@pytest.fixture(scope="module")
def pages(databases) -> Iterator[Pages]:
    with databases.lend() as database:
        pages = build_pages(database, NOW)
        with pages.api.owner.begin() as connection:
            names = ("month", "holders", "new", "deposits", "credited")
            rows = [dict(zip(names, each, strict=True)) for each in COUNTS]
            of = {"authority_id": pages.api.town.authority_id, "now": NOW}
            connection.execute(PUT, [{**row, **of, "level": "authority", "code": ""} for row in rows])
            connection.execute(PUT, [{**rows[1], **of, "level": "commune", "code": "93066"}])
        yield pages


def card_of(shown: str, name: str) -> str:
    """What the card of a figure says."""
    return unescape(shown.split(f'id="{name}"')[1].split("</section>", maxsplit=1)[0])


def row_of(shown: str, month: str) -> list[str]:
    """The cells of a month."""
    cells = re.findall(
        r"<t[hd][^>]*>(.*?)</t[hd]>", shown.split(f'data-month="{month}"')[1].split("</tr>", maxsplit=1)[0]
    )
    return [unescape(each) for each in cells]


def test_last_whole_month_is_that_of_the_database(pages: Pages):
    shown = pages.look("viewer", f"{PATH}?{PERIOD}").text
    assert "In October 2026, the last whole month" in shown
    assert ">120<" in card_of(shown, "holders")
    assert "25.0% of those active" in card_of(shown, "new_holders")
    assert "100 of 400 deposits" in card_of(shown, "anonymous_share")
    assert ">25.0%<" in card_of(shown, "anonymous_share")
    assert row_of(shown, "2026-11-01")[-1] == "month not over"
    assert row_of(shown, "2026-10-01")[-1] == "whole month"
    assert "November 2026 is not over." in shown


def test_what_is_withheld_is_said_in_words_and_is_in_no_cell(pages: Pages):
    shown = pages.look("viewer", f"{PATH}?{PERIOD}").text
    assert row_of(shown, "2026-08-01")[1:3] == ["withheld", "withheld"]
    assert row_of(shown, "2026-09-01")[1:3] == ["90", "withheld"]
    few = pages.look("viewer", f"{PATH}?from=2026-08-01&to=2026-08-31").text
    assert "it would tell of fewer than 11 people" in card_of(few, "holders")
    assert ">7<" not in few
    assert "1 month above withholds a count." in few


def test_share_is_of_holders_registered_until_somebody_says_how_many_households_are_served(pages: Pages):
    assert "Whoever runs Bontri here enters them" in pages.look("viewer", f"{PATH}?{PERIOD}").text
    of = {"authority_id": pages.api.town.authority_id}
    with pages.api.owner.begin() as connection:
        places = list(connection.scalars(PLACES, of))
        for no, code in enumerate(places):
            each = 1000 - (len(places) - 1) if no == 0 else 1
            set_served(connection, **of, insee_code=code, year=2021, households=each, source="INSEE 2021")
        share = connection.execute(SHARE, of).scalar_one()
    shown = pages.look("viewer", f"{PATH}?{PERIOD}").text
    assert "of 1,000 households served (2021; INSEE 2021)" in card_of(shown, "participation")
    assert f">{100 * share:.1f}%<" in card_of(shown, "participation")
    assert row_of(shown, "2026-08-01")[3] == "withheld"


def test_a_commune_is_shown_alone(pages: Pages):
    shown = pages.look("viewer", f"{PATH}?{PERIOD}&insee_code=93066").text
    assert re.findall(r'data-month="([^"]*)"', shown) == ["2026-10-01"]
    assert 'id="communes"' not in shown


def test_nothing_counted_says_what_to_do_and_shows_no_chart(pages: Pages):
    shown = pages.look("viewer", f"{PATH}?from=2025-01-01&to=2025-06-30").text
    assert "Nobody is counted in this period" in shown
    assert "/dashboard/charts/" not in shown
    assert pages.look("viewer", "/dashboard/charts/participation.svg?from=2025-01-01&to=2025-06-30").status_code == 404


def test_months_that_are_not_over_alone_are_no_figures(pages: Pages):
    shown = pages.look("viewer", f"{PATH}?from=2026-11-01&to=2026-11-20").text
    assert "No month of this period is over yet" in shown
    assert 'data-figure="' not in shown


def test_csv_beside_the_table_has_the_same_months(pages: Pages):
    shown = unescape(pages.look("viewer", f"{PATH}?{PERIOD}").text)
    [path] = re.findall(r'href="(/dashboard/tables/participation\.csv\?[^"]*)"', shown)
    lines = pages.client("viewer").get(path).text.splitlines()
    assert len(lines) == 1 + len(COUNTS)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("from=2026-10-02&to=2026-10-01", "Swap the two days."),
        ("from=2027-01-01&to=2027-02-01", "Choose a period that has begun."),
        ("from=2000-01-01&to=2026-10-01", "Choose a shorter period"),
        ("insee_code=99999", "Choose one from the list."),
        ("site=nowhere", "Check the reference of the site"),
        ("material=gold", "Choose one from the list."),
        ("from=yesterday", "From: this cannot be read."),
    ],
)
def test_question_without_sense_is_refused_with_what_to_do(pages: Pages, query: str, sentence: str):
    answer = pages.look("viewer", f"{PATH}?{query}")
    assert answer.status_code in (404, 422)
    assert sentence in unescape(answer.text)
