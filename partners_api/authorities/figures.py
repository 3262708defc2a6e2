"""Figures on one grid: by step, place and material; with what each means, and with what is missing."""

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
from rewards.statistics.assumptions import ASSUMPTION_NAMES, DEFAULTS
from rewards.statistics.figures import (
    INDICATORS,
    MEANINGS,
    Cell,
    Figures,
    FiguresTooManyError,
    Missing,
    Question,
    get_figures,
    period_of,
)
from rewards.statistics.figures.of_sites import SiteFigures, list_site_figures
from rewards.statistics.periods import PeriodReversedError, PeriodToComeError, PeriodTooLongError
from rewards.statistics.unit_masses import MaterialUnknownError
from rewards.territory import is_simulated

Row = dict[str, Any]

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
    zone = ZoneInfo(caller.timezone)
    figures = get_figures(connection(), question, **tenant_of(caller), timezone=zone, now=now())
    cells = [render_cell(cell) for cell in figures.cells]
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
        "totals": [render_cell(cell) for cell in figures.totals],
        "cells": cells,
        "missing_bins": figures.missing_bins,
        "assumptions": list_in_force(figures),
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
    shown = [row for row in rows if behind is None or key_of(row) > behind]
    return page_of(shown[: asked["limit"]], asked["limit"], key_of)


@operation(
    authorities,
    "GET",
    "/figures/definitions",
    audience="authority",
    role="viewer",
    answers=(200, DefinitionsSchema),
)
def show_definitions(_caller: Principal) -> Row:
    """Show what every figure means, how it is reckoned, what is taken for granted, and why one may be missing."""
    return {
        "indicators": INDICATORS,
        "assumptions": list(DEFAULTS.values()),
        "reasons": [{"code": reason.value, "meaning": meaning} for reason, meaning in MEANINGS.items()],
    }


def list_in_force(figures: Figures) -> list[Any]:
    """List the assumptions in force on the last day of the question."""
    last_day = figures.question.period.last_day
    return [figures.assumptions.get(name, last_day) for name in ASSUMPTION_NAMES]


def key_of(row: Row) -> tuple[str, UUID]:
    """Return what sites are listed by."""
    return row["site"], row["site_id"]


def render_cell(cell: Cell) -> Row:
    """Return a cell, flat."""
    population = cell.population
    return {
        "step": cell.step.name,
        "first_day": cell.step.first_day,
        "last_day": cell.step.last_day,
        "days": cell.step.days,
        "insee_code": cell.place.insee_code,
        "commune": cell.place.commune,
        "site": cell.place.site,
        "site_id": cell.place.site_id,
        "bin_id": cell.place.bin_id,
        "material": cell.material,
        "population": None if population is None else population.population,
        "population_years": [] if population is None else population.years,
        "population_sources": [] if population is None else population.sources,
        **render_coverage(cell),
        **render_figures(cell.figures),
        "missing": {name: reason.value for name, reason in cell.missing.items()},
    }


def render_coverage(cell: Cell) -> Row:
    """Return how complete a cell is."""
    coverage = cell.coverage
    return {
        "is_partial": cell.step.is_partial,
        "is_complete": cell.is_complete,
        "bins": coverage.bins,
        "bins_reporting": coverage.bins_reporting,
        "bins_missing": coverage.bins_missing,
        "sites_missing": coverage.sites_missing,
        "communes_missing": coverage.communes_missing,
        "silent_steps": coverage.silent_steps,
    }


def render_figures(figures: Any) -> Row:
    """Return figures by name, those that are missing as None."""
    return {name: None if isinstance(each, Missing) else each for name, each in figures.items()}


def render_site(site: SiteFigures) -> Row:
    """Return a site with its figures and those of its commune."""
    place, of_commune = site.cell.place, {f"commune_{name}": each for name, each in site.of_commune.items()}
    figures = {**site.cell.figures, **of_commune}
    missing = {name: each.value for name, each in figures.items() if isinstance(each, Missing)}
    return {
        "site_id": place.site_id,
        "site": place.site,
        "insee_code": place.insee_code,
        "commune": place.commune,
        "address": place.address,
        "latitude": place.latitude,
        "longitude": place.longitude,
        **render_coverage(site.cell),
        **render_figures(figures),
        "missing": {name: reason for name, reason in missing.items() if name in SiteFiguresSchema().fields},
    }
