"""Charts as pictures: `/dashboard/charts/kilograms.svg`, asked as the page is that shows them.

``colours`` and ``narrow`` say how; the language is that of the request. Kept by the reader's browser alone, which asks
each time whether it is still the same. A chart with nothing to show is not found: the page does not ask for it.
"""

import datetime
import hashlib
import json
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import marshmallow as ma
from flask import Response, g, request
from marshmallow import fields, validate
from werkzeug.exceptions import NotFound, ServiceUnavailable

from partners_api.authorities.callers import tenant_of
from partners_api.languages import language_of_request
from partners_api.pages.bin_rows import list_attended, list_balanced
from partners_api.pages.charts import bins, kilograms, mass_balance, participation, performance, points, sites
from partners_api.pages.charts.look import PALETTES, Look, Spec
from partners_api.pages.page import page
from partners_api.pages.participation_rows import list_counted
from partners_api.pages.questions import (
    EVERYWHERE,
    QuestionSchema,
    name_of_place,
    question_of,
    today_of,
    usual_material,
    when_of,
    whole_year_until,
)
from partners_api.pages.translations import gettext
from partners_api.pages.words import write_short_day
from partners_api.schemas import Boolean
from partners_api.services import ChartsAwayError, PictureFormat, now, services
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.languages import Language
from rewards.liability import get_liability
from rewards.statistics.figures import get_figures
from rewards.statistics.figures.comparing import compare_with_year_before
from rewards.statistics.figures.of_sites import list_site_figures
from rewards.statistics.references.comparing import compare

Asked = dict[str, Any]
Make = Callable[[Principal, Asked, Look], Spec | None]

PNG_SCALE = 2
RETRY_AFTER_S = 5
MIMETYPES: dict[str, str] = {"svg": "image/svg+xml", "png": "image/png"}


class PictureSchema(ma.Schema):
    """How a picture is wanted. Not ``theme``, which a page would remember."""

    colours = fields.String(load_default="light", validate=validate.OneOf(list(PALETTES)))
    narrow = Boolean(load_default=False, strict=False)


class ChartQuerySchema(QuestionSchema, PictureSchema):
    """The question of the page, and how the picture is wanted."""


def make_kilograms(caller: Principal, asked: Asked, look: Look) -> Spec | None:
    """Kilograms by month beside a year before."""
    figures = get_figures(connection(), question_of(asked), **when_of(caller))
    compared = compare_with_year_before(connection(), figures, **when_of(caller))
    return kilograms.draw_kilograms(figures, compared, look)


def make_points(caller: Principal, asked: Asked, look: Look) -> Spec | None:
    """Points by month, of the whole authority."""
    return points.draw_point_flows(get_figures(connection(), question_of(asked, **EVERYWHERE), **when_of(caller)), look)


def make_participation(caller: Principal, asked: Asked, look: Look) -> Spec | None:
    """Holders by month, of a site, a commune or all."""
    return participation.draw_participation(list_counted(caller, asked), look)


def make_sites(caller: Principal, asked: Asked, look: Look) -> Spec | None:
    """Sites by kilograms."""
    return sites.draw_sites(list_site_figures(connection(), question_of(asked), **when_of(caller)), look)


def make_performance(caller: Principal, asked: Asked, look: Look) -> Spec | None:
    """Kilograms per inhabitant in the last year that is whole at the end of the period."""
    year, material = whole_year_until(asked["last_day"]), asked["material"] or usual_material()
    return performance.draw_performance(compare(connection(), material, year, **when_of(caller)), look)


def make_levels(caller: Principal, asked: Asked, look: Look) -> Spec | None:
    """How full bins are."""
    return bins.draw_levels(list_attended(caller, asked), look)


def make_full_dates(caller: Principal, asked: Asked, look: Look) -> Spec | None:
    """When bins will be full."""
    return bins.draw_full_dates(list_attended(caller, asked), look, timezone=ZoneInfo(caller.timezone))


def make_mass_balance(caller: Principal, asked: Asked, look: Look) -> Spec | None:
    """What bins counted beside what was weighed."""
    return mass_balance.draw_mass_balance(list_balanced(caller, asked), look)


def make_liability(caller: Principal, asked: Asked, look: Look) -> Spec | None:
    """What is owed today."""
    return points.draw_liability(get_liability(connection(), **tenant_of(caller), now=now()), look)


CHARTS: dict[str, Make] = {
    "kilograms": make_kilograms,
    "points": make_points,
    "participation": make_participation,
    "sites": make_sites,
    "performance": make_performance,
    "fill-levels": make_levels,
    "full-dates": make_full_dates,
    "mass-balance": make_mass_balance,
    "liability": make_liability,
}

OF_THE_WHOLE = ("points", "performance", "liability")
"""Those that show the whole authority, whatever place the page is about: they say so."""
OF_PLACES = ("sites", "participation")
"""Those that know no single bin."""


@page("/dashboard/charts/<name>.<any(svg, png):picture_format>", query=ChartQuerySchema)
def show_chart(caller: Principal, asked: Asked, *, name: str, picture_format: PictureFormat) -> Response:
    """Draw a chart of the question."""
    if name not in CHARTS:
        raise NotFound
    if name in OF_PLACES:
        asked = {**asked, "bin_id": None}
    look = look_of(asked, describe_question(name, asked, today_of(caller)))
    return answer_picture(CHARTS[name](caller, asked, look), picture_format, look.language)


def describe_question(name: str, asked: Asked, today: datetime.date) -> str:
    """Return which territory and days a chart is of."""
    place = gettext("Whole territory") if name in OF_THE_WHOLE else name_of_place(asked)
    if name == "liability":
        days = write_short_day(today)
    elif name == "performance":
        days = str(whole_year_until(asked["last_day"]))
    else:
        days = f"{write_short_day(asked['first_day'])} – {write_short_day(asked['last_day'])}"
    return f"{place}, {days}"


def look_of(asked: Asked, about: str) -> Look:
    """Return how a picture is wanted, with its second line."""
    is_simulated = g.viewer.authority.is_simulated
    return Look(
        language_of_request(), asked["colours"], is_narrow=asked["narrow"], is_simulated=is_simulated, about=about
    )


def answer_picture(spec: Spec | None, picture_format: PictureFormat, language: Language) -> Response:
    """Return the picture, or that the browser has it already.

    Raises:
        NotFound: there is nothing to draw.
        ServiceUnavailable: charts are away.
    """
    if spec is None:
        raise NotFound
    # Of what is asked, not of what was drawn: two drawings of the same differ in the names of their parts.
    asked_for = json.dumps([spec, picture_format, language], sort_keys=True).encode()
    etag = hashlib.sha256(asked_for).hexdigest()
    is_known = request.if_none_match.contains_weak(etag)
    answer = Response(status=304) if is_known else draw(spec, picture_format, language)
    answer.set_etag(etag)
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def draw(spec: Spec, picture_format: PictureFormat, language: Language) -> Response:
    """Return the picture.

    Raises:
        ServiceUnavailable: charts are away.
    """
    scale = PNG_SCALE if picture_format == "png" else 1
    try:
        picture = services().draw_chart(spec, picture_format, language=language, scale=scale)
    except ChartsAwayError:
        raise ServiceUnavailable(retry_after=RETRY_AFTER_S) from None
    return Response(picture, content_type=MIMETYPES[picture_format])
