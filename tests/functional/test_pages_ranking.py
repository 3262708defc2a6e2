"""The ranking as agents see it says what the database and the API say."""

import datetime
import re
from html import unescape

import pytest

from partners_api.pages.authorities.ranking import SHOWN_MAX, choose_shown
from rewards.statistics.advice import Judgement, Ranked
from tests.pages_scene import KILOGRAMS, Pages, build_pages

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
FIRST, LAST = NOW.date() - datetime.timedelta(days=70), NOW.date()
ASKED = f"from={FIRST}&to={LAST}"


@pytest.fixture(scope="module")
def pages(databases) -> Pages:
    with databases.lend() as database:
        yield build_pages(database, NOW)


@pytest.mark.parametrize("level", ["site", "commune"])
def test_kilograms_and_sentences_are_those_of_the_database_and_the_api(pages: Pages, level: str):
    shown = pages.look("viewer", f"/dashboard/ranking?{ASKED}&level={level}&lang=en").text
    with pages.api.owner.connect() as connection:
        of = {"authority_id": pages.api.town.authority_id, "first": FIRST, "last": LAST}
        kilograms = float(connection.execute(KILOGRAMS, of).scalar_one())
    cells = re.findall(r'data-sort="([0-9.]*)"[^>]*>[0-9,.]+(?:<abbr[^>]*>\*</abbr>)?</td>\s*<td class="number"', shown)
    assert sum(map(float, filter(None, cells))) == pytest.approx(kilograms)
    told = pages.api.call("authority", "GET", f"/authority/figures/ranking?{ASKED}&level={level}").json["items"]
    assert len(told) == 2
    assert all(each["sentence"]["en"] in shown for each in told)


def test_one_site_may_be_looked_at_and_a_level_nobody_ranks_is_refused(pages: Pages):
    shown = pages.look("viewer", f"/dashboard/ranking?{ASKED}&site=B&lang=en").text
    assert re.findall(r'<th scope="row"><a [^>]*>([AB])</a>', shown) == ["B"]
    assert pages.look("viewer", f"/dashboard/ranking?{ASKED}&level=bin").status_code == 422
    empty = pages.look("viewer", "/dashboard/ranking?from=2010-01-01&to=2010-12-31&lang=en").text
    assert "No bin stood here in this period" in empty


def test_csv_beside_the_table_is_of_the_same_question(pages: Pages):
    shown = pages.look("viewer", f"/dashboard/ranking?{ASKED}&material=glass&insee_code=93001&lang=en").text
    address = re.search(r'href="(/dashboard/tables/ranking\.csv[^"]*)"', shown)
    assert address is not None
    rows = pages.look("viewer", unescape(address[1])).text.splitlines()
    assert [row.split(",")[4] for row in rows] == ["site", "B"]


def test_all_with_an_advice_are_shown_before_others_where_there_are_too_many():
    def placed(place: int) -> Ranked:
        judgement = Judgement("move") if place % 10 == 0 else Judgement(None, no_advice="nothing_to_do")
        return Ranked(place, place, place, None, None, None, judgement)  # type: ignore[arg-type]

    shown = choose_shown([placed(place) for place in range(1, 2 * SHOWN_MAX + 1)])
    assert [each.place for each in shown] == [*range(1, 178), *range(180, 401, 10)]
    assert len(shown) == SHOWN_MAX
