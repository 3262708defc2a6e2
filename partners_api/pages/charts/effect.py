"""Does the scheme have an effect: both sides by month with the moment of start, and estimates with their intervals.

Verdicts are those of ``rewards.statistics.effect.showing.show_verdict``, as they come from the process that measures.
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from partners_api.pages.charts.look import ROW_HEIGHT, Look, Spec, frame
from partners_api.pages.charts.months import months_axis, name_short
from partners_api.pages.charts.numbers import write, write_signed
from rewards.languages import Language

Verdict = Mapping[str, Any]
NAMES_MAX = 30

WORDS: Mapping[Language, Mapping[str, str]] = {
    "fr": {
        "trend_title": "Sites équipés et sites témoins, mois par mois",
        "equipped": "équipés",
        "control": "témoins",
        "start": "début",
        "starts": "premier de {count} débuts",
        "axis": "indice, 100 = moyenne d'avant",
        "alt_trend": "{first} à {last}, en indice (100 = moyenne d'avant le début, {start}) : les sites"
        " équipés finissent"
        " à {equipped}, les témoins à {control}.",
        "effect_title": "Effet mesuré, avec son intervalle à 95 %",
        "effect_axis": "écart à l'évolution des témoins, %",
        "none": "pas encore mesurable",
        "no_effect": "aucun effet",
        "alt_one": "{name} {percent} % (entre {low} et {high})",
        "alt_none": "{name} : pas encore mesurable",
        "alt_effect": "Effet mesuré, intervalle à 95 % : {rows}.",
        "unknown": "inconnu",
    },
    "en": {
        "trend_title": "Equipped and control sites, month by month",
        "equipped": "equipped",
        "control": "control",
        "start": "start",
        "starts": "first of {count} starts",
        "axis": "index, 100 = mean before",
        "alt_trend": "{first} to {last}, as an index (100 = mean before the start, {start}): equipped sites end at"
        " {equipped}, control sites at {control}.",
        "effect_title": "Measured effect, with its 95 % interval",
        "effect_axis": "difference from how the control went, %",
        "none": "not measurable yet",
        "no_effect": "no effect",
        "alt_one": "{name} {percent}% (between {low} and {high})",
        "alt_none": "{name}: not measurable yet",
        "alt_effect": "Measured effect, 95% interval: {rows}.",
        "unknown": "unknown",
    },
}


def starts_of(verdict: Verdict) -> list[datetime.date]:
    """List the months in which sites began, oldest first."""
    return sorted({datetime.date.fromisoformat(wave["start"]) for wave in verdict["waves"]})


def draw_trend(verdict: Verdict, look: Look) -> Spec | None:
    """Return both sides by month; None where there are no months. Where a month is unknown the line is broken."""
    trend = verdict["trend_before"]
    if trend is None or not trend["months"]:
        return None
    words, palette = WORDS[look.language], look.palette
    months = [datetime.date.fromisoformat(each["month"]) for each in trend["months"]]
    sides = ("equipped", "control")
    labels = [words[side] for side in sides]
    rows = [
        {"month": each["month"], "side": words[side], "percent": each[f"{side}_percent"]}
        for each in trend["months"]
        for side in sides
    ]
    x = months_axis(look, months)
    y = {"field": "percent", "type": "quantitative", "title": words["axis"], "scale": {"zero": False, "nice": True}}
    colours, dashes = [palette.first, palette.second], [[1, 0], [5, 3]]
    colour = {"field": "side", "type": "nominal", "scale": {"domain": labels, "range": colours}}
    dash = {"field": "side", "type": "nominal", "scale": {"domain": labels, "range": dashes}}
    starts = [start for start in starts_of(verdict) if start in months]
    layers: list[Spec] = [
        {
            "data": {"values": [{"percent": 100}]},
            "mark": {"type": "rule", "color": palette.quiet},
            "encoding": {"y": y},
        },
        {
            "data": {"values": rows},
            "mark": {"type": "line", "strokeWidth": 2.5, "invalid": "break-paths-show-domains"},
            "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dash},
        },
    ]
    if starts:
        layers += [
            {
                "data": {"values": [{"month": f"{start}"} for start in starts]},
                "mark": {"type": "rule", "color": palette.ink, "strokeWidth": 1.5},
                "encoding": {"x": x},
            },
            name_starts(starts, months, look, x),
        ]
    return frame(look, words["trend_title"], layers, alt=describe_trend(verdict, look.language))


def name_starts(starts: Sequence[datetime.date], months: Sequence[datetime.date], look: Look, x: Spec) -> Spec:
    """Return the words beside the first start, on the side with more room: those of several would lie on each other."""
    words = WORDS[look.language]
    label = words["start"] if len(starts) == 1 else words["starts"].format(count=len(starts))
    # Beyond the first there are others, and the end of the picture.
    is_late = months.index(starts[0]) > len(months) / (4 if len(starts) > 1 else 2)
    return {
        "data": {"values": [{"month": f"{starts[0]}", "label": label}]},
        "mark": {
            "type": "text",
            "align": "right" if is_late else "left",
            "dx": -5 if is_late else 5,
            "y": 8,
            "color": look.palette.ink,
        },
        "encoding": {"x": x, "text": {"field": "label"}},
    }


def describe_trend(verdict: Verdict, language: Language) -> str:
    """Say the same in a sentence."""
    words, trend = WORDS[language], verdict["trend_before"]
    if trend is None or not trend["months"]:
        return ""
    last = {
        side: next((month[f"{side}_percent"] for month in reversed(trend["months"]) if month[f"{side}_percent"]), None)
        for side in ("equipped", "control")
    }
    first_month, last_month = (datetime.date.fromisoformat(trend["months"][each]["month"]) for each in (0, -1))
    starts = starts_of(verdict)
    return words["alt_trend"].format(
        first=name_short(first_month, language),
        last=name_short(last_month, language),
        start=name_short(starts[0], language) if starts else words["unknown"],
        **{side: words["unknown"] if value is None else write(value, language) for side, value in last.items()},
    )


def draw_effects(verdicts: Sequence[tuple[str, Verdict]], look: Look) -> Spec | None:
    """Return estimates by name with their intervals, and those that cannot be told; None where none can be."""
    shown = verdicts[:NAMES_MAX]
    if all(verdict["effect"] is None for _, verdict in shown):
        return None
    words, palette = WORDS[look.language], look.palette
    rows = [{"name": name, **(verdict["effect"] or {}), "label": words["none"]} for name, verdict in shown]
    for row in rows:
        if "percent" in row:
            low, high = (write_signed(row[each], look.language, 1) for each in ("low_percent", "high_percent"))
            row["label"] = f"{write_signed(row['percent'], look.language, 1)} %  [{low} ; {high}]"
    percent: Spec = {"type": "quantitative", "title": words["effect_axis"], "scale": {"zero": True, "nice": True}}
    percent["axis"] = {"tickCount": 6}
    y = {"field": "name", "type": "nominal", "sort": None, "title": None}
    known = {"transform": [{"filter": "isValid(datum.percent)"}]}
    layers: list[Spec] = [
        {
            "data": {"values": [{"at": 0}]},
            "mark": {"type": "rule", "color": palette.quiet, "strokeWidth": 1.5},
            "encoding": {"x": {**percent, "field": "at"}},
        },
        {
            **known,
            "mark": {"type": "rule", "strokeWidth": 3, "color": palette.first},
            "encoding": {"x": {**percent, "field": "low_percent"}, "x2": {"field": "high_percent"}, "y": y},
        },
        {
            **known,
            "mark": {"type": "point", "filled": True, "size": 90, "color": palette.first, "opacity": 1},
            "encoding": {"x": {**percent, "field": "percent"}, "y": y},
        },
        {
            "mark": {"type": "text", "align": "right", "dy": -12, "x": "width", "fontSize": 11, "color": palette.ink},
            "encoding": {"y": y, "text": {"field": "label"}},
        },
    ]
    alt = describe_effects(verdicts, look.language)
    height = (ROW_HEIGHT + 16) * len(rows)
    return frame(look, words["effect_title"], layers, alt=alt, height=height, data={"values": rows})


def describe_effects(verdicts: Sequence[tuple[str, Verdict]], language: Language) -> str:
    """Say the same in a sentence."""
    words = WORDS[language]
    said = []
    for name, verdict in verdicts[:NAMES_MAX]:
        effect = verdict["effect"]
        if effect is None:
            said.append(words["alt_none"].format(name=name))
            continue
        percent, low, high = (write_signed(effect[each], language, 1) for each in ENDS)
        said.append(words["alt_one"].format(name=name, percent=percent, low=low, high=high))
    return words["alt_effect"].format(rows=(" ; " if language == "fr" else "; ").join(said))


ENDS = ("percent", "low_percent", "high_percent")
