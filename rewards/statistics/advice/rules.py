"""What is advised of a site or a commune, from what was observed there. Pure.

At most one thing each, and nothing from data that are not complete: then the reason is told instead. The one exception
is a bin that gives no sign, since that is the thing to mend.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from statistics import median
from typing import Literal, get_args

from rewards.statistics.advice.thresholds import value_of

AdviceKind = Literal["repair", "add", "empty_earlier", "move"]
ADVICE: tuple[AdviceKind, ...] = get_args(AdviceKind)
"""The most urgent first."""

NoAdvice = Literal[
    "nothing_to_do",
    "no_bin",
    "was_silent",
    "levels_unknown",
    "not_over",
    "placed_or_removed",
    "too_short",
    "kilograms_unknown",
    "few_to_compare",
    "population_unknown",
]
NO_ADVICE: tuple[NoAdvice, ...] = get_args(NoAdvice)

ReasonName = Literal[
    "full_pct",
    "days_between_emptyings",
    "silent_days",
    "days_without_deposit",
    "kg_per_bin_day",
    "median_kg_per_bin_day",
    "inhabitants_per_bin",
    "bins_lacking",
]
REASON_NAMES: tuple[ReasonName, ...] = get_args(ReasonName)


@dataclass(frozen=True, slots=True)
class Reason:
    """A number an advice rests on, beside the threshold it was held against; None where there is none."""

    name: ReasonName
    value: Decimal
    threshold: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What to do and why, or why nothing is advised."""

    advice: AdviceKind | None
    reasons: tuple[Reason, ...] = ()
    no_advice: NoAdvice | None = None


@dataclass(frozen=True, slots=True)
class Levels:
    """What the bins of a site told of their levels: hours, of these full ones, days by bin, and falls (emptyings)."""

    told_hours: int = 0
    full_hours: int = 0
    told_days: int = 0
    emptyings: int = 0


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of a site in a period of ``days`` that have begun; ``bin_days`` are days by bin.

    ``mass`` is None where nobody knows it; ``silent_days`` those at the end without a sign of some bin standing there.
    ``is_of_all``: of all materials, so that no deposit means none at all. ``others`` are kilograms by bin and day of
    the complete sites it may be compared with, itself among them.
    """

    bins: int
    bin_days: int
    days: int
    kilograms: Decimal | None
    is_over: bool
    bins_missing: int = 0
    bins_in_between: int = 0
    silent_days: int = 0
    levels: Levels = Levels()
    is_of_all: bool = True
    others: tuple[Fraction, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether the period is over, and every bin stood there and reported all the time."""
        return self.is_over and self.bins > 0 and not self.bins_missing and not self.bins_in_between

    @property
    def kg_per_bin_day(self) -> Fraction | None:
        """Kilograms by bin and day, None where nobody knows."""
        return None if self.kilograms is None or not self.bin_days else Fraction(self.kilograms) / self.bin_days

    @property
    def full_pct(self) -> Fraction | None:
        """The share of full hours in those told; None where too few days have a level."""
        levels = self.levels
        is_known = (
            levels.told_hours > 0
            and levels.told_days >= value_of("told_days")
            and 100 * levels.told_days >= value_of("told_pct") * self.bin_days
        )
        return Fraction(100 * levels.full_hours, levels.told_hours) if is_known else None

    @property
    def days_between_emptyings(self) -> Fraction | None:
        """How many days a bin stood between two falls of its level; None where none fell."""
        return Fraction(self.bin_days, self.levels.emptyings) if self.levels.emptyings else None


def judge_site(seen: Observed) -> Judgement:
    """Say what to do with a site, the most urgent thing only."""
    if not seen.bins:
        return Judgement(None, no_advice="no_bin")
    if seen.silent_days >= value_of("silent_days"):
        return Judgement("repair", (reason("silent_days", seen.silent_days, value_of("silent_days")),))
    full_pct = seen.full_pct
    if full_pct is not None and full_pct >= value_of("full_pct"):
        return judge_full(seen, full_pct)
    if seen.is_complete and seen.is_of_all and not seen.kilograms and seen.kilograms is not None:
        least = value_of("days_without_deposit")
        if seen.days >= least:
            return Judgement("repair", (reason("days_without_deposit", seen.days, least),))
    lack = find_lack(seen, full_pct)
    return Judgement(None, no_advice=lack) if lack else judge_little(seen)


def judge_full(seen: Observed, full_pct: Fraction) -> Judgement:
    """Say what to do with a site that is often full: one more bin where it is emptied often already."""
    full, between = reason("full_pct", full_pct, value_of("full_pct")), seen.days_between_emptyings
    often = value_of("days_between_emptyings")
    if between is not None and between <= often:
        return Judgement("add", (full, reason("days_between_emptyings", between, often)))
    told = () if between is None else (reason("days_between_emptyings", between, often),)
    return Judgement("empty_earlier", (full, *told))


def find_lack(seen: Observed, full_pct: Fraction | None) -> NoAdvice | None:
    """Find why nobody can say whether a site takes too little; None where one can.

    Without levels nobody knows whether it took little because it was full.
    """
    lacks: tuple[tuple[bool, NoAdvice], ...] = (
        (seen.bins_missing > 0, "was_silent"),
        (full_pct is None, "levels_unknown"),
        (not seen.is_over, "not_over"),
        (seen.bins_in_between > 0, "placed_or_removed"),
        (seen.days < value_of("days_compared"), "too_short"),
        (seen.kg_per_bin_day is None, "kilograms_unknown"),
        (len(seen.others) < value_of("sites_compared"), "few_to_compare"),
    )
    return next((why for is_lacking, why in lacks if is_lacking), None)


def judge_little(seen: Observed) -> Judgement:
    """Say whether a site, of which all is known, takes far less than its commune's sites."""
    assert seen.kg_per_bin_day is not None  # noqa: S101 (find_lack)
    usual = median(seen.others)
    least = usual * value_of("share_of_median_pct") / 100
    if seen.kg_per_bin_day >= least:
        return Judgement(None, no_advice="nothing_to_do")
    return Judgement(
        "move",
        (reason("kg_per_bin_day", seen.kg_per_bin_day, least), reason("median_kg_per_bin_day", usual)),
    )


def judge_commune(
    *, bins: int, inhabitants_per_bin: Decimal | None, bins_lacking: int | None, reference: int
) -> Judgement:
    """Say whether a commune lacks bins by the reference of density: what was collected does not matter."""
    if not bins:
        return Judgement(None, no_advice="no_bin")
    if inhabitants_per_bin is None or bins_lacking is None:
        return Judgement(None, no_advice="population_unknown")
    if not bins_lacking:
        return Judgement(None, no_advice="nothing_to_do")
    return Judgement(
        "add", (reason("inhabitants_per_bin", inhabitants_per_bin, reference), reason("bins_lacking", bins_lacking))
    )


def reason(name: ReasonName, value: Fraction | Decimal | int, threshold: Fraction | int | None = None) -> Reason:
    """Return a reason with its numbers as they are shown."""
    return Reason(name, round_off(value), None if threshold is None else round_off(threshold))


def round_off(value: Fraction | Decimal | int) -> Decimal:
    """Return a number with two digits behind the point."""
    return Decimal(round(Fraction(value) * 100)) / 100


def rank_by(values: Iterable[Fraction | Decimal | None]) -> list[int | None]:
    """Return the rank of each value, the greatest first; equals share one, and the unknown have none."""
    told = list(values)
    ordered = sorted((each for each in told if each is not None), reverse=True)
    first: dict[Fraction | Decimal, int] = {}
    for place, each in enumerate(ordered, start=1):
        first.setdefault(each, place)
    return [None if each is None else first[each] for each in told]
