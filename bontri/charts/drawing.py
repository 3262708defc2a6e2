"""From a plain Vega-Lite specification to SVG or PNG, in this process; nothing is fetched from anywhere.

The renderer brings Liberation Sans, with which it measures and paints; where an SVG is looked at without it, Arial and
Helvetica have the same widths, so no word is cut.
"""

import re
from typing import Any, Literal

import vl_convert

from rewards.languages import Language

CONFIG: dict[str, Any] = {
    "font": "Liberation Sans, Arial, Helvetica, sans-serif",
    "background": "white",
    "axis": {"labelColor": "#333", "titleColor": "#333", "gridColor": "#e3e3e3"},
    "title": {"anchor": "start", "fontSize": 14, "subtitleColor": "#555"},
    "view": {"stroke": None},
}
VEGA_LITE = "5.20"
LOCALES: dict[Language, Literal["fr-FR", "en-GB"]] = {"fr": "fr-FR", "en": "en-GB"}
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
THOUSANDS: dict[Language, str] = {"fr": "\N{NARROW NO-BREAK SPACE}", "en": ","}


def draw(
    spec: dict[str, Any], picture_format: Literal["svg", "png"], *, language: Language = "en", scale: float = 1
) -> bytes:
    """Return the picture ``spec`` describes, with numbers and dates as ``language`` writes them.

    ``scale`` is of PNG alone: 2 for screens with two pixels a point.

    Raises:
        ValueError: ``spec`` is no Vega-Lite specification, or wants something from elsewhere.
    """
    drawn: str = vl_convert.vegalite_to_svg(
        printable({**spec, "config": CONFIG | spec.get("config", {})}),
        vl_version=VEGA_LITE,
        format_locale=vl_convert.get_format_locale(LOCALES[language]) | {"thousands": THOUSANDS[language]},
        time_format_locale=LOCALES[language],
        allowed_base_urls=[],
    )
    if "<image" in drawn:
        # The limit above is of data; pictures in the picture would be fetched.
        raise ValueError("a chart holds no pictures from elsewhere")
    if picture_format == "svg":
        return drawn.encode()
    painted: bytes = vl_convert.svg_to_png(drawn, scale=scale)
    return painted


def printable(part: Any) -> Any:
    """Return a part of a specification without characters no SVG can hold: over one of them the renderer aborts."""
    if isinstance(part, str):
        return NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", part)
    if isinstance(part, dict):
        return {name: printable(each) for name, each in part.items()}
    return [printable(each) for each in part] if isinstance(part, list) else part
