"""Open data: every month and year an authority has published, as a page and as files with addresses that stay.

Read are ``publications`` and ``published_cells`` alone: nothing else can be had here. What was published never changes,
so a file has one version.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, json, request
from werkzeug.exceptions import NotFound

from partners_api.authorities.publications import PublishedCellSchema
from partners_api.geojson import GEOJSON, Feature, as_collection, as_feature, as_feature_at_point
from partners_api.languages import language_of_request
from partners_api.listings import render_csv
from partners_api.pages.page import page, render
from partners_api.pages.public.columns import describe_columns
from partners_api.sign_ins import get_authority_id
from partners_api.transactions import connection
from rewards.outlines import Outline, list_outlines
from rewards.statistics.publications.listing import (
    LICENCE,
    Publication,
    PublishedCell,
    list_publications,
    list_published_cells,
)
from rewards.territory import get_authority_facts

LEVELS_SHOWN = ("authority", "commune")
MOST_PUBLICATIONS, MOST_CELLS = 2_000, 200_000
ANY_SITE = {"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=3600"}
"""For files: a page of anybody may read them, and a cache may keep them."""


@dataclass(frozen=True, slots=True)
class Published:
    """A publication and what its files are called."""

    publication: Publication

    @property
    def name(self) -> str:
        """``2026-09`` or ``2026``: which month or year it is."""
        day = self.publication.first_day
        return f"{day:%Y-%m}" if self.publication.granularity == "month" else f"{day:%Y}"

    @property
    def ends_with(self) -> tuple[int, int, bool]:
        """Return (year, its last month, whether it is all of the year)."""
        day = self.publication.first_day
        is_year = self.publication.granularity == "year"
        return day.year, 12 if is_year else day.month, is_year


@page("/open-data/<slug>", role=None)
def show_open_data(*, slug: str) -> str:
    """Show what was published, the newest first, and the newest of it as a table."""
    authority_id = get_authority_id(slug)
    found = list_published(authority_id)
    newest = (
        [each for level in LEVELS_SHOWN for each in list_cells(authority_id, found[0].publication, level)]
        if found
        else []
    )
    return render(
        "open_data.html",
        slug=slug,
        authority=get_authority_facts(connection(), authority_id=authority_id),
        found=found,
        newest=newest,
        years=years_of(found),
        licence=LICENCE,
        columns=describe_columns(language_of_request()),
    )


@page("/open-data/<slug>/<name>.<any(csv, json, geojson):kind>", role=None)
def send_open_data(*, slug: str, name: str, kind: str) -> Response:
    """Send the cells of a month or year; as GeoJSON with the outlines of communes and the points of sites."""
    authority_id = get_authority_id(slug)
    found = next((each for each in list_published(authority_id) if each.name == name), None)
    if found is None:
        raise NotFound
    cells = list_cells(authority_id, found.publication)
    if kind == "csv":
        answer = render_csv(PublishedCellSchema(), cells)
    elif kind == "geojson":
        outlines = {each.insee_code: each for each in list_outlines(connection(), authority_id=authority_id)}
        answer = Response(json.dumps(render_features(cells, outlines)), content_type=GEOJSON)
    else:
        answer = Response(json.dumps(PublishedCellSchema().dump(cells, many=True)), content_type="application/json")
    answer.headers.update(ANY_SITE)
    answer.headers["Content-Disposition"] = f'attachment; filename="{slug}-{name}.{kind}"'
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def years_of(found: Sequence[Published]) -> list[int]:
    """Return the years that were published as a whole, the newest first: those have a report."""
    return [each.publication.first_day.year for each in found if each.publication.granularity == "year"]


def list_published(authority_id: int) -> list[Published]:
    """List what was published, the newest first: a year stands above its months."""
    found = [
        Published(each) for each in list_publications(connection(), authority_id=authority_id, limit=MOST_PUBLICATIONS)
    ]
    return sorted(found, key=lambda each: each.ends_with, reverse=True)


def list_cells(authority_id: int, publication: Publication, level: str | None = None) -> Sequence[PublishedCell]:
    """List the cells of a publication, of one level or all, by place."""
    day: datetime.date = publication.first_day
    return list_published_cells(
        connection(),
        authority_id=authority_id,
        granularity=publication.granularity,
        first_day=day,
        last_day=day,
        level=level,
        limit=MOST_CELLS,
    )


def render_features(cells: Sequence[PublishedCell], outlines: Mapping[str, Outline]) -> dict[str, Any]:
    """Return cells as a FeatureCollection: communes by their outline, sites by their point, the rest nowhere. Pure."""
    return as_collection(as_cell_feature(row, outlines) for row in PublishedCellSchema().dump(cells, many=True))


def as_cell_feature(row: Mapping[str, Any], outlines: Mapping[str, Outline]) -> Feature:
    """Return a cell where it is; an outline comes with who drew it, as its licence wants."""
    feature = as_feature_at_point(row)
    if row["level"] != "commune":
        return feature
    found = outlines.get(row["code"])
    source = {"outline_source": None if found is None else found.source}
    return as_feature(None if found is None else found.outline, feature["properties"] | source)
