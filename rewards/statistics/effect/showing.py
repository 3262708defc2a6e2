"""A verdict as plain values, for JSON: the same from the command, the API and the process it is measured in."""

import datetime
from dataclasses import asdict
from typing import Any

from rewards.statistics.effect.sentences import CAUTIONS, LANGUAGES, LEFT_OUT, say_reason, say_verdict
from rewards.statistics.effect.verdict import Effect, Measured, NotMeasurable, Trend

DEFINITION = (
    "difference in differences: equipped after over before, against control after over before; one value per site "
    "over the same calendar months, reporting days only; 95 % interval"
)
SOURCE = "Bertrand, Duflo and Mullainathan 2004; docs/statistics.md"


def show_verdict(verdict: Measured | NotMeasurable) -> dict[str, Any]:
    """Return a verdict; ``effect`` is None, or a percentage together with both ends of its interval."""
    return {
        "is_measurable": isinstance(verdict, Measured),
        "sentence": {language: say_verdict(verdict, language=language) for language in LANGUAGES},
        "kilograms_from": verdict.source,
        **(show_measured(verdict) if isinstance(verdict, Measured) else show_lacking(verdict)),
        "left_out": [
            {"site": each.site, "code": each.code, "sentence": LEFT_OUT[each.code]} for each in verdict.left_out
        ],
        "trend_before": show_trend(verdict.trend),
        "definition": DEFINITION,
        "source": SOURCE,
    }


def show_measured(verdict: Measured) -> dict[str, Any]:
    """Return what only a measured effect has, and no reasons."""
    return {
        "effect": show_effect(verdict.effect),
        "p_value": verdict.p_value,
        "method": verdict.method,
        "waves": [show_days(asdict(wave)) for wave in verdict.waves],
        "control_sites": list(verdict.control_sites),
        "cautions": [{"code": each, "sentence": CAUTIONS[each]} for each in verdict.cautions],
        "reasons": [],
    }


def show_lacking(verdict: NotMeasurable) -> dict[str, Any]:
    """Return what is lacking, and no effect."""
    return {
        "effect": None,
        "p_value": None,
        "method": None,
        "waves": [],
        "control_sites": [],
        "cautions": [],
        "reasons": [
            {**asdict(reason), "sentence": {language: say_reason(reason, language=language) for language in LANGUAGES}}
            for reason in verdict.reasons
        ],
    }


def show_effect(effect: Effect) -> dict[str, Any]:
    """Return an effect with its interval."""
    return {**asdict(effect), "direction": effect.direction, "confidence": 0.95}


def show_trend(trend: Trend | None) -> dict[str, Any] | None:
    """Return how both sides went before, with their months."""
    if trend is None:
        return None
    return {
        "difference_a_year": show_effect(trend.difference),
        "p_value": trend.p_value,
        "months": [show_days(asdict(month)) for month in trend.months],
    }


def show_days(values: dict[str, Any]) -> dict[str, Any]:
    """Return values with days and tuples in the forms of JSON."""
    plain = {datetime.date: str, tuple: list}
    return {name: plain.get(type(value), lambda same: same)(value) for name, value in values.items()}
