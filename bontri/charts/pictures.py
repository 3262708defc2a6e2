"""Pictures of measurements, written beside a report."""

from pathlib import Path
from typing import Any


def write_picture(spec: dict[str, Any], path: Path) -> Path:
    """Write the picture to ``path`` as SVG and return that.

    Raises:
        ValueError: ``spec`` is no Vega-Lite specification.
    """
    from bontri.charts.drawing import draw  # noqa: PLC0415 (as large as all the rest)

    path.write_bytes(draw(spec, "svg"))
    return path
