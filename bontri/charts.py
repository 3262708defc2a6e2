"""Pictures of measurements: a plain Vega-Lite specification, rendered to SVG without a browser and without a network.

The extra ``bontri[bench]`` brings the renderer; where it is missing, a report is told in words and numbers alone.
"""

from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = {
    "font": "Liberation Sans, Arial, Helvetica, sans-serif",
    "background": "white",
    "axis": {"labelColor": "#333", "titleColor": "#333", "gridColor": "#e3e3e3"},
    "title": {"anchor": "start", "fontSize": 14, "subtitleColor": "#555"},
    "view": {"stroke": None},
}
VEGA_LITE = "5.20"


def render_svg(spec: dict[str, Any]) -> str | None:
    """Return the picture ``spec`` describes, or None where the renderer is not installed.

    Raises:
        ValueError: ``spec`` is no Vega-Lite specification.
    """
    try:
        import vl_convert  # noqa: PLC0415 (of an extra)
    except ImportError:
        return None
    rendered: str = vl_convert.vegalite_to_svg({"config": CONFIG, **spec}, vl_version=VEGA_LITE)
    return rendered


def write_picture(spec: dict[str, Any], path: Path) -> Path | None:
    """Write the picture to ``path`` and return that; None, and nothing written, where there is no renderer."""
    picture = render_svg(spec)
    if picture is None:
        return None
    path.write_text(picture, encoding="utf-8")
    return path
