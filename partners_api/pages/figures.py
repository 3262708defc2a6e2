"""Figures as pages show them: a name, a value with its unit, and its definition, formula and source one click away."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from partners_api.languages import language_of_request
from partners_api.pages.translations import gettext, said_later
from partners_api.pages.words import write_number
from rewards.statistics.figures import INDICATORS, MEANINGS, Indicator, Missing
from rewards.statistics.figures.comparing import WHY_UNLIKE, Unlike

BY_NAME: Mapping[str, Indicator] = {each.name: each for each in INDICATORS}

LABELS: Mapping[str, str] = {
    "deposits": said_later("Deposits"),
    "items": said_later("Items"),
    "kg_measured": said_later("Weighed by bins"),
    "kg_estimated": said_later("Estimated from items"),
    "kg_total": said_later("Collected"),
    "kg_per_inhabitant_year": said_later("Per inhabitant and year"),
    "refusal_pct": said_later("Refused by bins"),
    "inhabitants_per_bin": said_later("Inhabitants per bin"),
    "bins_lacking": said_later("Bins lacking"),
    "points_issued": said_later("Points given"),
    "points_redeemed": said_later("Points spent"),
    "points_expired": said_later("Points expired"),
    "liability_cents": said_later("Owed for points"),
    "co2_low_kg": said_later("CO₂ avoided, low"),
    "co2_high_kg": said_later("CO₂ avoided, high"),
    "cents_avoided_per_extra_tonne": said_later("Avoided by a tonne more"),
}
UNITS: Mapping[str, str] = {
    "kg": "kg",
    "%": "%",
    "kg CO2": said_later("kg CO₂"),
    "kg/inhabitant/year": said_later("kg"),
}
DIGITS: Mapping[str, int] = {"kg_per_inhabitant_year": 2, "refusal_pct": 1, "inhabitants_per_bin": 0}


@dataclass(frozen=True, slots=True)
class Card:
    """One figure, written out. ``missing`` says why it has no value; ``name`` is the API's, for tests and anchors."""

    name: str
    label: str
    value: str
    unit: str
    definition: str
    formula: str
    source: str
    missing: str | None = None


def card_of_indicator(name: str, row: Mapping[str, Any]) -> Card:
    """Return a figure of a row (``rewards.statistics.figures.rows``) in the language of the request."""
    indicator, language = BY_NAME[name], language_of_request()
    value: int | float | Decimal | None = row[name]
    why = row["missing"].get(name)
    return Card(
        name=name,
        label=gettext(LABELS[name]),
        value=write_number(value, DIGITS.get(name, 0)),
        unit=gettext(UNITS[indicator.unit]) if value is not None and indicator.unit in UNITS else "",
        definition=indicator.definition[language],
        formula=indicator.formula,
        source=indicator.source,
        missing=None if why is None else MEANINGS[Missing(why)][language],
    )


def why_not_compared(reason: str) -> str:
    """Return why nothing is compared with the year before."""
    why = WHY_UNLIKE[Unlike(reason)][language_of_request()]
    return gettext("Not compared with the year before: %(why)s.", why=why)
