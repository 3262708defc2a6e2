"""What bins counted beside what was weighed when they were emptied: points around the line where both are the same."""

from collections.abc import Mapping, Sequence
from typing import Any

from partners_api.pages.charts.look import Look, Spec, frame
from partners_api.pages.charts.numbers import write
from rewards.languages import Language
from rewards.mass_balance import BinBalance

WORDS: Mapping[Language, Mapping[str, str]] = {
    "fr": {
        "title": "Compté par les bornes, pesé à la collecte",
        "x": "attendu d'après les comptages, kg",
        "y": "pesé, kg",
        "good": "dans les seuils",
        "off": "hors des seuils, dernières collectes",
        "same": "pesé = attendu",
        "limit": "seuil ± {percent} %",
        "alt": "{count} bornes pesées : {off} hors du seuil de ± {percent} %. En tout {weighed} kg pesés"
        " pour {expected}"
        " kg attendus.",
    },
    "en": {
        "title": "Counted by bins, weighed by the lorry",
        "x": "expected from what was counted, kg",
        "y": "weighed, kg",
        "good": "within the limits",
        "off": "beyond the limits, newest rounds",
        "same": "weighed = expected",
        "limit": "limit ± {percent} %",
        "alt": "{count} bins weighed: {off} beyond the limit of ± {percent} %. In all {weighed} kg weighed for"
        " {expected} kg expected.",
    },
}


def list_points(balances: Sequence[BinBalance]) -> list[dict[str, Any]]:
    """List the bins of which something was counted and weighed; expected as of their newest round, else calibration."""
    points = []
    for each in balances:
        if not each.counted_g or not each.usable_rounds:
            continue
        expected = each.newest[0].expected if each.newest else float(each.factor or 1)
        points.append(
            {
                "bin": each.bin_id,
                "expected": each.counted_g * expected / 1000,
                "weighed": each.weighed_g / 1000,
                "is_off": each.direction is not None,
            }
        )
    return points


def draw_mass_balance(balances: Sequence[BinBalance], look: Look) -> Spec | None:
    """Return the chart; None where nothing was counted and weighed."""
    points = list_points(balances)
    if not points:
        return None
    words, palette = WORDS[look.language], look.palette
    percent = balances[0].over_percent
    most = max(max(point["expected"], point["weighed"]) for point in points) * 1.08
    over = 1 + percent / 100
    kinds = [words["good"], words["off"]]
    rows = [
        {**point, "kind": kinds[point["is_off"]], "label": point["bin"] if point["is_off"] else ""} for point in points
    ]
    limit = words["limit"].format(percent=percent)
    lines = [
        {"line": line, "name": name, "expected": at, "weighed": at * slope}
        for line, (name, slope, end) in enumerate(
            ((words["same"], 1.0, most), (limit, over, most / over), (limit, 1 / over, most))
        )
        for at in (0, end)
    ]
    scale = {"domain": [0, most], "zero": True, "nice": False}
    axis = {"format": ",~r", "tickCount": 5}
    x = {"field": "expected", "type": "quantitative", "title": words["x"], "scale": scale, "axis": axis}
    y = {"field": "weighed", "type": "quantitative", "title": words["y"], "scale": scale, "axis": axis}
    colours, names = [palette.first, palette.alarm], [words["same"], limit]
    colour = {"field": "kind", "type": "nominal", "scale": {"domain": kinds, "range": colours}}
    shape = {"field": "kind", "type": "nominal", "scale": {"domain": kinds, "range": ["circle", "triangle-up"]}}
    for channel in (colour, shape):
        channel["legend"] = {"columns": 1 if look.is_narrow else 0}
    dash = {"field": "name", "type": "nominal", "scale": {"domain": names, "range": [[1, 0], [5, 4]]}}
    layers: list[Spec] = [
        {
            "data": {"values": lines},
            "mark": {"type": "line", "color": palette.quiet, "strokeWidth": 1.5},
            "encoding": {"x": x, "y": y, "detail": {"field": "line"}, "strokeDash": dash},
        },
        {
            "data": {"values": rows},
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0.85},
            "encoding": {"x": x, "y": y, "color": colour, "shape": shape},
        },
        {
            "data": {"values": rows},
            "mark": {"type": "text", "align": "left", "dx": 8, "fontSize": 11},
            "encoding": {"x": x, "y": y, "text": {"field": "label"}},
        },
    ]
    alt = describe_mass_balance(balances, look.language)
    return frame(look, words["title"], layers, alt=alt, height=320 if look.is_narrow else 420)


def describe_mass_balance(balances: Sequence[BinBalance], language: Language) -> str:
    """Say the same in a sentence."""
    points = list_points(balances)
    if not points:
        return ""
    return WORDS[language]["alt"].format(
        count=len(points),
        off=sum(point["is_off"] for point in points),
        percent=balances[0].over_percent,
        weighed=write(sum(point["weighed"] for point in points), language),
        expected=write(sum(point["expected"] for point in points), language),
    )
