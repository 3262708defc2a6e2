"""What a measurement comes to: a percentage with its interval, or that there is none yet and what is lacking.

A percentage alone cannot be said: :class:`Effect` has none without both ends of its interval.
"""

import datetime
from dataclasses import dataclass
from typing import Literal

from rewards.statistics.effect.panel import Source

ReasonCode = Literal[
    "nothing_recorded",
    "no_equipped_site",
    "no_control",
    "no_months_before",
    "no_months_after",
    "no_common_months",
    "too_few_reporting_days",
    "too_few_sites",
    "trend_not_testable",
    "trends_not_parallel",
]
LeftOutCode = Literal["no_figures", "too_few_common_months", "equipped_without_control", "equipped_last"]
CautionCode = Literal["trends_doubtful"]
Method = Literal["welch", "permutation"]
Direction = Literal["rise", "fall", "none_shown"]


@dataclass(frozen=True, slots=True)
class Effect:
    """By how many percent equipped sites changed beyond the control, and the interval that holds it at 95 %.

    Raises:
        ValueError: on construction, when the interval does not hold the percentage.
    """

    percent: float
    low_percent: float
    high_percent: float

    def __post_init__(self) -> None:
        if not self.low_percent <= self.percent <= self.high_percent:
            raise ValueError("an effect lies within its interval")

    @property
    def direction(self) -> Direction:
        """What the interval shows, and nothing where it holds 0."""
        if self.low_percent > 0:
            return "rise"
        return "fall" if self.high_percent < 0 else "none_shown"


@dataclass(frozen=True, slots=True)
class TrendMonth:
    """Mean of the sites' logarithms of mass a day as percent of their own mean before; None: nothing known."""

    month: datetime.date
    equipped_percent: float | None
    control_percent: float | None


@dataclass(frozen=True, slots=True)
class Trend:
    """How the two sides went before the start: by how many percent a year the equipped ones drew away.

    ``is_most_extreme``: of all assignments tried none, or only its mirror, would have drawn them further apart.
    ``months`` are drawn with what came after the first start as well.
    """

    difference: Effect
    p_value: float
    is_most_extreme: bool
    months: tuple[TrendMonth, ...]


@dataclass(frozen=True, slots=True)
class WaveUsed:
    """Sites that began in one month, and the calendar months (1 to 12) compared around it."""

    start: datetime.date
    last_month: datetime.date
    sites: tuple[str, ...]
    calendar_months: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A site that was not used, and why."""

    site: str
    code: LeftOutCode


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that is lacking; ``found`` and ``needed`` where it can be counted."""

    code: ReasonCode
    found: int | None = None
    needed: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """An effect, what it rests on, what was left out, and what to read it with care for."""

    effect: Effect
    p_value: float
    method: Method
    source: Source
    waves: tuple[WaveUsed, ...]
    control_sites: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    trend: Trend
    cautions: tuple[CautionCode, ...] = ()


@dataclass(frozen=True, slots=True)
class NotMeasurable:
    """No effect can be told yet; ``reasons`` has at least one. ``trend`` where it is the reason."""

    reasons: tuple[Reason, ...]
    source: Source
    left_out: tuple[LeftOut, ...] = ()
    trend: Trend | None = None

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("what cannot be measured has a reason")


Verdict = Measured | NotMeasurable
