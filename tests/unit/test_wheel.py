"""The wheel holds what pages are made of, and not only Python."""

import zipfile
from pathlib import Path

import partners_api.pages

ROOT = Path(__file__).parents[2]
PAGES = Path(partners_api.pages.__file__).parent
KINDS = (".html", ".css", ".js", ".svg", ".po")


def test_wheel_holds_templates_styles_scripts_and_words(tmp_path: Path):
    from hatchling.builders.wheel import WheelBuilder

    [built] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as wheel:
        held = set(wheel.namelist())
    wanted = {path.relative_to(ROOT).as_posix() for path in PAGES.rglob("*") if path.suffix in KINDS}
    assert {Path(name).suffix for name in wanted} == set(KINDS)
    assert wanted <= held
