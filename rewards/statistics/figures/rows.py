"""Cells as flat rows, the same for the API, CSV and commands."""

from collections.abc import Mapping
from typing import Any

from rewards.statistics.assumptions import ASSUMPTION_NAMES, Assumption
from rewards.statistics.figures.cells import Cell
from rewards.statistics.figures.comparing import Comparison
from rewards.statistics.figures.missing import Missing
from rewards.statistics.figures.places import Place
from rewards.statistics.figures.reading import Figures
from rewards.statistics.figures.reckoning import Figure

Row = dict[str, Any]


def row_of(cell: Cell) -> Row:
    """Return a cell: its step, place, material, population, coverage and figures, those missing as None."""
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
        **coverage_of(cell),
        **known_of(cell.figures),
        "missing": missing_of(cell.figures),
    }


def location_of(place: Place) -> Row:
    """Return which site or commune a place is, and where; what it is not, or has not, is None."""
    return {
        "site_id": place.site_id,
        "site": place.site,
        "insee_code": place.insee_code,
        "commune": place.commune,
        "address": place.address,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }


def coverage_of(cell: Cell) -> Row:
    """Return how complete a cell is."""
    coverage = cell.coverage
    return {
        "is_partial": cell.step.is_partial,
        "is_complete": cell.is_complete,
        "bins": coverage.bins,
        "bins_reporting": coverage.bins_reporting,
        "bins_missing": coverage.bins_missing,
        "bins_in_between": coverage.bins_in_between,
        "sites_missing": coverage.sites_missing,
        "communes_missing": coverage.communes_missing,
        "silent_steps": coverage.silent_steps,
    }


def known_of(figures: Mapping[str, Figure]) -> Row:
    """Return figures by name, those that are missing as None."""
    return {name: None if isinstance(each, Missing) else each for name, each in figures.items()}


def missing_of(figures: Mapping[str, Figure]) -> dict[str, str]:
    """Return why figures are missing, by name."""
    return {name: each.value for name, each in figures.items() if isinstance(each, Missing)}


def before_of(comparison: Comparison | None) -> Row | None:
    """Return what a cell is compared with; None where nothing was asked."""
    if comparison is None:
        return None
    before = comparison.before
    return {
        "step": None if before is None else before.step.name,
        "kg_total": None if before is None else known_of(before.figures)["kg_total"],
        "change_pct": comparison.change_pct,
        "reason": comparison.reason,
    }


def assumptions_of(figures: Figures) -> list[Assumption]:
    """Return the assumptions in force on the last day of a question."""
    last_day = figures.question.period.last_day
    return [figures.assumptions.get(name, last_day) for name in ASSUMPTION_NAMES]
