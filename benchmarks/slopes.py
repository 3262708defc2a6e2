"""Straight lines through samples over time, and what they say about whether something grows."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

NORMAL_95 = 1.96
Verdict = Literal["steady", "growing", "undecided"]


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth an hour by least squares, with its standard error."""

    per_hour: float
    error: float

    def verdict(self, bound_per_hour: float) -> Verdict:
        """Compare the 95 % interval with the most growth that counts as none."""
        if self.per_hour + NORMAL_95 * self.error < bound_per_hour:
            return "steady"
        return "growing" if self.per_hour - NORMAL_95 * self.error > bound_per_hour else "undecided"


def fit_slope(seconds: Sequence[float], values: Sequence[float]) -> Slope:
    """Fit a line to at least three samples.

    The error is widened for samples that resemble the one before (a lag-one correlation r leaves (1 - r) / (1 + r) of
    them), which memory and counts always do.
    """
    count = len(values)
    mean_s, mean = sum(seconds) / count, sum(values) / count
    spread = sum((each - mean_s) ** 2 for each in seconds)
    slope = sum((at - mean_s) * (value - mean) for at, value in zip(seconds, values, strict=True)) / spread
    residuals = [value - mean - slope * (at - mean_s) for at, value in zip(seconds, values, strict=True)]
    squares = sum(each**2 for each in residuals)
    correlation = sum(a * b for a, b in itertools.pairwise(residuals)) / squares if squares else 0.0
    correlation = min(max(correlation, 0.0), 0.99)
    independent = max(count * (1 - correlation) / (1 + correlation), 3.0)
    error = math.sqrt(squares / count * (count / independent) / spread * independent / (independent - 2))
    return Slope(slope * 3600, error * 3600)
