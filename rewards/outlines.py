"""Outlines of communes, for maps that need no tiles: read from GeoJSON, simplified together, kept with their source.

Neighbours are simplified as one coverage, so that their common border stays common.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.csv_files import CsvFault
from rewards.statistics.census_files import MERGED, WHOLE_OF
from rewards.statistics.imports import ImportRow, Preview, preview
from rewards.statistics.insee_codes import INSEE_CODE, describe_no_code

if TYPE_CHECKING:
    from shapely import Geometry

CODE_NAMES = ("insee_code", "code_insee", "insee_com", "insee", "codgeo", "code", "com")
"""What files call the code of a commune, the surest first: in some, ``code`` is that of something else."""
TOLERANCE_DEGREES = 0.0003
"""How far a border may be moved: some 30 m, a pixel at the scale at which a town fills the screen."""
DECIMALS = 5
"""Of coordinates: about a metre."""
SHAPES = ("Polygon", "MultiPolygon")

LISTED = text("""
    SELECT o.insee_code, c.name, o.outline, o.source
      FROM commune_outlines o
      JOIN communes c ON c.authority_id = o.authority_id AND c.insee_code = o.insee_code
     WHERE o.authority_id = :authority_id
     ORDER BY o.insee_code
""")
STORED = text("SELECT insee_code, outline FROM commune_outlines WHERE authority_id = :authority_id")
COMMUNES = text("SELECT insee_code, name FROM communes WHERE authority_id = :authority_id")
COLUMNS = Columns(insee_code="text", outline="jsonb")
STORE = text(f"""
    INSERT INTO commune_outlines (authority_id, source, {COLUMNS.names})
    SELECT :authority_id, :source, t.* FROM {COLUMNS.unnest("t")} ORDER BY t.insee_code
    ON CONFLICT (authority_id, insee_code) DO UPDATE SET outline = excluded.outline, source = excluded.source
""")
Shapes = dict[str, tuple[int, "Geometry"]]
"""By the code of the commune: the number of the feature, from 1, and its shape."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Where a commune is; ``outline`` is a Polygon or MultiPolygon of GeoJSON, degrees of longitude and latitude."""

    insee_code: str
    commune: str
    outline: Mapping[str, Any]
    source: str


@dataclass(frozen=True, slots=True)
class FeatureFault(CsvFault):
    """What is wrong in a feature of a file; ``line`` is its number, 0 when it is the file."""

    def __str__(self) -> str:
        return f"feature {self.line}: {self.reason}" if self.line else self.reason


def read_outlines(content: bytes) -> tuple[Shapes, list[CsvFault]]:
    """Read the shapes of a GeoJSON FeatureCollection by commune, and every fault."""
    try:
        collection = json.loads(content)
        features = collection["features"] if collection["type"] == "FeatureCollection" else None
    except (ValueError, RecursionError, TypeError, KeyError):
        features = None
    if not isinstance(features, list) or not features:
        return {}, [FeatureFault(0, "", "is no FeatureCollection of GeoJSON with a feature in it")]
    shapes: Shapes = {}
    faults: list[CsvFault] = []
    for number, feature in enumerate(features, 1):
        try:
            code, shape = read_code(feature), read_shape(feature)
        except ValueError as fault:
            faults.append(FeatureFault(number, "", str(fault)))
            continue
        first, _ = shapes.setdefault(code, (number, shape))
        if first != number:
            faults.append(FeatureFault(number, "", f"{code} is feature {first} already"))
    return shapes, faults


def read_code(feature: Any) -> str:
    """Return the INSEE code of a feature; raises ValueError where it has none."""
    properties = feature.get("properties") if isinstance(feature, dict) else None
    said = {str(name).lower(): value for name, value in properties.items()} if isinstance(properties, dict) else {}
    name = next((name for name in CODE_NAMES if name in said), None)
    if name is None:
        raise ValueError(f"has no code of a commune: none of {', '.join(CODE_NAMES)} is among its properties")
    code = str(said[name]).strip().upper()
    if not INSEE_CODE.fullmatch(code):
        raise ValueError(f"{name}: {describe_no_code(code)}")
    return code


def read_shape(feature: Any) -> "Geometry":
    """Return the shape of a feature, mended where its border crosses itself; raises ValueError where it has none."""
    import shapely  # noqa: PLC0415 (0.3 s, and for imports alone)

    geometry = feature.get("geometry")
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in SHAPES:
        raise ValueError(f"is a {kind or 'thing without geometry'}, not a {' or '.join(SHAPES)}")
    try:
        shape = shapely.from_geojson(json.dumps(geometry))
    except (shapely.errors.ShapelyError, ValueError, RecursionError):
        raise ValueError("its coordinates are no rings of points") from None
    west, south, east, north = shape.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        # What is not a number compares with nothing.
        raise ValueError(
            "its coordinates are no longitudes and latitudes in degrees (WGS 84); are they Lambert 93? Convert them"
        )
    return shape if shape.is_valid else shapely.make_valid(shape, method="structure")


def preview_outlines(
    connection: Connection, shapes: Shapes, *, authority_id: int
) -> tuple[Preview, list[CsvFault], Sequence[str]]:
    """Say what storing would change, what is wrong, and which communes of the authority the file leaves without.

    What is outside the authority is left out: files are of a whole département. Arrondissements, and communes that
    have become part of another, are put together.
    """
    tenant = {"authority_id": authority_id}
    names: dict[str, str] = {row.insee_code: row.name for row in connection.execute(COMMUNES, tenant)}
    gathered = gather(shapes, names)
    stored = {(row.insee_code,): {"outline": row.outline} for row in connection.execute(STORED, tenant)}
    rows = [
        ImportRow(number, names[code], (code,), {"outline": outline})
        for code, (number, outline) in simplify(gathered).items()
    ]
    faults: list[CsvFault] = []
    if not rows:
        faults.append(FeatureFault(0, "", "has no commune of the authority"))
    return preview(rows, stored), faults, sorted(names[code] for code in names.keys() - gathered.keys())


def gather(shapes: Shapes, known: Collection[str]) -> Shapes:
    """Keep the communes that are known, each with what has become part of it."""
    import shapely  # noqa: PLC0415

    gathered: Shapes = {}
    for code, (number, shape) in shapes.items():
        whole = code
        if code not in known:
            whole = WHOLE_OF.get(code) or MERGED.get(code, ("", 0))[0]
        if whole in known:
            first = gathered.get(whole)
            gathered[whole] = (min(first[0], number), shapely.union(first[1], shape)) if first else (number, shape)
    return gathered


def simplify(shapes: Shapes) -> dict[str, tuple[int, dict[str, Any]]]:
    """Return GeoJSON with no more points than a map shows, by commune."""
    import shapely  # noqa: PLC0415

    codes = sorted(shapes)
    simple = shapely.coverage_simplify([shapes[code][1] for code in codes], TOLERANCE_DEGREES)
    rounded = shapely.transform(simple, lambda points: points.round(DECIMALS))
    return {
        code: (shapes[code][0], json.loads(shapely.to_geojson(shape)))
        for code, shape in zip(codes, rounded, strict=True)
    }


def store_outlines(connection: Connection, rows: Sequence[ImportRow], *, authority_id: int, source: str) -> None:
    """Store outlines, in the place of those there were."""
    values = COLUMNS.bind(
        insee_code=[row.key[0] for row in rows], outline=[json.dumps(row.values["outline"]) for row in rows]
    )
    connection.execute(STORE, {"authority_id": authority_id, "source": source, **values})


def list_outlines(connection: Connection, *, authority_id: int) -> list[Outline]:
    """List the outlines of communes that have one, by INSEE code."""
    return [Outline(*row) for row in connection.execute(LISTED, {"authority_id": authority_id})]
