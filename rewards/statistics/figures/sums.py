"""What bins counted and weighed, by step, place and material: only rollups are read, never the deposits.

What a bin weighed counts as it was weighed; grams of other items are estimated (``rewards/statistics/grams.py``), and
rounded once, at the end: nothing is lost in cells.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from sqlalchemy import Connection, text

from rewards.rollups import DEPOSITS_OF_PERIOD
from rewards.statistics.figures.questions import IS_THERE, Level, Question, unit_of
from rewards.statistics.figures.steps import Granularity
from rewards.statistics.grams import ESTIMATED_G, IS_UNKNOWN, OF_ITEMS

Key = tuple[datetime.date, str, str]
"""(``begins`` of the step, place, material)."""

BY_DAY = """(
    SELECT day, bin_id, site_id, material, deposits, items, mass_g, refused, points, unweighed_items FROM daily_deposits
     WHERE authority_id = :authority_id AND day BETWEEN :first_day AND :last_day)"""
SUM = """
    SELECT {begins} AS begins, {unit} AS unit, d.material,
           CAST(sum(d.deposits) AS bigint) AS deposits, CAST(sum(d.items) AS bigint) AS items,
           CAST(sum(d.refused) AS bigint) AS refused, CAST(sum(d.points) AS bigint) AS points,
           CAST(sum(d.mass_g) AS bigint) AS measured_g,
           {estimated_g} AS estimated_g,
           CAST(coalesce(sum(d.unweighed_items) FILTER (WHERE {is_unknown}), 0) AS bigint)
               AS unestimated_items
      FROM {rolled} AS d
      JOIN sites s ON s.authority_id = :authority_id AND s.site_id = d.site_id
      {of_items}
     WHERE (CAST(:material AS text) IS NULL OR d.material = :material)
       AND (CAST(:bin_id AS text) IS NULL OR d.bin_id = :bin_id) {is_there}
     GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Sums:
    """What was dropped. ``estimated_g`` leaves out ``unestimated_items``, whose mass nobody knows.

    ``total_g`` is weighed and estimated together; None where some mass is unknown.
    """

    deposits: int = 0
    items: int = 0
    refused: int = 0
    points: int = 0
    measured_g: int = 0
    estimated_g: Decimal = Decimal(0)
    unestimated_items: int = 0
    total_g: int | None = field(init=False, compare=False)

    def __post_init__(self) -> None:
        is_unknown = self.unestimated_items > 0
        object.__setattr__(self, "total_g", None if is_unknown else self.measured_g + round_g(self.estimated_g))


def sum_all(sums: Sequence[Sums]) -> Sums:
    """Return all together."""
    if len(sums) == 1:
        return sums[0]
    return Sums(
        deposits=sum(each.deposits for each in sums),
        items=sum(each.items for each in sums),
        refused=sum(each.refused for each in sums),
        points=sum(each.points for each in sums),
        measured_g=sum(each.measured_g for each in sums),
        estimated_g=sum((each.estimated_g for each in sums), Decimal(0)),
        unestimated_items=sum(each.unestimated_items for each in sums),
    )


def round_g(grams: Decimal) -> int:
    """Return whole grams."""
    return int(grams.quantize(Decimal(1), ROUND_HALF_EVEN))


def begins_of(granularity: Granularity, day: str) -> str:
    """Return the expression for the first day of the whole step a day falls into."""
    if granularity == "whole":
        return "CAST(:first_day AS date)"
    return day if granularity == "day" else f"CAST(date_trunc('{granularity}', CAST({day} AS timestamp)) AS date)"


def rolled_by(granularity: Granularity) -> str:
    """Return the rollups to sum, a FROM item; ``day`` may be the first of a month where days do not matter."""
    return BY_DAY if granularity in ("day", "week") else DEPOSITS_OF_PERIOD


def write_statement(granularity: Granularity, level: Level) -> str:
    """Return the statement for a grid."""
    return SUM.format(
        begins=begins_of(granularity, "d.day"),
        unit=unit_of(level, "d"),
        rolled=rolled_by(granularity),
        of_items=OF_ITEMS,
        estimated_g=ESTIMATED_G,
        is_unknown=IS_UNKNOWN,
        is_there=IS_THERE,
    )


def get_sums(connection: Connection, question: Question, *, authority_id: int) -> Mapping[Key, Sums]:
    """Return the sums by step, place and material; where nothing was dropped there is none."""
    values = {
        "authority_id": authority_id,
        "first_day": question.period.first_day,
        "last_day": question.period.last_day,
        "material": question.material,
        **question.filters,
    }
    rows = connection.execute(text(write_statement(question.granularity, question.level)), values)
    return {(row.begins, row.unit, row.material): Sums(*row[3:]) for row in rows}
