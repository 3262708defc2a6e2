"""How all charts look: colours, sizes, and the frame around each. Colours are those of ``static/tokens.css``.

Series differ in lightness and in form too, so that nobody needs to tell colours apart; each has a contrast of 3 to the
ground at least (a test holds them to it).
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rewards.languages import Language

Spec = dict[str, Any]
Theme = Literal["light", "dark"]

WIDTH, WIDTH_NARROW = 720, 360
HEIGHT = 260
TITLE_LETTERS, TITLE_LETTERS_NARROW = 90, 42
ROW_HEIGHT = 24


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a theme. ``hatching`` is what stands for the missing, ``first`` to ``third`` are series."""

    ground: str
    ink: str
    quiet: str
    rule: str
    first: str
    second: str
    third: str
    alarm: str
    hatching: str


PALETTES: Mapping[Theme, Palette] = {
    "light": Palette("#ffffff", "#1d2424", "#525c5a", "#e3e2da", "#1d6b52", "#a8620c", "#5b6ea8", "#8a2a17", "#858d8a"),
    "dark": Palette("#1c2324", "#e9ecea", "#aab4b1", "#364041", "#7fd3b0", "#e0a458", "#8fa3e0", "#ffb4a3", "#7f8a87"),
}
SIMULATED: Mapping[Language, str] = {"fr": "Données simulées", "en": "Simulated data"}


@dataclass(frozen=True, slots=True)
class Look:
    """How a chart is wanted. ``about`` is its second line: of which territory and period it is."""

    language: Language = "fr"
    theme: Theme = "light"
    is_narrow: bool = False
    is_simulated: bool = False
    about: str = ""

    @property
    def palette(self) -> Palette:
        """The colours."""
        return PALETTES[self.theme]

    @property
    def width(self) -> int:
        """The width of the picture; labels and axes take their part of it."""
        return WIDTH_NARROW if self.is_narrow else WIDTH


def frame(look: Look, title: str, layers: Sequence[Spec], *, alt: str, height: int = HEIGHT, **others: Any) -> Spec:
    """Return the specification of a chart: its layers under a title, marked where the data are simulated."""
    words = SIMULATED[look.language]
    letters = TITLE_LETTERS_NARROW if look.is_narrow else TITLE_LETTERS
    said = (look.about, words if look.is_simulated else "")
    subtitle = [line for each in said for line in textwrap.wrap(each, round(letters * 1.25))]
    marked = [watermark(look, words)] if look.is_simulated else []
    return {
        "description": alt,
        "title": {"text": textwrap.wrap(title, letters), **({"subtitle": subtitle} if subtitle else {})},
        "width": look.width,
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "padding": 8,
        "layer": [*marked, *layers],
        "config": config_of(look),
        **others,
    }


def watermark(look: Look, words: str) -> Spec:
    """Return the words across the plot, behind everything."""
    mark = {
        "type": "text",
        "text": words,
        "x": {"expr": "width / 2"},
        "y": {"expr": "height / 2"},
        "align": "center",
        "baseline": "middle",
        "angle": 345,
        "fontSize": 22 if look.is_narrow else 42,
        "fontWeight": "bold",
        "color": look.palette.quiet,
        "opacity": 0.14,
    }
    return {"data": {"values": [{}]}, "mark": mark}


def config_of(look: Look) -> Spec:
    """Return what Vega-Lite draws with."""
    palette = look.palette
    side = {"anchor": "start", "bounds": "full", "direction": "vertical"}
    return {
        "font": "Liberation Sans, Arial, Helvetica, sans-serif",
        "background": palette.ground,
        "view": {"stroke": None},
        "title": {
            "anchor": "start",
            "frame": "bounds",
            "fontSize": 15,
            "color": palette.ink,
            "subtitleColor": palette.quiet,
            "subtitleFontSize": 12,
            "offset": 10,
        },
        "axis": {
            "labelColor": palette.quiet,
            "titleColor": palette.quiet,
            "gridColor": palette.rule,
            "domainColor": palette.quiet,
            "tickColor": palette.quiet,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "labelLimit": 220,
        },
        "axisY": {"domain": False, "ticks": False, "labelPadding": 8},
        "legend": {
            "orient": "bottom",
            "labelColor": palette.ink,
            "labelFontSize": 12,
            "labelLimit": 330,
            "symbolSize": 140,
            "title": None,
            "direction": "vertical" if look.is_narrow else "horizontal",
            "layout": {"bottom": side},
        },
        "text": {"color": palette.ink, "fontSize": 12},
    }


def states(look: Look, field: str, shown: Sequence[tuple[str, str]]) -> Spec:
    """Return the encodings that tell bars apart by state, each a (label, form); the forms are of :data:`FORMS`.

    Told by fill, outline and dash at once, and by one legend.
    """
    labels = [label for label, _ in shown]
    forms = [form_of(look.palette, form) for _, form in shown]

    def channel(values: list[Any]) -> Spec:
        scale = {"domain": labels, "range": values}
        legend = {"columns": 1 if look.is_narrow else 0, "symbolType": "square", "symbolOpacity": 1}
        return {"field": field, "type": "nominal", "scale": scale, "legend": legend, "sort": None}

    return {
        "fill": channel([each[0] for each in forms]),
        "stroke": channel([each[1] for each in forms]),
        "strokeDash": channel([each[2] for each in forms]),
    }


def form_of(palette: Palette, form: str) -> tuple[str, str, list[int]]:
    """Return (fill, outline, dash)."""
    solid = {"first": palette.first, "second": palette.second, "third": palette.third, "alarm": palette.alarm}
    if form in solid:
        return solid[form], solid[form], [1, 0]
    if form == "incomplete":
        return mix(palette.first, palette.ground, 0.2), palette.first, [4, 3]
    if form == "partial":
        return mix(palette.first, palette.ground, 0.45), palette.first, [1, 0]
    assert form == "unknown", form  # noqa: S101 (there is no other)
    return mix(palette.hatching, palette.ground, 0.5), palette.hatching, [2, 3]


def mix(colour: str, ground: str, share: float) -> str:
    """Return a colour so much of which is left on the ground; legends show no opacity."""
    parts = (
        round(share * int(colour[at : at + 2], 16) + (1 - share) * int(ground[at : at + 2], 16)) for at in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02x}" for part in parts)


def hatched(palette: Palette) -> Spec:
    """Return the mark of what is missing or withheld: stripes over the whole height, which no bar looks like."""
    stripes = 24
    stops = [
        {"offset": (number + half) / stripes, "color": palette.hatching if number % 2 else palette.ground}
        for number in range(stripes)
        for half in (0.0, 1.0)
    ]
    gradient = {"gradient": "linear", "x1": 0, "y1": 0, "x2": 0.294, "y2": 1.176, "stops": stops}
    return {"type": "rect", "fill": gradient, "fillOpacity": 0.6, "stroke": palette.hatching, "strokeDash": [2, 3]}


def amounts(field: str, title: str, **scale: Any) -> Spec:
    """Return an axis of amounts that begins at zero."""
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"zero": True, "nice": True, **scale},
        "axis": {"format": ",~r", "tickCount": 5},
    }


def name_axis(look: Look) -> Spec:
    """Return an upright axis of names, in the order of the data; long ones are cut."""
    axis = {"labelLimit": 150 if look.is_narrow else 260}
    return {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": axis}


def lying_bars(look: Look, x: Spec, bars: Spec) -> list[Spec]:
    """Return bars that lie along ``x``, encoded as ``bars`` says besides, each with its ``label`` behind its end."""
    y = name_axis(look)
    behind = {"type": "text", "align": "left", "dx": 5}
    return [
        {"mark": {"type": "bar", "height": 14, "strokeWidth": 1.2}, "encoding": {"x": x, "y": y, **bars}},
        {"mark": behind, "encoding": {"x": x, "y": y, "text": {"field": "label"}}},
    ]
