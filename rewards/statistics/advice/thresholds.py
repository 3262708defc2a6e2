"""From where on something is to be done: each threshold with what it is for, and where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from rewards.languages import Language
from rewards.statistics.silences import GAP_DAYS

ThresholdName = Literal[
    "full_pct",
    "told_pct",
    "told_days",
    "days_between_emptyings",
    "share_of_median_pct",
    "sites_compared",
    "days_compared",
    "silent_days",
    "days_without_deposit",
]
THRESHOLD_NAMES: tuple[ThresholdName, ...] = get_args(ThresholdName)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number above or below which something is advised, or may be."""

    name: ThresholdName
    value: int
    unit: str
    meaning: Mapping[Language, str]
    source: str


JUDGEMENT = "own judgement: no text gives one"
THRESHOLDS: Mapping[ThresholdName, Threshold] = {
    each.name: each
    for each in (
        Threshold(
            "full_pct",
            10,
            "%",
            {
                "fr": "part des heures où la borne était pleine, parmi celles où elle a dit son niveau, à partir de "
                "laquelle un site est souvent plein",
                "en": "share of the hours in which a bin was full, of those in which it told its level, from which a "
                "site is often full",
            },
            JUDGEMENT,
        ),
        Threshold(
            "told_pct",
            80,
            "%",
            {
                "fr": "part des jours où le niveau a été dit, au moins, pour en conclure quelque chose",
                "en": "share of the days on which a level was told, at least, before anything is concluded from it",
            },
            JUDGEMENT,
        ),
        Threshold(
            "told_days",
            14,
            "days",
            {
                "fr": "jours où le niveau a été dit, au moins : deux semaines entières",
                "en": "days on which a level was told, at least: two whole weeks",
            },
            JUDGEMENT,
        ),
        Threshold(
            "days_between_emptyings",
            7,
            "days",
            {
                "fr": "un site vidé au moins aussi souvent et pourtant souvent plein a besoin d'une borne de plus",
                "en": "a site emptied at least so often that is often full all the same needs one more bin",
            },
            JUDGEMENT,
        ),
        Threshold(
            "share_of_median_pct",
            25,
            "%",
            {
                "fr": "un site qui collecte moins que cette part de la médiane de sa commune, par borne et par jour, "
                "serait mieux ailleurs",
                "en": "a site that takes less than this share of the median of its commune, by bin and day, would be "
                "better elsewhere",
            },
            JUDGEMENT,
        ),
        Threshold(
            "sites_compared",
            5,
            "sites",
            {
                "fr": "sites complets de la commune, des mêmes matières, au moins, pour une médiane",
                "en": "complete sites of the commune, of the same materials, at least, for a median",
            },
            JUDGEMENT,
        ),
        Threshold(
            "days_compared",
            90,
            "days",
            {
                "fr": "jours de la période, au moins : une saison entière",
                "en": "days of the period, at least: a whole season",
            },
            JUDGEMENT,
        ),
        Threshold(
            "silent_days",
            GAP_DAYS,
            "days",
            {
                "fr": "jours de suite sans nouvelles à la fin de la période : le silence, comme dans les chiffres",
                "en": "days on end without a sign at the end of the period: silence, as figures have it",
            },
            "docs/decisions/0050",
        ),
        Threshold(
            "days_without_deposit",
            28,
            "days",
            {
                "fr": "jours complets sans un seul dépôt alors que la borne donnait de ses nouvelles",
                "en": "whole days without one deposit while the bin was heard",
            },
            JUDGEMENT,
        ),
    )
}


def value_of(name: ThresholdName) -> int:
    """Return a threshold."""
    return THRESHOLDS[name].value
