"""What weighed and counted grams say of a bin: ratio, drift, calibration, and how often honest noise looks like drift.

Pure; grams in, ratios out. The rounds it is given are those nothing speaks against (``reading.DOUBTS``).
Source: docs/statistics.md, "Counted and weighed".
"""

import decimal
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, median
from typing import Literal

NEWEST_ROUNDS, LEAST_ROUNDS = 5, 3
"""Drift is the median of the newest five rounds, of three while there are no five: one odd round alone says nothing."""

LEAST_CALIBRATION_G = 100_000
FACTOR_LOWEST, FACTOR_HIGHEST = decimal.Decimal("0.2"), decimal.Decimal(5)
"""Beyond these a bin does not count, whatever it is multiplied by."""

LEAST_FLEET = 5
"""Bins of a material from which on their median stands in for the calibration a bin has not got."""

FOUR_PLACES = decimal.Decimal("0.0001")

Direction = Literal["counted_more", "weighed_more"]
Reason = Literal["rounds_too_few", "kilograms_too_few", "factor_absurd"]


@dataclass(frozen=True, slots=True)
class Weighing:
    """The two sides of one round, or of the sum of several."""

    counted_g: int
    weighed_g: int

    @property
    def ratio(self) -> float:
        """Weighed over counted grams; infinite where something was weighed and nothing counted."""
        return self.weighed_g / self.counted_g if self.counted_g else math.inf


def drift_of(ratios: Sequence[float]) -> float | None:
    """Return how much more is weighed than was to be expected: 1.0 is as expected, None is not to be told yet.

    ``ratios`` of rounds to what was expected of each, newest first. The median of an odd number of rounds is one of
    them, so that neither a round nobody counted (infinite) nor one tenth of the counts of another moves it far.
    """
    for rounds in (NEWEST_ROUNDS, LEAST_ROUNDS):
        if len(ratios) >= rounds:
            return median(ratios[:rounds])
    return None


def direction_of(drift: float, *, over_percent: int) -> Direction | None:
    """Return which side is too heavy; None while neither is ``over_percent`` heavier than the other."""
    limit = 1 + over_percent / 100
    if drift > limit:
        return "weighed_more"
    return "counted_more" if drift * limit < 1 else None


def factor_of(weighings: Sequence[Weighing]) -> decimal.Decimal | Reason:
    """Return what counted grams are to be multiplied by (weighed over counted, of all rounds together), or why not.

    Source: docs/figures.md, "items to kilograms".
    """
    if len(weighings) < LEAST_ROUNDS:
        return "rounds_too_few"
    counted_g, weighed_g = sum(each.counted_g for each in weighings), sum(each.weighed_g for each in weighings)
    if weighed_g < LEAST_CALIBRATION_G:
        return "kilograms_too_few"
    if counted_g == 0:
        return "factor_absurd"
    factor = (decimal.Decimal(weighed_g) / counted_g).quantize(FOUR_PLACES)
    return factor if FACTOR_LOWEST <= factor <= FACTOR_HIGHEST else "factor_absurd"


def noise_of(bins: Iterable[Sequence[float]]) -> float | None:
    """Return the spread of a round around its bin's others, as a standard deviation of logarithms: 0.15 is about 15 %.

    Of the differences between one round and the next, by their median, so that neither drift nor single odd rounds
    count. ``bins`` has the ratios of each, in order of time.
    """
    steps = [
        abs(math.log(newer / older))
        for ratios in bins
        for newer, older in pairwise(ratios)
        if 0 < newer < math.inf and 0 < older < math.inf
    ]
    # Of a normal distribution half the absolute values lie below 0.6745 standard deviations.
    return median(steps) / NormalDist().inv_cdf(0.75) / math.sqrt(2) if steps else None


def false_alarm_share(*, over_percent: int, noise: float, rounds: int = NEWEST_ROUNDS) -> float:
    """Return how often rounds of honest, independent, lognormal noise have a median that is ``over_percent`` off.

    Of an odd number of ``rounds`` more than half must be off on the same side.
    """
    beyond = 1 - NormalDist().cdf(math.log1p(over_percent / 100) / noise) if noise > 0 else 0.0
    of_one_side = sum(
        math.comb(rounds, off) * beyond**off * (1 - beyond) ** (rounds - off)
        for off in range(rounds // 2 + 1, rounds + 1)
    )
    return 2 * of_one_side
