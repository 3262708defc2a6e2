"""All figures of a question: rollups summed, coverage counted, indicators reckoned, in a fixed number of statements."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from rewards.statistics.assumptions import ASSUMPTION_NAMES, Assumption, AssumptionName, Assumptions, get_assumptions
from rewards.statistics.figures.cells import Cell
from rewards.statistics.figures.coverage import NOBODY, Coverage, MissingBin, get_coverage
from rewards.statistics.figures.coverage import Key as CoverageKey
from rewards.statistics.figures.indicators import reckon_all
from rewards.statistics.figures.places import Place, Territory, get_territory
from rewards.statistics.figures.point_flows import PointFlows, get_point_flows
from rewards.statistics.figures.questions import Question, check_size
from rewards.statistics.figures.reckoning import Basis, days_of_year
from rewards.statistics.figures.steps import Step, list_steps
from rewards.statistics.figures.sums import Key as SumsKey
from rewards.statistics.figures.sums import Sums, get_sums, sum_all

GLASS = "glass"


@dataclass(frozen=True, slots=True)
class Figures:
    """The answer: cells by step, place and material, the whole for each material, and the bins that are missing.

    Of sites and bins only those have cells that stood, or had deposits, in the step; of the ``whole`` all have.
    """

    question: Question
    steps: list[Step]
    cells: list[Cell]
    totals: list[Cell]
    missing_bins: list[MissingBin]
    assumptions: Assumptions


@dataclass(frozen=True, slots=True)
class Findings:
    """What was read, before anything is reckoned."""

    question: Question
    territory: Territory
    sums: Mapping[SumsKey, Sums]
    coverage: Mapping[CoverageKey, Coverage]
    flows: Mapping[datetime.date, PointFlows] | None
    assumptions: Assumptions
    of_unit: dict[tuple[datetime.date, str], list[tuple[str, Sums]]] = field(default_factory=dict)
    of_day: dict[datetime.date, Mapping[AssumptionName, Assumption]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for (begins, unit, material), each in self.sums.items():
            self.of_unit.setdefault((begins, unit), []).append((material, each))

    def list_assumptions(self, day: datetime.date) -> Mapping[AssumptionName, Assumption]:
        """Return what is taken for granted on a day; many cells share one."""
        if day not in self.of_day:
            self.of_day[day] = {name: self.assumptions.get(name, day) for name in ASSUMPTION_NAMES}
        return self.of_day[day]

    def list_materials(self) -> list[str | None]:
        """List what each cell is of: single materials, or None for all together."""
        if self.question.is_by_material:
            return list(self.territory.materials)
        return [self.question.material]

    def list_cells(self, step: Step, place: Place) -> list[Cell]:
        """List the cells of a place in a step."""
        found = self.of_unit.get((step.begins, place.unit), [])
        coverage = self.coverage.get((step.no, place.unit), NOBODY)
        is_sparse = self.question.level in ("site", "bin") and self.question.granularity != "whole"
        if is_sparse and not found and coverage == NOBODY:
            return []
        flows = None if self.flows is None else self.flows.get(step.begins, PointFlows())
        return [
            self.make_cell(step, place, material, found, coverage=coverage, flows=flows)
            for material in self.list_materials()
        ]

    def list_totals(self, whole: Step) -> list[Cell]:
        """List the cells of the whole period and of all places asked for."""
        found = [(material, each) for (_, _, material), each in self.sums.items()]
        coverage = self.coverage.get((None, None), NOBODY)
        flows = None if self.flows is None else reduce(add, self.flows.values(), PointFlows())
        return [
            self.make_cell(whole, Place(""), material, found, coverage=coverage, flows=flows)
            for material in self.list_materials()
        ]

    def make_cell(
        self,
        step: Step,
        place: Place,
        material: str | None,
        found: list[tuple[str, Sums]],
        *,
        coverage: Coverage,
        flows: PointFlows | None,
    ) -> Cell:
        """Reckon one cell from the sums ``found`` there by material."""
        glass = sum_of(found, GLASS)
        has_population = place.site is None and place.bin_id is None and not self.is_within_commune()
        year = step.last_day.year
        population = self.territory.population_of(coverage.communes, year=year) if has_population else None
        basis = Basis(
            sums=sum_of(found, material),
            glass=glass if material in (None, GLASS) else None,
            coverage=coverage,
            population=None if population is None else population.population,
            inhabitant_days=self.territory.inhabitant_days_of(coverage.days_served, year=year)
            if has_population
            else None,
            days_a_year=days_of_year(step.first_day, step.last_day),
            flows=flows,
            is_of_all=material is None,
            assumptions=self.list_assumptions(step.last_day),
        )
        return Cell(step, place, material, population, coverage, reckon_all(basis))

    def is_within_commune(self) -> bool:
        """Whether the question is about a part of a commune, which has no population."""
        return self.question.site is not None or self.question.bin_id is not None


def sum_of(found: list[tuple[str, Sums]], material: str | None) -> Sums:
    """Return the sums of one material, or of all together."""
    return sum_all([each for name, each in found if material in (None, name)])


def get_figures(
    connection: Connection, question: Question, *, authority_id: int, timezone: ZoneInfo, now: datetime.datetime
) -> Figures:
    """Return all figures of a question, reckoned with the masses, factors and assumptions in force.

    Raises:
        PeriodToComeError, FiguresTooManyError, CommuneUnknownError, SiteMissingError, BinMissingError,
        MaterialUnknownError: the question makes no sense here; nothing was summed.
    """
    today = now.astimezone(timezone).date()
    question.period.require_begun(today)
    steps = list_steps(question.period, question.granularity, today=today)
    years = {step.last_day.year for step in steps} | {question.period.last_day.year}
    territory = get_territory(connection, question, authority_id=authority_id, years=years)
    materials = len(territory.materials) if question.is_by_material else 1
    check_size(steps=len(steps), places=len(territory.places), materials=materials)
    coverage, missing_bins = get_coverage(
        connection, question, steps, authority_id=authority_id, timezone=timezone, today=today
    )
    is_of_place = question.level != "authority" or any(question.filters.values())
    flows = None if is_of_place else get_point_flows(connection, question, authority_id=authority_id, timezone=timezone)
    findings = Findings(
        question,
        territory,
        sums=get_sums(connection, question, authority_id=authority_id),
        coverage=coverage,
        flows=flows,
        assumptions=get_assumptions(connection, authority_id=authority_id),
    )
    [whole] = list_steps(question.period, "whole", today=today)
    return Figures(
        question,
        steps,
        cells=[cell for step in steps for place in territory.places for cell in findings.list_cells(step, place)],
        totals=findings.list_totals(whole),
        missing_bins=missing_bins,
        assumptions=findings.assumptions,
    )
