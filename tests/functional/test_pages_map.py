"""The map says what figures say, in grades that follow the values, and loads nothing from elsewhere unless told."""

import datetime
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bontri.settings import tile_address
from partners_api.pages.map_places import STEPS, begin_fifths, draw, rings_of
from partners_api.pages.map_tiles import CONFIG, MapTiles
from rewards.outlines import Outline, store_outlines
from rewards.statistics.imports import ImportRow
from tests.pages_scene import KILOGRAMS, Pages, build_pages

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
SQUARE = {"type": "Polygon", "coordinates": [[[2.3, 48.9], [2.4, 48.9], [2.4, 49.0], [2.3, 48.9]]]}


@pytest.fixture(scope="module")
def pages(databases) -> Pages:
    with databases.lend() as database:
        yield build_pages(database, NOW)


def features_of(pages: Pages, query: str) -> list[dict]:
    answer = pages.look("viewer", f"/dashboard/map.geojson?{query}")
    assert (answer.status_code, answer.mimetype) == (200, "application/geo+json")
    return json.loads(answer.data)["features"]


def test_kilograms_on_the_map_are_those_of_the_database(pages: Pages):
    first, last = NOW.date() - datetime.timedelta(days=70), NOW.date()
    sites = [each["properties"] for each in features_of(pages, f"from={first}&to={last}") if each["geometry"]]
    with pages.api.owner.connect() as connection:
        of = {"authority_id": pages.api.town.authority_id, "first": first, "last": last}
        kilograms = float(connection.execute(KILOGRAMS, of).scalar_one())
    assert kilograms > 0
    assert sum(each["value"] or 0 for each in sites if "site" in each) == pytest.approx(kilograms)


def test_borders_are_drawn_where_somebody_imported_them(pages: Pages):
    with pages.api.owner.begin() as connection:
        row = ImportRow(1, "Aubervilliers", ("93001",), {"outline": SQUARE})
        store_outlines(connection, [row], authority_id=pages.api.town.authority_id, source="IGN & co")
    assert [each["geometry"] for each in features_of(pages, "") if "source" in each["properties"]] == [SQUARE]
    shown = pages.look("viewer", "/dashboard/map?lang=en").text
    assert 'class="border"' in shown
    assert "Borders: IGN &amp; co" in shown
    assert 'class="border"' not in pages.look("viewer", "/dashboard/map?lang=en&insee_code=93066").text


@pytest.mark.parametrize("show", ["fill", "silence"])
def test_levels_and_silence_have_their_own_steps(pages: Pages, show: str):
    shown = pages.look("viewer", f"/dashboard/map?show={show}&lang=en").text
    assert all(f"{step} and more" in shown or f"from {step}" in shown for step in STEPS[show])


def test_a_map_of_something_else_is_refused(pages: Pages):
    assert pages.look("viewer", "/dashboard/map?show=persons").status_code == 422


def test_nothing_comes_from_another_host_unless_the_operator_chose_tiles(pages: Pages):
    own = pages.look("viewer", "/dashboard/map")
    assert "http" not in own.headers["Content-Security-Policy"]
    pages.api.app.config[CONFIG] = MapTiles("https://tiles.example/{z}/{x}/{y}.png", "© Them")
    try:
        chosen = pages.look("viewer", "/dashboard/map")
        elsewhere = pages.look("viewer", "/dashboard")
    finally:
        pages.api.app.config[CONFIG] = None
    assert "img-src 'self' https://tiles.example data:" in chosen.headers["Content-Security-Policy"]
    assert 'data-tiles="https://tiles.example/{z}/{x}/{y}.png"' in chosen.text
    assert elsewhere.headers["Content-Security-Policy"] == own.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "address", ["tiles", "https://tiles.example/1.png", "https://a b/{z}/{x}/{y}", "https://x;script-src/{z}/{x}/{y}"]
)
def test_what_is_no_address_of_tiles_is_refused(address: str):
    with pytest.raises(ValueError, match="expected https"):
        tile_address(address)


@given(st.lists(st.floats(0, 1e6), max_size=50))
def test_fifths_rise_and_are_read_in_two_digits(values: list[float]):
    steps = begin_fifths(values)
    assert list(steps) == sorted(set(steps))
    assert len(steps) <= 4
    assert all(f"{step:.2g}" == f"{float(f'{step:.2g}'):.2g}" and step > 0 for step in steps)


def test_picture_keeps_the_shape_of_the_ground():
    outline = Outline("93001", "A", SQUARE, "IGN")
    picture = draw([], [outline])
    assert picture is not None
    # A degree of longitude is 0.66 of one of latitude there.
    assert picture.height == pytest.approx(1000, abs=1)
    assert picture.borders == [("A", "M20,980 650.4,980 650.4,20 20,980Z")]
    assert rings_of({"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"]] * 2}) == 2 * rings_of(SQUARE)
    assert draw([], []) is None
