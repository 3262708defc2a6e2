"""When a bin will be full, from the levels it told since it was emptied last. Pure arithmetic.

The rise is the median of the slopes between all pairs of levels (Theil and Sen), which a few wrong readings do not
move; the range comes from their quartiles. Source: P. K. Sen, "Estimates of the regression coefficient based on
Kendall's tau", Journal of the American Statistical Association 63 (1968).
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import quantiles
from typing import Literal, get_args

Level = tuple[datetime.datetime, int]
"""(when it was told, how full in percent)."""

FULL_PCT = 100
EMPTIED_BY_PCT = 15
"""A level that falls by so much has been emptied; less is a sensor's noise, or glass that settles."""
FEWEST_SLOPES = 3
"""Those of three levels."""
FURTHEST = datetime.timedelta(days=365)

NoForecast = Literal["nothing_told", "too_few_levels", "not_rising", "beyond_a_year"]
REASONS: tuple[NoForecast, ...] = get_args(NoForecast)


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a bin will be full: most likely, and between when and when; ``latest_at`` None: perhaps not in a year."""

    likely_at: datetime.datetime
    earliest_at: datetime.datetime
    latest_at: datetime.datetime | None


def forecast_full(levels: Sequence[Level]) -> Forecast | NoForecast:
    """Forecast from ``levels``, oldest first, or say why that cannot be done.

    A bin that is full already is full since the last level.
    """
    if not levels:
        return "nothing_told"
    told_at, level_pct = levels[-1]
    if level_pct >= FULL_PCT:
        return Forecast(told_at, told_at, told_at)
    slopes = list_slopes(list_since_emptied(levels))
    if len(slopes) < FEWEST_SLOPES:
        return "too_few_levels"
    slow, rise, fast = quantiles(slopes, n=4, method="inclusive")
    if rise <= 0:
        return "not_rising"
    likely_at, earliest_at = (find_full(told_at, level_pct, slope) for slope in (rise, fast))
    if likely_at is None or earliest_at is None:
        return "beyond_a_year"
    return Forecast(likely_at, earliest_at, find_full(told_at, level_pct, slow))


def list_slopes(levels: Sequence[Level]) -> list[float]:
    """List the rises between all pairs of levels, in percent a second."""
    return [
        (later_pct - earlier_pct) / (later_at - earlier_at).total_seconds()
        for (earlier_at, earlier_pct), (later_at, later_pct) in combinations(levels, 2)
        if later_at > earlier_at
    ]


def list_since_emptied(levels: Sequence[Level]) -> list[Level]:
    """List the levels since the bin was emptied last, oldest first."""
    first = 0
    for place in range(1, len(levels)):
        if levels[place][1] <= levels[place - 1][1] - EMPTIED_BY_PCT:
            first = place
    return list(levels[first:])


def find_full(told_at: datetime.datetime, level_pct: int, rise_per_s: float) -> datetime.datetime | None:
    """Find when a level that rises so comes to the brim; None beyond ``FURTHEST``."""
    if rise_per_s <= 0:
        return None
    seconds = (FULL_PCT - level_pct) / rise_per_s
    return told_at + datetime.timedelta(seconds=seconds) if seconds <= FURTHEST.total_seconds() else None
