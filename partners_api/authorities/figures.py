"""Figures on one grid: by step, place and material; with what each means, and with what is missing."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Response

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.authorities.figure_schemas import (
    CellSchema,
    DefinitionsSchema,
    GridQuerySchema,
    GridSchema,
    InPeriodSchema,
    SiteFiguresSchema,
)
from partners_api.listings import CSV, Page, choose_type, listing, page_of, render_csv
from partners_api.operations import operation
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.fleet.refusals import BinMissingError, SiteMissingError
from rewards.shop_register import CommuneUnknownError
from rewards.statistics.assumptions import DEFAULTS
from rewards.statistics.figures import (
    INDICATORS,
    MEANINGS,
    FiguresTooManyError,
    Question,
    get_figures,
    period_of,
)
from rewards.statistics.figures.comparing import WHY_UNLIKE, CellKey, Comparison, compare_with_year_before, key_of
from rewards.statistics.figures.of_sites import SiteFigures, list_site_figures
from rewards.statistics.figures.rows import (
    Row,
    assumptions_of,
    before_of,
    coverage_of,
    known_of,
    location_of,
    missing_of,
    row_of,
)
from rewards.statistics.periods import PeriodReversedError, PeriodToComeError, PeriodTooLongError
from rewards.statistics.unit_masses import MaterialUnknownError
from rewards.territory import is_simulated

SITE_FIGURES = SiteFiguresSchema().fields.keys()
REFUSES = (
    PeriodReversedError,
    PeriodTooLongError,
    PeriodToComeError,
    FiguresTooManyError,
    CommuneUnknownError,
    MaterialUnknownError,
)


@operation(
    authorities,
    "GET",
    "/figures",
    audience="authority",
    role="viewer",
    query=GridQuerySchema,
    answers=(200, GridSchema),
    also_answers=(CSV,),
    refuses=(*REFUSES, SiteMissingError, BinMissingError),
)
def show_figures(caller: Principal, asked: dict[str, Any]) -> Row | Response:
    """Show every figure by day, week, month or year, of the authority, its communes, sites or bins, by material or not.

    A figure nobody knows is null, and `missing` says why; a cell that is not complete must not be read as a fall. With
    `format=csv` or `Accept: text/csv` the cells come as CSV, without the totals.
    """
    question = Question(
        period_of(asked["by"], asked["first_day"], asked["last_day"]),
        asked["by"],
        asked["level"],
        is_by_material=asked["by_material"],
        **{name: asked[name] for name in ("material", "insee_code", "site", "bin_id")},
    )
    when: dict[str, Any] = {"timezone": ZoneInfo(caller.timezone), "now": now()}
    figures = get_figures(connection(), question, **tenant_of(caller), **when)
    compared: Mapping[CellKey, Comparison] = {}
    if asked["with_year_before"]:
        compared = compare_with_year_before(connection(), figures, **tenant_of(caller), **when)
    cells = [{**row_of(cell), "year_before": before_of(compared.get(key_of(cell)))} for cell in figures.cells]
    if choose_type(asked["format"], (CSV,)) == CSV:
        return render_csv(CellSchema(), cells)
    return {
        "period": {
            "first_day": question.period.first_day,
            "last_day": question.period.last_day,
            "timezone": caller.timezone,
        },
        "by": question.granularity,
        "level": question.level,
        "is_simulated": is_simulated(connection(), **tenant_of(caller)),
        "totals": [
            {**row_of(cell), "year_before": before_of(compared.get((-1, "", cell.material)))} for cell in figures.totals
        ],
        "cells": cells,
        "missing_bins": figures.missing_bins,
        "assumptions": assumptions_of(figures),
    }


@listing(
    authorities,
    "/figures/sites",
    audience="authority",
    role="viewer",
    item=SiteFiguresSchema,
    key=(str, UUID),
    filters=dict(InPeriodSchema().declared_fields),
    refuses=REFUSES,
    is_on_a_map=True,
)
def show_figures_of_sites(caller: Principal, asked: dict[str, Any]) -> Page[Row]:
    """List what each site collected in a period, by reference.

    What needs a population is of its commune. Sites without a bin are there too, without figures.
    """
    period = period_of("whole", asked["first_day"], asked["last_day"])
    question = Question(period, "whole", "site", material=asked["material"], insee_code=asked["insee_code"])
    zone = ZoneInfo(caller.timezone)
    found = list_site_figures(connection(), question, **tenant_of(caller), timezone=zone, now=now())
    behind = asked["after"]
    rows = [render_site(each) for each in found]
    shown = [row for row in rows if behind is None or key_of_site(row) > behind]
    return page_of(shown[: asked["limit"]], asked["limit"], key_of_site)


@operation(
    authorities,
    "GET",
    "/figures/definitions",
    audience="authority",
    role="viewer",
    answers=(200, DefinitionsSchema),
)
def show_definitions(_caller: Principal) -> Row:
    """Show what figures mean, how they are reckoned, what is taken for granted, why one is missing or not compared."""
    return {
        "indicators": INDICATORS,
        "assumptions": list(DEFAULTS.values()),
        "reasons": [{"code": reason.value, "meaning": meaning} for reason, meaning in MEANINGS.items()],
        "reasons_not_compared": [{"code": reason.value, "meaning": meaning} for reason, meaning in WHY_UNLIKE.items()],
    }


def key_of_site(row: Row) -> tuple[str, UUID]:
    """Return what sites are listed by."""
    return row["site"], row["site_id"]


def render_site(site: SiteFigures) -> Row:
    """Return a site with its figures and those of its commune."""
    place, of_commune = site.cell.place, {f"commune_{name}": each for name, each in site.of_commune.items()}
    figures = {**site.cell.figures, **of_commune}
    return {
        **location_of(place),
        **coverage_of(site.cell),
        **known_of(figures),
        "missing": {name: reason for name, reason in missing_of(figures).items() if name in SITE_FIGURES},
    }
