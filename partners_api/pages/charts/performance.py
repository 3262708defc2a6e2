"""Kilograms per inhabitant and year beside département, région and nation: dots with names, from zero."""

from collections.abc import Mapping
from typing import Any

from partners_api.pages.charts.look import ROW_HEIGHT, Look, Spec, amounts, frame
from partners_api.pages.charts.numbers import write
from rewards.languages import Language
from rewards.statistics.references.comparing import Comparison

WORDS: Mapping[Language, Mapping[str, str]] = {
    "fr": {
        "title": "Kilogrammes par habitant et par an",
        "own": "Collectivité, tonnages",
        "by_bins": "Bornes connectées seules",
        "control": "Communes témoins",
        "department": "Département {name}",
        "region": "{name}",
        "nation": "France",
        "part": " ({found} dép. sur {all})",
        "kind_own": "la collectivité",
        "kind_reference": "référence",
        "axis": "kg par habitant et par an",
        "missing": "inconnu",
        "alt": "Kilogrammes par habitant et par an : {rows}.",
    },
    "en": {
        "title": "Kilograms per inhabitant and year",
        "own": "Authority, tonnages",
        "by_bins": "Connected bins alone",
        "control": "Control communes",
        "department": "Département {name}",
        "region": "{name}",
        "nation": "France",
        "part": " ({found} of {all} dép.)",
        "kind_own": "the authority",
        "kind_reference": "reference",
        "axis": "kg per inhabitant and year",
        "missing": "unknown",
        "alt": "Kilograms per inhabitant and year: {rows}.",
    },
}


def list_rows(compared: Comparison, language: Language, control_kg: float | None) -> list[dict[str, Any]]:
    """List what is beside each other, the authority first; kilograms nobody knows are None."""
    words = WORDS[language]
    own: list[tuple[str, float | None, int]] = [(words["own"], compared.own.kg_per_inhabitant, compared.own.year)]
    if compared.by_bins is not None:
        own.append((words["by_bins"], compared.by_bins.kg_per_inhabitant, compared.year))
    others: list[tuple[str, float | None, int]] = (
        [(words["control"], control_kg, compared.year)] if control_kg is not None else []
    )
    for each in compared.references:
        name = words[each.level].format(name=each.name)
        if each.departments < each.departments_in_all:
            name += words["part"].format(found=each.departments, all=each.departments_in_all)
        others.append((name, each.kg_per_inhabitant, each.year))
    return [
        {"name": name, "year": year, "kg": kg, "kind": words[kind]}
        for kind, rows in (("kind_own", own), ("kind_reference", others))
        for name, kg, year in rows
    ]


def draw_performance(compared: Comparison, look: Look, *, control_kg: float | None = None) -> Spec | None:
    """Return the chart; None where the authority's own figures are all unknown."""
    words, palette = WORDS[look.language], look.palette
    rows = list_rows(compared, look.language, control_kg)
    if all(row["kg"] is None for row in rows if row["kind"] == words["kind_own"]):
        return None
    for row in rows:
        row["label"] = (
            words["missing"] if row["kg"] is None else f"{write(row['kg'], look.language, 1)} ({row['year']})"
        )
        row["zero"] = 0
    most = max(row["kg"] for row in rows if row["kg"] is not None)
    x = amounts("kg", words["axis"], domain=[0, most * (1.35 if look.is_narrow else 1.15) or 1])
    limit = 165 if look.is_narrow else 260
    y = {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": limit}}
    kinds = [words["kind_own"], words["kind_reference"]]
    colour = {"field": "kind", "type": "nominal", "scale": {"domain": kinds, "range": [palette.first, palette.second]}}
    shape = {"field": "kind", "type": "nominal", "scale": {"domain": kinds, "range": ["diamond", "circle"]}}
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "color": palette.hatching, "strokeDash": [2, 3]},
            "encoding": {"x": {**x, "field": "zero"}, "x2": {"field": "kg"}, "y": y},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 130, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": colour, "shape": shape},
        },
        {
            "transform": [{"calculate": "isValid(datum.kg) ? datum.kg : 0", "as": "at"}],
            "mark": {"type": "text", "align": "left", "dx": 10, "color": palette.ink},
            "encoding": {"x": {**x, "field": "at"}, "y": y, "text": {"field": "label"}},
        },
    ]
    alt = describe_performance(compared, look.language, control_kg=control_kg)
    height = (ROW_HEIGHT + 6) * len(rows)
    return frame(look, words["title"], layers, alt=alt, height=height, data={"values": rows})


def describe_performance(compared: Comparison, language: Language, *, control_kg: float | None = None) -> str:
    """Say the same in a sentence."""
    words, colon = WORDS[language], " : " if language == "fr" else ": "
    said = [
        f"{row['name']}, {row['year']}{colon}"
        + (words["missing"] if row["kg"] is None else f"{write(row['kg'], language, 1)} kg")
        for row in list_rows(compared, language, control_kg)
    ]
    return words["alt"].format(rows=" ; ".join(said) if language == "fr" else "; ".join(said))
