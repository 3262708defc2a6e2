"""Everybody gets what was published, in every form alike, and nothing else."""

import csv
import datetime
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, text

from partners_api.authorities.publications import PublishedCellSchema
from partners_api.pages.public.columns import COLUMNS
from rewards.outlines import store_outlines
from rewards.statistics.imports import ImportRow
from rewards.statistics.publications.listing import list_published_cells
from tests.api_client import Api, start_api
from tests.databases import DatabasePool
from tests.ingest_scene import KEYRING
from tests.integration.test_publications import LATER, MARCH, fill, publish_at

SQUARE = {"type": "Polygon", "coordinates": [[[2.3, 48.9], [2.4, 48.9], [2.4, 49.0], [2.3, 48.9]]]}
HEADERS = {"Accept": "text/html", "Accept-Language": "en"}


@pytest.fixture(scope="module")
def api(databases: DatabasePool) -> Iterator[Api]:
    """A town that published March; in April few came, of which nothing was published."""
    with databases.lend() as database:
        api = start_api(database, KEYRING, LATER)
        with database.engine().begin() as connection:
            fill(connection, api.town)
            row = ImportRow(1, "Aubervilliers", ("93001",), {"outline": SQUARE})
            store_outlines(connection, [row], authority_id=api.town.authority_id, source="IGN")
        publish_at(database, LATER, authority_id=api.town.authority_id)
        yield api


@pytest.fixture
def anybody(api: Api) -> FlaskClient:
    return api.app.test_client()


def test_page_shows_what_was_published_and_says_what_is_withheld(api: Api, anybody: FlaskClient) -> None:
    shown = anybody.get("/open-data/town-1", headers=HEADERS)
    assert shown.status_code == 200
    assert "March 2026" in shown.text
    assert "Licence Ouverte" in shown.text
    with api.owner.connect() as connection:
        month = {"granularity": "month", "first_day": MARCH.date().replace(day=1), "last_day": MARCH.date()}
        cells = list_published_cells(connection, authority_id=api.town.authority_id, **month)
    told = [each for each in cells if each.level != "site"]
    rows = re.findall(
        r'<tr><th scope="row">[^<]+</th><td>[^<]*</td>\s*<td class="number"([^>]*)>([^<]*)</td>', shown.text
    )
    assert [('data-sort=""' in attributes, words) for attributes, words in rows] == [
        (each.is_withheld, "withheld" if each.is_withheld else f"{each.deposits:,}") for each in told
    ]


def test_files_say_the_same_in_every_form(api: Api, anybody: FlaskClient) -> None:
    path = "/open-data/town-1/2026-03"
    by_json = json.loads(anybody.get(f"{path}.json").data)
    rows = list(csv.DictReader(io.StringIO(anybody.get(f"{path}.csv").text)))
    features = json.loads(anybody.get(f"{path}.geojson").data)["features"]
    cells = api.call("authority", "GET", "/authority/publications/cells?from=2026-03-01&to=2026-03-01&limit=500")
    assert by_json == cells.json["items"]
    assert [row["deposits"] for row in rows] == [
        "" if each["deposits"] is None else f"{each['deposits']}" for each in by_json
    ]
    assert [each["properties"]["deposits"] for each in features] == [each["deposits"] for each in by_json]
    shapes = {
        each["properties"]["level"]: each["geometry"] for each in features if each["properties"]["code"] == "93001"
    }
    assert shapes == {"commune": SQUARE}
    assert {each["geometry"]["type"] for each in features if each["properties"]["level"] == "site"} == {"Point"}
    named = {each["properties"]["code"]: each["properties"].get("outline_source", "") for each in features}
    assert (named["93001"], named["93066"]) == ("IGN", None)
    assert [name for name, source in named.items() if source != ""] == ["93001", "93066"]


def test_page_asks_for_no_site(api: Api, anybody: FlaskClient) -> None:
    asked = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if "FROM published_cells" in statement:
            asked.append(values["level"])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        anybody.get("/open-data/town-1", headers=HEADERS)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert asked == ["authority", "commune"]


def test_columns_are_explained_as_they_come_in_the_files() -> None:
    assert list(COLUMNS) == list(PublishedCellSchema().dump_fields)
    assert all(set(words) == {"fr", "en"} for words in COLUMNS.values())


def test_files_may_be_read_by_pages_of_anybody_and_are_asked_for_once(anybody: FlaskClient) -> None:
    first = anybody.get("/open-data/town-1/2026-03.csv")
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    assert first.headers["Content-Disposition"] == 'attachment; filename="town-1-2026-03.csv"'
    again = anybody.get("/open-data/town-1/2026-03.csv", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert "Access-Control-Allow-Origin" not in anybody.get("/open-data/town-1", headers=HEADERS).headers


@pytest.mark.parametrize("name", ["2026-04", "2026", "2026-3", "..%2F2026-03", "x" * 5000])
def test_what_was_not_published_is_not_there(anybody: FlaskClient, name: str) -> None:
    assert anybody.get(f"/open-data/town-1/{name}.csv", headers=HEADERS).status_code == 404


def test_unknown_authority_has_a_page_that_says_so(anybody: FlaskClient) -> None:
    shown = anybody.get("/open-data/nowhere", headers=HEADERS)
    assert (shown.status_code, shown.mimetype) == (404, "text/html")


def test_deposits_that_came_later_are_in_no_file_and_control_agents_see_them(api: Api, anybody: FlaskClient) -> None:
    before = anybody.get("/open-data/town-1/2026-03.json").data
    with api.owner.begin() as connection:
        connection.execute(text("UPDATE daily_deposits SET deposits = deposits + 1000, items = items + 1000"))
    assert anybody.get("/open-data/town-1/2026-03.json").data == before
    day = MARCH.date()
    figures = api.call("authority", "GET", f"/authority/figures?from={day}&to={day}&by=whole").json
    assert figures["totals"][0]["deposits"] > 1000


def test_nothing_published_yet_is_said(databases: DatabasePool) -> None:
    with databases.lend() as database:
        api = start_api(database, KEYRING, datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC))
        shown = api.app.test_client().get("/open-data/town-1", headers=HEADERS).text
    assert "Nothing was published yet" in shown
    assert "35 days" in shown
