"""Cells beside those of a year before: only like is compared with like, and where nothing is, it says why.

A change is told of kilograms a day alone, and only between steps that are over, in which as many bins stood at the same
sites all the time, and reported: else a hole or a new bin would be read as a change of what people sort.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from rewards.languages import Language
from rewards.statistics.figures.cells import Cell, is_like_for_like
from rewards.statistics.figures.missing import Missing
from rewards.statistics.figures.questions import Question
from rewards.statistics.figures.reading import Figures, get_figures
from rewards.statistics.figures.reckoning import round_to
from rewards.statistics.figures.steps import period_of

COMPARED_BY = ("month", "year", "whole")
"""Days and weeks of two years do not fall on the same days of the week, or of the year."""

CellKey = tuple[int, str, str | None]


class Unlike(StrEnum):
    """Why a cell is compared with nothing."""

    NOTHING_BEFORE = "nothing_before"
    NOT_COMPLETE = "not_complete"
    EQUIPPED_IN_BETWEEN = "equipped_in_between"
    OTHER_BINS = "other_bins"
    UNKNOWN = "unknown"


WHY_UNLIKE: dict[Unlike, dict[Language, str]] = {
    Unlike.NOTHING_BEFORE: {
        "fr": "aucune borne n'y était installée un an plus tôt",
        "en": "no bin stood there a year before",
    },
    Unlike.NOT_COMPLETE: {
        "fr": "l'une des deux périodes n'est pas complète",
        "en": "one of the two periods is not complete",
    },
    Unlike.EQUIPPED_IN_BETWEEN: {
        "fr": "des bornes ont été installées ou retirées pendant l'une des deux périodes",
        "en": "bins were placed or removed within one of the two periods",
    },
    Unlike.OTHER_BINS: {
        "fr": "d'autres bornes y étaient installées, ou à d'autres sites",
        "en": "other bins stood there, or at other sites",
    },
    Unlike.UNKNOWN: {
        "fr": "les kilogrammes de l'une des deux périodes sont inconnus, ou nuls un an plus tôt",
        "en": "kilograms of one of the two periods are not known, or were none a year before",
    },
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The cell of a year before, and the change of kilograms a day; one of ``change_pct`` and ``reason`` is None."""

    before: Cell | None
    change_pct: Decimal | None
    reason: Unlike | None


def compare(cell: Cell, before: Cell | None) -> Comparison:
    """Return the change from one cell to another, or why there is none."""
    if before is None or not before.coverage.bins:
        return Comparison(before, None, Unlike.NOTHING_BEFORE)
    if cell.coverage.bins_in_between or before.coverage.bins_in_between:
        return Comparison(before, None, Unlike.EQUIPPED_IN_BETWEEN)
    if not cell.is_complete or not before.is_complete:
        return Comparison(before, None, Unlike.NOT_COMPLETE)
    if not is_like_for_like(cell, before):
        return Comparison(before, None, Unlike.OTHER_BINS)
    now_kg, before_kg = cell.figures["kg_total"], before.figures["kg_total"]
    if isinstance(now_kg, Missing) or isinstance(before_kg, Missing) or before_kg == 0:
        return Comparison(before, None, Unlike.UNKNOWN)
    ratio = Decimal(now_kg) * before.step.days / (Decimal(before_kg) * cell.step.days)
    return Comparison(before, round_to(100 * (ratio - 1), 1), None)


def year_before(day: datetime.date, *, is_last: bool) -> datetime.date:
    """Return the same day of the year before; the end of February stays the end of February."""
    if (day.month, day.day) in ((2, 28), (2, 29)) and is_last:
        return datetime.date(day.year - 1, 3, 1) - datetime.timedelta(days=1)
    return day.replace(year=day.year - 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)


def ask_year_before(question: Question) -> Question:
    """Return the same question about a year before."""
    period = question.period
    first, last = year_before(period.first_day, is_last=False), year_before(period.last_day, is_last=True)
    return replace(question, period=period_of(question.granularity, first, last))


def compare_with_year_before(
    connection: Connection, figures: Figures, *, authority_id: int, timezone: ZoneInfo, now: datetime.datetime
) -> Mapping[CellKey, Comparison]:
    """Return a comparison for each cell, by step, place and material; of the totals those of step -1.

    Only for questions by ``COMPARED_BY``; their steps pair up one by one.
    """
    asked = ask_year_before(figures.question)
    found = get_figures(connection, asked, authority_id=authority_id, timezone=timezone, now=now)
    before = {key_of(cell): cell for cell in found.cells}
    whole = {cell.material: cell for cell in found.totals}
    return {
        **{key_of(cell): compare(cell, before.get(key_of(cell))) for cell in figures.cells},
        **{(-1, "", cell.material): compare(cell, whole.get(cell.material)) for cell in figures.totals},
    }


def key_of(cell: Cell) -> CellKey:
    """Return what a cell is paired by."""
    return (cell.step.no, cell.place.unit, cell.material)
