"""Places on a map: what each shows, in which of a few grades its mark is drawn, and where on a picture. No SQL.

Marks grow and darken together, so that colour alone says nothing; what nobody knows is an empty ring.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from partners_api.geojson import as_border, as_collection, as_feature, as_point
from rewards.outlines import Outline
from rewards.statistics.bin_attendance import BinAttendance
from rewards.statistics.figures.of_sites import SiteFigures
from rewards.statistics.figures.rows import known_of

Show = Literal["kilograms", "fill", "silence"]
SHOWS: tuple[Show, ...] = ("kilograms", "fill", "silence")
STEPS: Mapping[Show, tuple[int, ...]] = {"fill": (25, 50, 75, 95), "silence": (1, 5, 25, 75)}
"""Where grades begin, in percent; from 95 % a bin counts as full. Those of kilograms are fifths of the sites."""
WIDTH = 1000
MARGIN = 20
Point = tuple[float, float]
Rings = list[list[Point]]


@dataclass(frozen=True, slots=True)
class MapPlace:
    """A site with one value, in kilograms or percent; ``grade`` is 0 to 4, both None where nobody knows."""

    site: str
    address: str
    commune: str
    latitude: float
    longitude: float
    bins: int
    value: float | None
    grade: int | None

    @property
    def style(self) -> str:
        """The class its mark is drawn in (static/map.css)."""
        if not self.bins:
            return "bare"
        return f"grade-{'none' if self.grade is None else self.grade}"


@dataclass(frozen=True, slots=True)
class MapPicture:
    """The same places on a plane ``WIDTH`` wide: borders as paths of SVG, and marks with their middle."""

    height: float
    borders: list[tuple[str, str]]
    marks: list[tuple[MapPlace, float, float]]


def grade_places(
    sites: Iterable[SiteFigures], bins: Iterable[BinAttendance], show: Show
) -> tuple[list[MapPlace], tuple[float, ...]]:
    """Return the sites with the value to show, greatest first, and where the grades begin.

    A site shows the fullest of its bins, or the one that was silent for the largest share of its time there.
    """
    values = value_of_sites(bins, show)
    found = []
    for each in sites:
        place, standing = each.cell.place, each.cell.coverage.bins
        value = known_of(each.cell.figures)["kg_total"] if show == "kilograms" else values.get(place.site)
        found.append((place, standing, None if value is None else float(value)))
    steps = STEPS.get(show) or begin_fifths([value for *_, value in found if value is not None])
    places = [
        MapPlace(
            site=place.site or "",
            address=place.address or "",
            commune=place.commune or "",
            latitude=place.latitude or 0.0,
            longitude=place.longitude or 0.0,
            bins=standing,
            value=value,
            grade=None if value is None else bisect_right(steps, value),
        )
        for place, standing, value in found
    ]
    return sorted(places, key=lambda each: (each.value is None, -(each.value or 0), each.site)), steps


def value_of_sites(bins: Iterable[BinAttendance], show: Show) -> dict[str | None, float]:
    """Return the greatest percentage of the bins of each site that has one."""
    values: dict[str | None, float] = {}
    for each in bins:
        value = each.fill_pct if show == "fill" else silent_pct(each)
        if value is not None:
            values[each.site] = max(value, values.get(each.site, 0))
    return values


def silent_pct(attendance: BinAttendance) -> float | None:
    """Return for what share of the time it stood there a bin was silent; None for less than an hour."""
    return attendance.silent_minutes * 100 / attendance.placed_minutes if attendance.placed_minutes >= 60 else None


def begin_fifths(values: Sequence[float]) -> tuple[float, ...]:
    """Return where the second to the fifth fifth of values begin, rounded to two digits so that people can read it."""
    ordered = sorted(values)
    starts = {round_to_two(ordered[len(ordered) * fifth // 5]) for fifth in range(1, 5)} if ordered else set()
    return tuple(sorted(starts - {0}))


def round_to_two(value: float) -> float:
    """Return a value with two digits that mean something."""
    return float(f"{value:.2g}")


def draw(places: Sequence[MapPlace], outlines: Sequence[Outline]) -> MapPicture | None:
    """Return a picture of all places and the borders; None where there is nothing to be drawn.

    Degrees of longitude are as long as they are in the middle of the territory.
    """
    rings = {each.insee_code: rings_of(each.outline) for each in outlines}
    points = [point for of_one in rings.values() for ring in of_one for point in ring]
    points += [(each.longitude, each.latitude) for each in places]
    if not points:
        return None
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    narrower = math.cos(math.radians((south + north) / 2))
    # A single place has no extent; it is drawn in the middle of some hundred metres.
    scale = (WIDTH - 2 * MARGIN) / max((east - west) * narrower, (north - south), 0.001)

    def lay(longitude: float, latitude: float) -> Point:
        return (
            round(MARGIN + (longitude - west) * narrower * scale, 1),
            round(MARGIN + (north - latitude) * scale, 1),
        )

    return MapPicture(
        height=round((north - south) * scale + 2 * MARGIN),
        borders=[(each.commune, path_of(rings[each.insee_code], lay)) for each in outlines],
        marks=[(each, *lay(each.longitude, each.latitude)) for each in places],
    )


def rings_of(outline: Mapping[str, Any]) -> Rings:
    """Return all rings of a Polygon or MultiPolygon."""
    polygons = [outline["coordinates"]] if outline["type"] == "Polygon" else outline["coordinates"]
    return [[(x, y) for x, y, *_ in ring] for polygon in polygons for ring in polygon]


def path_of(rings: Rings, lay: Callable[[float, float], Point]) -> str:
    """Return rings as a path of SVG."""
    return "".join("M" + " ".join(f"{x:g},{y:g}" for x, y in (lay(*point) for point in ring)) + "Z" for ring in rings)


def render_geojson(
    places: Iterable[MapPlace], outlines: Iterable[Outline], describe: Callable[[MapPlace], str]
) -> dict[str, Any]:
    """Return borders and places as one FeatureCollection; ``describe`` puts the value of a place into words."""
    marks = (
        as_feature(
            as_point(each.longitude, each.latitude),
            {
                "site": each.site,
                "address": each.address,
                "commune": each.commune,
                "bins": each.bins,
                "value": each.value,
                "grade": each.grade,
                "style": each.style,
                "words": describe(each),
            },
        )
        for each in places
    )
    return as_collection([*map(as_border, outlines), *marks])
