"""Kilograms by month: bars from zero, the year before as marks; months that cannot be compared look so."""

from collections.abc import Mapping
from decimal import Decimal

from partners_api.pages.charts.look import Look, Spec, amounts, frame, hatched, states
from partners_api.pages.charts.months import months_axis, name_short
from partners_api.pages.charts.numbers import write
from rewards.languages import Language
from rewards.statistics.figures import Cell, Figures
from rewards.statistics.figures.comparing import CellKey, Comparison, key_of

KG = "kg_total"
WORDS: Mapping[Language, Mapping[str, str]] = {
    "fr": {
        "title": "Kilogrammes collectés par mois",
        "axis": "kg",
        "complete": "mois complet",
        "incomplete": "bornes silencieuses ou posées en cours de mois",
        "partial": "mois en cours ou entamé",
        "unknown": "rien de connu",
        "before": "un an avant",
        "alt": "{count} mois, {first} à {last} : {total} kg en tout ; le plus : {most} kg ({most_month}), le moins :"
        " {least} kg ({least_month}). Mois incomplets : {incomplete} ; sans rien de connu : {unknown}.",
    },
    "en": {
        "title": "Kilograms collected by month",
        "axis": "kg",
        "complete": "whole month",
        "incomplete": "bins silent, or placed within the month",
        "partial": "month cut, or not over",
        "unknown": "nothing known",
        "before": "a year before",
        "alt": "{count} months, {first} to {last}: {total} kg in all; most: {most} kg ({most_month}), least:"
        " {least} kg ({least_month}). Incomplete months: {incomplete}; with nothing known: {unknown}.",
    },
}


def state_of(cell: Cell) -> str:
    """Return which kind of month it is."""
    if known(cell) is None:
        return "unknown"
    if cell.step.is_partial:
        return "partial"
    return "complete" if cell.is_complete else "incomplete"


def known(cell: Cell | None) -> float | None:
    """Return kilograms, None where nobody knows them."""
    found = None if cell is None else cell.figures[KG]
    return float(found) if isinstance(found, (int, Decimal)) else None


def draw_kilograms(figures: Figures, compared: Mapping[CellKey, Comparison], look: Look) -> Spec | None:
    """Return the chart of figures by month, of one place and one material or all; None where nothing is known."""
    cells = figures.cells
    if all(known(cell) is None for cell in cells):
        return None
    words = WORDS[look.language]
    rows = [{"month": f"{cell.step.begins}", "kg": known(cell), "state": words[state_of(cell)]} for cell in cells]
    before = [
        {"month": f"{cell.step.begins}", "kg": kg, "series": words["before"]}
        for cell in cells
        if (found := compared.get(key_of(cell))) is not None and (kg := known(found.before)) is not None
    ]
    there = {state_of(cell) for cell in cells}
    forms = {"complete": "first", "incomplete": "incomplete", "partial": "partial", "unknown": "unknown"}
    x = months_axis(look, [cell.step.begins for cell in cells])
    y = amounts("kg", words["axis"])
    told = states(look, "state", [(words[name], form) for name, form in forms.items() if name in there])
    layers: list[Spec] = [
        {
            "data": {"values": [row for row in rows if row["kg"] is None]},
            "mark": hatched(look.palette),
            "encoding": {"x": x, "y": {"value": 0}, "y2": {"value": "height"}},
        },
        {"data": {"values": rows}, "mark": {"type": "bar", "strokeWidth": 1.2}, "encoding": {"x": x, "y": y, **told}},
    ]
    if before:
        scale = {"domain": [words["before"]], "range": [look.palette.ink]}
        colour = {
            "field": "series",
            "type": "nominal",
            "scale": scale,
            "legend": {"symbolType": "stroke", "symbolStrokeColor": look.palette.ink, "symbolStrokeWidth": 3},
        }
        mark = {"type": "tick", "thickness": 3, "bandSize": 18 if look.is_narrow else 34}
        layers.append({"data": {"values": before}, "mark": mark, "encoding": {"x": x, "y": y, "color": colour}})
    return frame(look, words["title"], layers, alt=describe_kilograms(figures, look.language))


def describe_kilograms(figures: Figures, language: Language) -> str:
    """Say the same in a sentence."""
    cells = figures.cells
    counted = [(kg, cell.step.begins) for cell in cells if (kg := known(cell)) is not None]
    if not counted:
        return ""
    (most, most_month), (least, least_month) = max(counted), min(counted)
    return WORDS[language]["alt"].format(
        count=len(cells),
        first=name_short(cells[0].step.begins, language),
        last=name_short(cells[-1].step.begins, language),
        total=write(sum(kg for kg, _ in counted), language),
        most=write(most, language),
        most_month=name_short(most_month, language),
        least=write(least, language),
        least_month=name_short(least_month, language),
        incomplete=sum(state_of(cell) in ("incomplete", "partial") for cell in cells),
        unknown=sum(state_of(cell) == "unknown" for cell in cells),
    )
