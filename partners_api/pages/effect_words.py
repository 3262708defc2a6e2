"""What the page on the effect says beside the domain's own sentences: what to do, and how it was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from partners_api.languages import language_of_request
from partners_api.pages.translations import gettext, said_later
from partners_api.pages.words import write_number
from rewards.statistics.effect.panel import Source
from rewards.statistics.effect.verdict import Method, ReasonCode

TO_DO: Mapping[ReasonCode, str] = {
    "nothing_recorded": said_later(
        "Choose a longer period, another material or other kilograms; or enter the tonnages of these sites."
    ),
    "no_equipped_site": said_later(
        "A site is equipped from its first bin. Choose a later end, or name the sites and the day they were equipped."
    ),
    "no_control": said_later(
        "Name sites or communes without bins as control and enter their tonnages, or leave some sites for a later wave."
    ),
    "no_months_before": said_later(
        "Bins count only from when they stand: enter the tonnages of the sites for the year before."
    ),
    "no_months_after": said_later("Wait until a whole month behind the start is over, then come back."),
    "no_common_months": said_later(
        "Only equal calendar months are compared, so that no season is taken for an effect: enter tonnages of the year"
        " before, or wait for further months."
    ),
    "too_few_reporting_days": said_later(
        "A month of a site needs 7 known days: look on the map which bins are silent and have them looked after."
    ),
    "too_few_sites": said_later(
        "Add sites to the smaller side: name further sites or communes as control, or equip more of them."
    ),
    "trend_not_testable": said_later(
        "Enter tonnages of earlier months for both sides, or choose an earlier begin, or wait for a later wave."
    ),
    "trends_not_parallel": said_later(
        "Choose control sites that are more alike: of the same commune, the same kind of place, the same rounds."
    ),
}
METHODS: Mapping[Method, str] = {
    "welch": said_later(
        "There are ten sites or more on each side: the means of both sides are compared, with Welch's interval, which"
        " does not take them for equally spread."
    ),
    "permutation": said_later(
        "There are few sites: every way in which equipment could have been assigned to them is tried, and the interval"
        " is made of what chance alone would have drawn apart."
    ),
}
SOURCES: Mapping[Source, str] = {
    "weighed": said_later("emptyings that were weighed"),
    "tonnages": said_later("tonnages that were entered for sites"),
    "counted": said_later("deposits that bins counted"),
}

P_TOLD = 0.001
"""The smallest that is told as a number."""


@dataclass(frozen=True, slots=True)
class EffectMonth:
    """Both sides in a month, 100 being each site's own mean before, and how far apart they are."""

    month: str
    equipped_percent: float | None
    control_percent: float | None
    difference_points: float | None


def list_effect_months(verdict: Mapping[str, Any]) -> list[EffectMonth]:
    """List both sides by month, oldest first; empty where trends could not be looked at."""
    trend = verdict["trend_before"]
    found = []
    for each in trend["months"] if trend else []:
        equipped, control = each["equipped_percent"], each["control_percent"]
        apart = None if equipped is None or control is None else equipped - control
        found.append(EffectMonth(each["month"], equipped, control, apart))
    return found


def list_left_out(verdict: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """List why sites were left out, in the language of the request, and which."""
    sites: dict[str, list[str]] = {}
    for each in verdict["left_out"]:
        sites.setdefault(each["sentence"][language_of_request()], []).append(each["site"])
    return sorted(sites.items())


def list_reasons(verdict: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """List what is lacking: its code, the domain's sentence and what to do, in the language of the request."""
    language = language_of_request()
    lacking: list[tuple[ReasonCode, str]] = [(each["code"], each["sentence"][language]) for each in verdict["reasons"]]
    return [(code, sentence, gettext(TO_DO[code])) for code, sentence in lacking]


def say_method(verdict: Mapping[str, Any]) -> str:
    """Say how the interval was had; empty where nothing was measured."""
    method: Method | None = verdict["method"]
    return gettext(METHODS[method]) if method else ""


def say_source(verdict: Mapping[str, Any]) -> str:
    """Say where the kilograms are from."""
    source: Source = verdict["kilograms_from"]
    return gettext(SOURCES[source])


def write_p(p_value: float) -> str:
    """Return "p = 0.012"; never "p = 0", which no measurement can say."""
    return f"p < {write_number(P_TOLD, 3)}" if p_value < P_TOLD else f"p = {write_number(p_value, 3)}"
