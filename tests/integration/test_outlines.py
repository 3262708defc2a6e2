"""Outlines come from GeoJSON of anybody's making: simplified together, stored whole or not at all."""

import json
from pathlib import Path

import pytest
import shapely
from sqlalchemy import text

from rewards.csv_files import CsvFaultyError
from rewards.outlines import TOLERANCE_DEGREES, gather, read_outlines, simplify
from rewards.territory import add_commune
from tests.databases import Database
from tests.factories import Town, build_town
from tests.operator_commands import run, succeed

SQUARE = [[2.30, 48.90], [2.34, 48.90], [2.34, 48.94], [2.30, 48.94], [2.30, 48.90]]
EAST = [[2.34, 48.90], [2.38, 48.90], [2.38, 48.94], [2.34, 48.94], [2.34, 48.90]]


def feature(code: str, ring: list | None = None, *, named: str = "code", kind: str = "Polygon") -> dict:
    return {
        "type": "Feature",
        "properties": {named: code},
        "geometry": {"type": kind, "coordinates": [SQUARE if ring is None else ring]},
    }


def collection(*features: dict) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


class Desk:
    """Imports outlines for one authority, of which Saint-Denis and Aubervilliers are communes."""

    def __init__(self, database: Database, folder: Path, town: Town) -> None:
        self.database, self._file, self._town = database, folder / "file.geojson", town

    def arguments(self, content: bytes, *more: str) -> tuple[str, ...]:
        self._file.write_bytes(content)
        return ("stats", "import", "outlines", str(self._file), "--authority", self._town.slug, *more)

    def store(self, content: bytes) -> dict:
        return json.loads(succeed(self.database, *self.arguments(content, "--yes", "--json")).stdout)

    def faults(self, content: bytes) -> list[str]:
        result = run(self.database, *self.arguments(content, "--yes"))
        assert isinstance(result.exception, CsvFaultyError), (result.output, result.exception)
        assert self.stored() == {}
        return [str(fault) for fault in result.exception.faults]

    def stored(self) -> dict[str, dict]:
        with self.database.engine().connect() as connection:
            return {
                row[0]: row[1] for row in connection.execute(text("SELECT insee_code, outline FROM commune_outlines"))
            }


@pytest.fixture
def desk(database: Database, keyring, tmp_path: Path) -> Desk:
    with database.engine().begin() as connection:
        town = build_town(connection, keyring)
        known = set(connection.scalars(text("SELECT insee_code FROM communes")))
        for code, name in (("93066", "Saint-Denis"), ("93001", "Aubervilliers")):
            if code not in known:
                add_commune(connection, authority_id=town.authority_id, insee_code=code, name=name)
    return Desk(database, tmp_path, town)


def test_outlines_are_stored_for_the_communes_of_the_authority_alone(desk):
    told = desk.store(collection(feature("93066"), feature("93001", EAST, named="INSEE_COM"), feature("75056")))
    assert (told["new"], told["is_stored"]) == (2, True)
    assert sorted(desk.stored()) == ["93001", "93066"]
    again = desk.store(collection(feature("93066"), feature("93001", EAST)))
    assert (again["new"], again["unchanged"], again["is_stored"]) == (0, 2, False)


def test_a_commune_that_became_part_of_another_is_drawn_with_it(desk):
    desk.store(collection(feature("93066"), feature("93059", EAST)))
    [outline] = desk.stored().values()
    longitudes = [point[0] for point in outline["coordinates"][0]]
    assert (min(longitudes), max(longitudes)) == (2.30, 2.38)


def test_a_dry_run_says_what_would_change_and_which_commune_is_not_there(desk):
    said = succeed(desk.database, *desk.arguments(collection(feature("93066")), "--dry-run")).output
    assert "Not in the file: Aubervilliers." in said
    assert "5 points" in said
    assert desk.stored() == {}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is no FeatureCollection of GeoJSON with a feature in it"),
        (b"[" * 100_000, "is no FeatureCollection of GeoJSON with a feature in it"),
        (b'{"type": "Topology", "objects": {}}', "is no FeatureCollection of GeoJSON with a feature in it"),
        (collection(), "is no FeatureCollection of GeoJSON with a feature in it"),
        (collection(feature("75056")), "has no commune of the authority"),
        (collection(feature("93066", named="nom")), "feature 1: has no code of a commune"),
        (collection(feature("9306")), "feature 1: code: "),
        (collection(feature("93066"), feature("93066", EAST)), "feature 2: 93066 is feature 1 already"),
        (collection(feature("93066", kind="Point")), "feature 1: is a Point, not a Polygon or MultiPolygon"),
        (collection({**feature("93066"), "geometry": None}), "feature 1: is a thing without geometry"),
        (collection(feature("93066", [[2.3, 48.9], [2.4, 48.9]])), "feature 1: its coordinates are no rings of points"),
        (collection(feature("93066", [])), "feature 1: its coordinates are no longitudes and latitudes"),
        (collection(feature("93066", [["a", "b"]] * 4)), "feature 1: its coordinates are no rings of points"),
        (
            collection(feature("93066", [[652_000, 6_868_000], [653_000, 6_868_000], [653_000, 6_869_000]] * 2)),
            "feature 1: its coordinates are no ",
        ),
        (collection(1, None), "feature 1: has no code of a commune"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_outline_is_refused_and_nothing_stored(desk, content, fault):
    assert desk.faults(content)[0].startswith(fault)


BORDER = [[2.34 + 0.0001 * (step % 3) + 0.002 * (step // 100 % 2), 48.90 + 0.00004 * step] for step in range(1001)]
"""More points than any map shows."""
MEETING = 550
"""Where on it three communes meet, on no corner of the one that lies in the west."""
NEIGHBOURS = {
    "93066": [*BORDER, [2.30, 48.94], [2.30, 48.90], BORDER[0]],
    "93001": [*BORDER[: MEETING + 1], [2.38, BORDER[MEETING][1]], [2.38, 48.90], BORDER[0]],
    "93070": [*BORDER[MEETING:], [2.38, 48.94], [2.38, BORDER[MEETING][1]], BORDER[MEETING]],
}


def list_border(points) -> set[tuple[float, float]]:
    return {(round(x, 5), round(y, 5)) for x, y in points if 2.335 < x < 2.345 and 48.901 < y < 48.939}


def test_neighbours_keep_their_common_border_with_far_fewer_points():
    shapes, faults = read_outlines(collection(*(feature(code, ring) for code, ring in NEIGHBOURS.items())))
    assert not faults
    simple = simplify(gather(shapes, list(NEIGHBOURS)))
    points = {code: shape["coordinates"][0] for code, (_, shape) in simple.items()}
    assert max(map(len, points.values())) < len(BORDER) / 10
    assert list_border(points["93066"]) == list_border(points["93001"]) | list_border(points["93070"])


def test_control_simplified_each_by_itself_they_part_where_three_meet():
    west, south, north = [
        list_border(shapely.Polygon(ring).simplify(TOLERANCE_DEGREES).exterior.coords) for ring in NEIGHBOURS.values()
    ]
    assert west != south | north
