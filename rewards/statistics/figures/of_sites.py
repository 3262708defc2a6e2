"""Sites on a map: what each collected in a period, and how dense bins are in its commune."""

import datetime
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from rewards.statistics.figures.cells import Cell
from rewards.statistics.figures.questions import Question
from rewards.statistics.figures.reading import get_figures
from rewards.statistics.figures.reckoning import Figure

OF_COMMUNE = ("inhabitants_per_bin", "bins_lacking", "kg_per_inhabitant_year")


@dataclass(frozen=True, slots=True)
class SiteFigures:
    """The figures of a site in a period; those that need a population are of its commune (``OF_COMMUNE``)."""

    cell: Cell
    of_commune: dict[str, Figure]


def list_site_figures(
    connection: Connection, question: Question, *, authority_id: int, timezone: ZoneInfo, now: datetime.datetime
) -> list[SiteFigures]:
    """List the sites by reference, those without a bin too.

    Raises:
        PeriodToComeError, FiguresTooManyError, CommuneUnknownError, SiteMissingError, MaterialUnknownError: the
            question makes no sense here.
    """
    asked = replace(question, granularity="whole", level="site", is_by_material=False)
    facts = {"authority_id": authority_id}
    sites = get_figures(connection, asked, **facts, timezone=timezone, now=now)
    communes = get_figures(connection, replace(asked, level="commune", site=None), **facts, timezone=timezone, now=now)
    density = {cell.place.insee_code: {name: cell.figures[name] for name in OF_COMMUNE} for cell in communes.cells}
    return [SiteFigures(cell, density[cell.place.insee_code]) for cell in sites.cells]
