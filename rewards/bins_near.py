"""Bins near a place: what they take, how full they are, whether they work. No figures, and nothing of persons.

A box by the index of sites, then the distance on the sphere within it.
"""

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from rewards.bin_problems import SHOWN_FROM

EARTH_RADIUS_M = 6_371_000
METRES_PER_DEGREE = math.pi * EARTH_RADIUS_M / 180
SILENT_AFTER = datetime.timedelta(days=1)

LIST = text(f"""
    WITH near AS MATERIALIZED (
        SELECT s.site_id, s.address, s.insee_code, s.latitude, s.longitude,
               CAST(round(2 * {EARTH_RADIUS_M} * asin(least(1, sqrt(
                   power(sin(radians(s.latitude - :latitude) / 2), 2)
                   + cos(radians(:latitude)) * cos(radians(s.latitude))
                     * power(sin(radians(s.longitude - :longitude) / 2), 2))))) AS integer) AS distance_m
          FROM sites s
         WHERE s.authority_id = :authority_id AND s.latitude BETWEEN :south AND :north
           AND s.longitude BETWEEN :west AND :east)
    SELECT b.bin_id, n.address, c.name AS commune, n.latitude, n.longitude, n.distance_m, r.materials, r.status,
           r.status_at, r.last_heard_at,
           ARRAY(SELECT p.kind FROM bin_problems p
                  WHERE p.authority_id = b.authority_id AND p.bin_id = b.bin_id AND p.closed_at IS NULL
                    AND p.reports >= {SHOWN_FROM} ORDER BY p.kind) AS problems
      FROM near n
      JOIN communes c ON c.authority_id = :authority_id AND c.insee_code = n.insee_code
      JOIN placements l ON l.authority_id = :authority_id AND l.site_id = n.site_id
                       AND l.placed_at <= :now AND (l.removed_at IS NULL OR l.removed_at > :now)
      JOIN bins b ON b.authority_id = :authority_id AND b.bin_id = l.bin_id AND b.state = 'live'
      LEFT JOIN bin_reports r ON r.authority_id = :authority_id AND r.bin_id = b.bin_id
     WHERE n.distance_m <= :radius_m
       AND (CAST(:material AS text) IS NULL OR r.materials @> to_jsonb(CAST(:material AS text)))
       AND (CAST(:after_m AS integer) IS NULL
            OR (n.distance_m, b.bin_id COLLATE "C") > (:after_m, CAST(:after_id AS text)))
     ORDER BY n.distance_m, b.bin_id COLLATE "C" LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class NearBin:
    """A bin as citizens look for one; ``distance_m`` from the place asked for.

    ``fill_pct`` is that of its fullest part, ``fill_by_material`` all of them where the bin tells them apart; both as
    of ``status_at``, None where it never told. ``materials`` is empty where it never said. It ``is_out_of_order`` when
    it reports faults, or was heard of but not for a day, or two citizens found it broken. ``problems`` is what at least
    two have reported.
    """

    bin_id: str
    address: str
    commune: str
    latitude: float
    longitude: float
    distance_m: int
    materials: list[str]
    fill_pct: int | None
    fill_by_material: Mapping[str, int] | None
    status_at: datetime.datetime | None
    is_out_of_order: bool
    problems: list[str]


def list_bins_near(
    connection: Connection,
    *,
    authority_id: int,
    latitude: float,
    longitude: float,
    radius_m: int,
    material: str | None = None,
    now: datetime.datetime,
    after: tuple[int, str] | None = None,
    limit: int = 50,
) -> list[NearBin]:
    """List the bins in use within ``radius_m`` of a place, nearest first, behind the (distance, id) of ``after``."""
    after_m, after_id = after or (None, None)
    place = {"latitude": latitude, "longitude": longitude, "radius_m": radius_m}
    box = box_around(latitude, longitude, radius_m)
    asked = {"material": material, "now": now, "after_m": after_m, "after_id": after_id, "limit": limit}
    rows = connection.execute(LIST, {"authority_id": authority_id, **place, **box, **asked})
    return [near_bin_of(row, now=now) for row in rows]


def box_around(latitude: float, longitude: float, radius_m: int) -> dict[str, float]:
    """Return a box that holds the circle; the whole way round where it reaches a pole or the date line."""
    height = radius_m / METRES_PER_DEGREE + 1e-6
    south, north = latitude - height, latitude + height
    widest = math.cos(math.radians(min(90.0, max(abs(south), abs(north)))))
    width = height / widest if widest > 1e-9 else 360.0
    west, east = longitude - width, longitude + width
    if west < -180 or east > 180:
        west, east = -180.0, 180.0
    return {"south": south, "north": north, "west": west, "east": east}


def near_bin_of(row: Any, *, now: datetime.datetime) -> NearBin:
    """Return the bin a row tells of."""
    status: Mapping[str, Any] = row.status or {}
    fill = status.get("fill_pct")
    by_material = {name: int(pct) for name, pct in fill.items()} if isinstance(fill, dict) else None
    parts = list(by_material.values()) if by_material is not None else [] if fill is None else [int(fill)]
    is_silent = row.last_heard_at is not None and row.last_heard_at < now - SILENT_AFTER
    return NearBin(
        bin_id=row.bin_id,
        address=row.address,
        commune=row.commune,
        latitude=row.latitude,
        longitude=row.longitude,
        distance_m=row.distance_m,
        materials=row.materials or [],
        fill_pct=max(parts, default=None),
        fill_by_material=by_material,
        status_at=row.status_at,
        is_out_of_order=bool(status.get("faults")) or is_silent or "broken" in row.problems,
        problems=list(row.problems),
    )
