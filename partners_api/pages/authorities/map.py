"""The map of sites: kilograms, how full, or how silent; a picture without a script, and a map to move with one."""

from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, json
from marshmallow import fields, validate

from partners_api.authorities.callers import tenant_of
from partners_api.geojson import GEOJSON
from partners_api.pages.bin_rows import list_attended
from partners_api.pages.map_places import SHOWS, MapPlace, draw, grade_places, render_geojson
from partners_api.pages.map_tiles import find_map_tiles, policy_of_map
from partners_api.pages.page import page, render
from partners_api.pages.questions import PlaceQuestionSchema, name_of_place
from partners_api.pages.translations import gettext, said_later
from partners_api.pages.words import write_number
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.outlines import Outline, list_outlines
from rewards.statistics.figures import Question, period_of
from rewards.statistics.figures.of_sites import list_site_figures

SITES_SHOWN = 300
"""Rows of the table; more would be too heavy for a telephone. The picture and the CSV have all."""
SHOWN = {
    "kilograms": (said_later("Kilograms"), "kg"),
    "fill": (said_later("How full at last"), "%"),
    "silence": (said_later("Silent part of the time"), "%"),
}


class MapQuerySchema(PlaceQuestionSchema):
    """The question of pages, and what colours and sizes mean."""

    show = fields.String(load_default="kilograms", validate=validate.OneOf(SHOWS))


@page("/dashboard/map", query=MapQuerySchema)
def show_map(caller: Principal, asked: dict[str, Any]) -> Response:
    """Show the sites on a map and in a table, the greatest value first."""
    places, steps, outlines = read_places(caller, asked)
    label, unit = SHOWN[asked["show"]]
    shown = render(
        "map.html",
        asked=asked,
        place=name_of_place(asked),
        period=period_of("whole", asked["first_day"], asked["last_day"]),
        places=places,
        steps=steps,
        sites_shown=SITES_SHOWN,
        label=gettext(label),
        unit=unit,
        shown={name: gettext(words) for name, (words, _) in SHOWN.items()},
        describe=describe_value(unit),
        picture=draw(places, outlines),
        outlines=outlines,
        map_tiles=find_map_tiles(),
    )
    return Response(
        shown, headers={"Content-Security-Policy": policy_of_map()}, content_type="text/html; charset=utf-8"
    )


@page("/dashboard/map.geojson", query=MapQuerySchema)
def send_map(caller: Principal, asked: dict[str, Any]) -> Response:
    """Send the same as GeoJSON: for the map with a script, and for whoever has a map of their own."""
    places, _, outlines = read_places(caller, asked)
    collection = render_geojson(places, outlines, describe_value(SHOWN[asked["show"]][1]))
    return Response(json.dumps(collection), content_type=GEOJSON)


def read_places(caller: Principal, asked: dict[str, Any]) -> tuple[list[MapPlace], tuple[float, ...], list[Outline]]:
    """Read the sites with what is to be shown, where grades begin, and the borders of their communes."""
    days, tenant = (asked["first_day"], asked["last_day"]), tenant_of(caller)
    when: dict[str, Any] = {"timezone": ZoneInfo(caller.timezone), "now": now()}
    where = {name: asked[name] for name in ("material", "insee_code", "site")}
    sites = list_site_figures(
        connection(), Question(period_of("whole", *days), "whole", "site", **where), **tenant, **when
    )
    is_of_bins = asked["show"] != "kilograms"
    bins = list_attended(caller, asked) if is_of_bins else []
    places, steps = grade_places(sites, bins, asked["show"])
    outlines = list_outlines(connection(), **tenant)
    return places, steps, [each for each in outlines if asked["insee_code"] in (None, each.insee_code)]


def describe_value(unit: str) -> Any:
    """Return what writes the value of a place with its unit."""
    return lambda each: f"{write_number(each.value)} {unit}" if each.value is not None else gettext("not known")
