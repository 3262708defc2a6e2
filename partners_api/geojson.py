"""GeoJSON (RFC 7946): places as features, longitude first. What stands nowhere is a feature all the same (3.2)."""

from collections.abc import Iterable, Mapping
from typing import Any

from rewards.outlines import Outline

GEOJSON = "application/geo+json"

Geometry = Mapping[str, Any]
Feature = dict[str, Any]


def as_point(longitude: float | None, latitude: float | None) -> Geometry | None:
    """Return the geometry of a place; None where it is not known."""
    if longitude is None or latitude is None:
        return None
    return {"type": "Point", "coordinates": [longitude, latitude]}


def as_feature(geometry: Geometry | None, properties: Mapping[str, Any]) -> Feature:
    """Return what stands at a place, with what is said of it."""
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def as_feature_at_point(row: Mapping[str, Any]) -> Feature:
    """Return a row with ``longitude`` and ``latitude`` as a feature there; everything else is said of it."""
    said = {name: value for name, value in row.items() if name not in ("longitude", "latitude")}
    return as_feature(as_point(row["longitude"], row["latitude"]), said)


def as_border(outline: Outline) -> Feature:
    """Return a commune's outline, with who drew it."""
    said = {"insee_code": outline.insee_code, "commune": outline.commune, "source": outline.source}
    return as_feature(outline.outline, said)


def as_collection(features: Iterable[Feature]) -> dict[str, Any]:
    """Return features together."""
    return {"type": "FeatureCollection", "features": list(features)}
