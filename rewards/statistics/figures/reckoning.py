"""The arithmetic of indicators: what is reckoned from the sums, coverage and population of a cell. Pure functions.

Source of formulae: docs/figures.md.
"""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from rewards.statistics.assumptions import Assumption, AssumptionName
from rewards.statistics.figures.coverage import Coverage
from rewards.statistics.figures.missing import Missing
from rewards.statistics.figures.point_flows import PointFlows
from rewards.statistics.figures.sums import Sums, round_g

Figure = int | Decimal | Missing

DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class Basis:
    """What the figures of one cell are reckoned from.

    ``glass`` is the part of the sums that is glass, None where the cell is of another material. ``flows`` are None
    where the cell is of a place, ``is_of_all`` is False where it is of one material. ``assumptions`` hold on the last
    day of the step.
    ``inhabitant_days`` are inhabitants by the days on which their commune had a bin.
    """

    sums: Sums
    glass: Sums | None
    coverage: Coverage
    population: int | None
    inhabitant_days: int | None
    days_a_year: int
    flows: PointFlows | None
    is_of_all: bool
    assumptions: Mapping[AssumptionName, Assumption]


def kilograms(grams: int) -> Decimal:
    """Return grams as kilograms, exactly."""
    return Decimal(grams).scaleb(-3)


def round_to(value: Decimal, digits: int) -> Decimal:
    """Return a quotient with so many digits behind the point."""
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)


def of_reports(reckon: Callable[[Basis], Figure]) -> Callable[[Basis], Figure]:
    """Return what reckons with what bins reported: where none did nothing is known."""

    def reckoned(basis: Basis) -> Figure:
        if basis.coverage.bins_reporting == 0:
            return Missing.NOTHING_REPORTED if basis.coverage.bins else Missing.NO_BIN
        return reckon(basis)

    return reckoned


def total_kilograms(sums: Sums) -> Decimal | Missing:
    """Return weighed and estimated kilograms together."""
    return Missing.UNIT_MASS_UNKNOWN if sums.total_g is None else kilograms(sums.total_g)


def estimated_kilograms(basis: Basis) -> Figure:
    """Return the kilograms of bins that do not weigh."""
    if basis.sums.unestimated_items:
        return Missing.UNIT_MASS_UNKNOWN
    return kilograms(round_g(basis.sums.estimated_g))


def kilograms_per_inhabitant_year(basis: Basis) -> Figure:
    """Return kilograms an inhabitant would bring in a whole year at this pace."""
    if basis.sums.total_g is None:
        return Missing.UNIT_MASS_UNKNOWN
    if basis.inhabitant_days is None:
        return Missing.POPULATION_UNKNOWN
    return round_to(kilograms(basis.sums.total_g) * basis.days_a_year / Decimal(basis.inhabitant_days), 3)


def days_of_year(first_day: datetime.date, last_day: datetime.date) -> int:
    """Return how many days a year has: of a whole calendar year its own, so that nothing is scaled; else 365."""
    is_calendar_year = (first_day.month, first_day.day, last_day) == (1, 1, datetime.date(first_day.year, 12, 31))
    return (last_day - first_day).days + 1 if is_calendar_year else DAYS_A_YEAR


def refusal_pct(basis: Basis) -> Figure:
    """Return the share of the items presented that the bin did not accept."""
    presented = basis.sums.items + basis.sums.refused
    return round_to(Decimal(100 * basis.sums.refused) / presented, 2) if presented else Missing.NOTHING_PRESENTED


def inhabitants_per_bin(basis: Basis) -> Figure:
    """Return how many inhabitants share a bin."""
    if basis.coverage.bins == 0:
        return Missing.NO_BIN
    if basis.population is None:
        return Missing.POPULATION_UNKNOWN
    return round_to(Decimal(basis.population) / basis.coverage.bins, 1)


def bins_lacking(basis: Basis) -> Figure:
    """Return how many more bins the reference asks for."""
    if basis.population is None:
        return Missing.POPULATION_UNKNOWN
    for_each = basis.assumptions["inhabitants_per_bin"].value
    wanted = -(-basis.population // for_each) if for_each else 0
    return max(0, wanted - basis.coverage.bins)


def flow_of(reckon: Callable[[PointFlows], int]) -> Callable[[Basis], Figure]:
    """Return what reckons with points that left wallets, which know neither place nor material."""

    def reckoned(basis: Basis) -> Figure:
        if basis.flows is None:
            return Missing.NOT_OF_A_PLACE
        return reckon(basis.flows) if basis.is_of_all else Missing.NOT_OF_A_MATERIAL

    return reckoned


def co2_of(name: AssumptionName) -> Callable[[Basis], Figure]:
    """Return what reckons kilograms of CO2 avoided by the glass of a cell."""

    def reckoned(basis: Basis) -> Figure:
        if basis.glass is None:
            return Missing.GLASS_ONLY
        if basis.glass.total_g is None:
            return Missing.UNIT_MASS_UNKNOWN
        return round_to(kilograms(basis.glass.total_g) * basis.assumptions[name].value / 1000, 1)

    return of_reports(reckoned)


def avoided_cost_of_a_tonne(basis: Basis) -> Figure:
    """Return what a tonne costs less when it is collected as glass than when it is left in residual waste."""
    return cents_avoided_a_tonne(basis.assumptions) if basis.glass is not None else Missing.GLASS_ONLY


def cents_avoided_a_tonne(assumptions: Mapping[AssumptionName, Assumption]) -> int:
    """Return cents a tonne more of glass saves; negative where it costs more than it saves."""
    return assumptions["residual_cost_cents_per_tonne"].value - assumptions["glass_cost_cents_per_tonne"].value
