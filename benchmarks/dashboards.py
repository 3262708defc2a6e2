"""The figures of ``bontri bench stats``: what a page over five years asks for. One line for each: add yours here."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from benchmarks.town import AUTHORITY_ID
from rewards.statistics.figures import Granularity, Level, Question, get_figures
from rewards.statistics.figures.of_sites import list_site_figures
from rewards.statistics.periods import LongPeriod

TIMEZONE = ZoneInfo("Europe/Paris")
Reckon = Callable[[Connection, "Asked"], object]


@dataclass(frozen=True, slots=True)
class Asked:
    """The years asked for, and when."""

    period: LongPeriod
    now: datetime.datetime


def grid(granularity: Granularity, level: Level = "authority", *, is_by_material: bool = False) -> Reckon:
    """Return what reckons a grid over the whole period."""

    def reckon(connection: Connection, asked: Asked) -> object:
        question = Question(asked.period, granularity, level, is_by_material=is_by_material)
        return get_figures(connection, question, authority_id=AUTHORITY_ID, timezone=TIMEZONE, now=asked.now)

    return reckon


def sites_on_a_map(connection: Connection, asked: Asked) -> object:
    """Reckon what the map of sites shows."""
    question = Question(asked.period, "whole", "site")
    return list_site_figures(connection, question, authority_id=AUTHORITY_ID, timezone=TIMEZONE, now=asked.now)


FIGURES: Mapping[str, Reckon] = {
    "authority_by_month": grid("month"),
    "authority_by_year": grid("year"),
    "materials_by_month": grid("month", is_by_material=True),
    "communes_by_month": grid("month", "commune"),
    "communes_by_year": grid("year", "commune"),
    "sites_by_year": grid("year", "site"),
    "bins_by_year": grid("year", "bin"),
    "sites_on_a_map": sites_on_a_map,
}
