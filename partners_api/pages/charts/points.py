"""Points: what is owed by how old it is, and what was issued, redeemed and expired by month."""

import datetime
from collections.abc import Mapping
from decimal import Decimal

from partners_api.pages.charts.look import Look, Spec, amounts, frame, states
from partners_api.pages.charts.months import months_axis, name_short
from partners_api.pages.charts.numbers import write
from partners_api.pages.owed_rows import list_owed
from rewards.languages import Language
from rewards.liability import Liability
from rewards.statistics.figures import Figures

FLOWS = ("points_issued", "points_redeemed", "points_expired")
FORMS = ("first", "second", "third")

WORDS: Mapping[Language, Mapping[str, str]] = {
    "fr": {
        "owed": "Ce qui est dû, par mois d'origine",
        "euros": "euros",
        "in_points": "points",
        "points": "points non dépensés",
        "vouchers": "bons en circulation",
        "alt_owed": "{first} à {last} : {points} {unit} de points non dépensés et {vouchers} {unit} de bons"
        " en circulation.",
        "flows": "Points par mois",
        "points_issued": "crédités",
        "points_redeemed": "utilisés",
        "points_expired": "expirés",
        "alt_flows": "{first} à {last} : {points_issued} points crédités, {points_redeemed} utilisés, {points_expired}"
        " expirés.",
    },
    "en": {
        "owed": "What is owed, by the month it comes from",
        "euros": "euros",
        "in_points": "points",
        "points": "points not spent",
        "vouchers": "vouchers that are out",
        "alt_owed": "{first} to {last}: {points} {unit} of points not spent and {vouchers} {unit} of vouchers"
        " that are out.",
        "flows": "Points by month",
        "points_issued": "issued",
        "points_redeemed": "redeemed",
        "points_expired": "expired",
        "alt_flows": "{first} to {last}: {points_issued} points issued, {points_redeemed} redeemed, {points_expired}"
        " expired.",
    },
}


def amounts_of(owed: Liability) -> tuple[str, list[tuple[str, datetime.date, float]]]:
    """List (kind, month, amount) in euros, in points where nobody knows what they cost; and the unit."""
    if owed.point_value.cents_a_point is None:
        return "in_points", [(each.kind, each.month, each.points) for each in list_owed(owed)]
    return "euros", [(each.kind, each.month, (each.cents or 0) / 100) for each in list_owed(owed)]


def months_between(found: list[datetime.date]) -> list[datetime.date]:
    """List every month from the first to the last, so that a month without anything is seen."""
    month, months = min(found).replace(day=1), []
    while month <= max(found):
        months.append(month)
        month = (month + datetime.timedelta(days=32)).replace(day=1)
    return months


def draw_liability(owed: Liability, look: Look) -> Spec | None:
    """Return the chart; None where nothing is owed."""
    unit, found = amounts_of(owed)
    if not any(amount for _, _, amount in found):
        return None
    words = WORDS[look.language]
    rows = [
        {"month": f"{month.replace(day=1)}", "amount": amount, "kind": words[kind], "order": int(kind == "vouchers")}
        for kind, month, amount in found
    ]
    there = {kind for kind, _, _ in found}
    forms = [(words[kind], form) for kind, form in (("points", "first"), ("vouchers", "second")) if kind in there]
    encoding = {
        "x": months_axis(look, months_between([month for _, month, _ in found])),
        "y": {**amounts("amount", words[unit]), "aggregate": "sum", "stack": "zero"},
        "order": {"field": "order"},
        **states(look, "kind", forms),
    }
    bars = {"data": {"values": rows}, "mark": {"type": "bar", "strokeWidth": 1}, "encoding": encoding}
    return frame(look, words["owed"], [bars], alt=describe_liability(owed, look.language))


def describe_liability(owed: Liability, language: Language) -> str:
    """Say the same in a sentence."""
    unit, found = amounts_of(owed)
    if not found:
        return ""
    months = [month for _, month, _ in found]
    sums = {
        kind: write(sum(amount for each, _, amount in found if each == kind), language)
        for kind in ("points", "vouchers")
    }
    days = {"first": name_short(min(months), language), "last": name_short(max(months), language)}
    return WORDS[language]["alt_owed"].format(**days, **sums, unit=WORDS[language][unit])


def flow_of(figures: Figures, name: str) -> list[tuple[datetime.date, float]]:
    """List a flow by month, where it is known."""
    found = ((cell.step.begins, cell.figures[name]) for cell in figures.cells)
    return [(month, float(value)) for month, value in found if isinstance(value, (int, Decimal))]


def draw_point_flows(figures: Figures, look: Look) -> Spec | None:
    """Return the chart of figures by month of the whole authority and all materials; None where nothing is known."""
    words = WORDS[look.language]
    rows = [
        {"month": f"{month}", "points": points, "kind": words[name]}
        for name in FLOWS
        for month, points in flow_of(figures, name)
    ]
    if not rows:
        return None
    kinds = [words[name] for name in FLOWS]
    encoding = {
        "x": months_axis(look, [cell.step.begins for cell in figures.cells]),
        "xOffset": {"field": "kind", "scale": {"domain": kinds}},
        "y": {**amounts("points", words["in_points"]), "stack": None},
        **states(look, "kind", list(zip(kinds, FORMS, strict=True))),
    }
    bars = {"data": {"values": rows}, "mark": {"type": "bar", "strokeWidth": 0}, "encoding": encoding}
    return frame(look, words["flows"], [bars], alt=describe_point_flows(figures, look.language))


def describe_point_flows(figures: Figures, language: Language) -> str:
    """Say the same in a sentence."""
    if not figures.cells:
        return ""
    sums = {name: write(sum(points for _, points in flow_of(figures, name)), language) for name in FLOWS}
    first, last = (name_short(figures.cells[each].step.begins, language) for each in (0, -1))
    return WORDS[language]["alt_flows"].format(first=first, last=last, **sums)
