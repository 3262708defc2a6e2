"""What the bins alone took of a stream in a year, for an authority without tonnages: as the grid of figures has it."""

import datetime
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from rewards.statistics.figures import Question, get_figures
from rewards.statistics.periods import Period, PeriodToComeError
from rewards.statistics.unit_masses import MaterialUnknownError

PERFORMANCE = "kg_per_inhabitant_year"


@dataclass(frozen=True, slots=True)
class TakenByBins:
    """Kilograms per inhabitant and year that bins took, at the pace of the ``days`` they stood; None: ``missing`` why.

    It is of the communes that have bins, and of all their inhabitants: what is collected in other ways is not in it.
    """

    kg_per_inhabitant: float | None
    days: int
    bins: int
    bins_reporting: int
    communes: tuple[str, ...]
    population: int | None
    population_years: tuple[int, ...]
    missing: str | None


def find_taken_by_bins(
    connection: Connection, stream: str, year: int, *, authority_id: int, timezone: ZoneInfo, now: datetime.datetime
) -> TakenByBins | None:
    """Return what bins took of a stream in a year so far; None where no bin takes it, or the year is to come."""
    of_year = Period(datetime.date(year, 1, 1), datetime.date(year, 12, 31))
    question = Question(of_year, "whole", material=stream)
    try:
        figures = get_figures(connection, question, authority_id=authority_id, timezone=timezone, now=now)
    except (MaterialUnknownError, PeriodToComeError):
        return None
    [cell] = figures.totals
    known = cell.figures[PERFORMANCE]
    return TakenByBins(
        kg_per_inhabitant=float(known) if isinstance(known, (int, Decimal)) else None,
        days=max(cell.coverage.days_served.values(), default=0),
        bins=cell.coverage.bins,
        bins_reporting=cell.coverage.bins_reporting,
        communes=cell.coverage.communes,
        population=None if cell.population is None else cell.population.population,
        population_years=() if cell.population is None else tuple(cell.population.years),
        missing=str(cell.missing[PERFORMANCE]) if PERFORMANCE in cell.missing else None,
    )
