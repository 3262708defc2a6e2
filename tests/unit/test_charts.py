"""Charts are honest: bars from zero, intervals drawn, what is missing or withheld told; and they can be drawn."""

import datetime
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bontri.charts.drawing import draw
from partners_api.pages.charts import bins, effect, kilograms, mass_balance, participation, performance, points, sites
from partners_api.pages.charts.look import PALETTES, SIMULATED, Look, Palette
from rewards.languages import LANGUAGES
from tests import chart_scene as scene

Spec = dict[str, Any]
PARIS = ZoneInfo("Europe/Paris")


def list_charts(look: Look) -> dict[str, Spec | None]:
    figures = scene.make_figures()
    return {
        "kilograms": kilograms.draw_kilograms(figures, scene.make_compared(figures), look),
        "performance": performance.draw_performance(scene.make_comparison(), look, control_kg=23.0),
        "trend": effect.draw_trend(scene.make_verdict(), look),
        "effects": effect.draw_effects(scene.make_verdicts(), look),
        "participation": participation.draw_participation(scene.make_participation(), look),
        "levels": bins.draw_levels(scene.make_bins(), look),
        "full_dates": bins.draw_full_dates(scene.make_bins(), look, timezone=PARIS),
        "mass_balance": mass_balance.draw_mass_balance(scene.make_balances(), look),
        "liability": points.draw_liability(scene.make_liability(), look),
        "point_flows": points.draw_point_flows(figures, look),
        "sites": sites.draw_sites(scene.make_sites(), look),
    }


NAMES = list(list_charts(Look()))


def make(name: str, look: Look | None = None) -> Spec:
    spec = list_charts(look or Look())[name]
    assert spec is not None
    return spec


def marks_of(spec: Spec) -> Iterator[tuple[str, Spec]]:
    for layer in spec["layer"]:
        mark = layer["mark"]
        yield (mark if isinstance(mark, str) else mark["type"]), layer.get("encoding", {})


def begins_at_zero(channel: Spec) -> bool:
    scale = channel.get("scale", {})
    return ("domain" not in scale and scale.get("zero") is True) or scale.get("domain", [None])[0] == 0


@pytest.mark.parametrize("name", NAMES)
def test_bars_begin_at_zero(name: str) -> None:
    for mark, encoding in marks_of(make(name)):
        if mark == "bar":
            amounts = [encoding[axis] for axis in ("x", "y") if encoding[axis].get("type") == "quantitative"]
            assert amounts
            assert all(begins_at_zero(each) for each in amounts)


def test_a_cut_axis_would_be_noticed() -> None:
    assert not begins_at_zero({"type": "quantitative", "scale": {"zero": False}})
    assert not begins_at_zero({"type": "quantitative", "scale": {"domain": [50, 100], "zero": True}})
    assert not begins_at_zero({"type": "quantitative"})


def test_every_estimate_is_drawn_with_its_interval() -> None:
    spec = make("effects")
    estimates = [row for row in spec["data"]["values"] if "percent" in row]
    assert len(estimates) == 4
    assert all(row["low_percent"] <= row["percent"] <= row["high_percent"] for row in estimates)
    assert ("low_percent", "high_percent") in [
        (encoding["x"]["field"], encoding["x2"]["field"]) for mark, encoding in marks_of(spec) if "x2" in encoding
    ]
    # What cannot be told has a row that says so, and no point.
    assert [row["label"] for row in spec["data"]["values"] if "percent" not in row] == ["pas encore mesurable"]


def test_months_that_are_not_whole_look_unlike_and_are_told() -> None:
    rows = next(layer["data"]["values"] for layer in make("kilograms")["layer"] if layer["mark"]["type"] == "bar")
    said = [row["state"] for row in rows]
    words = kilograms.WORDS["fr"]
    assert said[8] == words["unknown"]
    assert rows[8]["kg"] is None
    assert (said[3], said[11], said[0]) == (words["incomplete"], words["partial"], words["complete"])
    forms = list(zip(*(encoding_range(make("kilograms"), each) for each in ("fill", "strokeDash")), strict=True))
    assert len({json.dumps(each) for each in forms}) == 4


def encoding_range(spec: Spec, channel: str) -> list[Any]:
    found: list[Any] = next(each[channel]["scale"]["range"] for mark, each in marks_of(spec) if mark == "bar")
    return found


def test_withheld_months_have_no_number_anywhere() -> None:
    counted = scene.make_participation()
    spec = participation.draw_participation(counted, Look(language="en"))
    assert spec is not None
    bars = next(layer["data"]["values"] for layer in spec["layer"] if layer["mark"]["type"] == "bar")
    assert f"{counted[2].first_day}" not in {row["month"] for row in bars}
    # Of a month whose new holders are withheld the parts are not told either.
    assert [row["kind"] for row in bars if row["month"] == f"{counted[7].first_day}"] == ["new or not: withheld"]
    withheld = [layer for layer in spec["layer"] if layer["mark"]["type"] == "rect"]
    assert [row["month"] for row in withheld[0]["data"]["values"]] == [f"{counted[2].first_day}"]


def test_range_without_an_end_is_drawn_open() -> None:
    rows = make("full_dates")["data"]["values"]
    assert [row["name"] for row in rows if row["is_open"]] == ["HAV-009 · b-009"]
    assert all(row["earliest"] <= row["likely"] <= row["latest"] for row in rows)


@pytest.mark.parametrize("name", NAMES)
def test_simulated_data_are_marked_in_the_picture(name: str) -> None:
    simulated = draw(make(name, Look("en", is_simulated=True, is_narrow=True)), "svg", language="en").decode()
    assert simulated.count(SIMULATED["en"]) >= 2
    assert SIMULATED["en"] not in json.dumps(make(name, Look("en")))


@pytest.mark.parametrize("name", NAMES)
def test_charts_can_be_drawn_in_the_width_they_are_wanted(name: str) -> None:
    look = Look("fr", "dark", about="Le Havre")
    drawn = draw(make(name, look), "svg", language="fr").decode()
    assert float(re.search(r'width="([\d.]+)"', drawn)[1]) == 720  # type: ignore[index]
    assert PALETTES["dark"].ground in drawn
    assert not re.search(r">(?:null|undefined|NaN)<", drawn)


@pytest.mark.parametrize("language", LANGUAGES)
def test_charts_say_in_a_sentence_what_they_show(language: str) -> None:
    for name, spec in list_charts(Look(language)).items():  # type: ignore[arg-type]
        assert spec is not None
        assert re.search(r"\d", spec["description"]), name
        assert not re.search(r"[{}]|None", spec["description"]), name


def test_sentence_tells_the_figures_of_the_chart() -> None:
    assert "106,550 kg" in kilograms.describe_kilograms(scene.make_figures(), "en")
    assert "+13.2% (between +7.9 and +18.8)" in effect.describe_effects(scene.make_verdicts(), "en")


def test_nothing_to_show_is_no_chart() -> None:
    figures = scene.make_figures()
    nothing = scene.make_figures()
    nothing.cells[:] = [scene.cell_of(number, None) for number in range(12)]
    for cell in nothing.cells:
        assert isinstance(cell.figures, dict)
        cell.figures.update(dict.fromkeys(points.FLOWS, cell.figures["kg_total"]))
    lacking = [("A", scene.make_verdicts()[-1][1])]
    look = Look()
    assert kilograms.draw_kilograms(nothing, scene.make_compared(figures), look) is None
    assert points.draw_point_flows(nothing, look) is None
    assert performance.draw_performance(scene.make_comparison(own_kg=None), look) is None
    assert effect.draw_effects(lacking, look) is None
    assert effect.draw_trend(lacking[0][1], look) is None
    assert participation.draw_participation([], look) is None
    assert bins.draw_levels(scene.make_bins()[-1:], look) is None
    assert bins.draw_full_dates(scene.make_bins()[-1:], look, timezone=PARIS) is None
    assert mass_balance.draw_mass_balance([], look) is None
    assert sites.draw_sites([], look) is None
    assert points.draw_liability(scene.make_liability(is_empty=True), look) is None


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", PALETTES)
def test_colours_stand_out_from_the_ground(theme: str) -> None:
    palette: Palette = PALETTES[theme]  # type: ignore[index]
    for field in fields(Palette):
        if field.name in ("ink", "quiet"):
            assert contrast(getattr(palette, field.name), palette.ground) >= 4.5, field.name
        elif field.name not in ("ground", "rule"):
            assert contrast(getattr(palette, field.name), palette.ground) >= 3, field.name


def test_months_without_anything_are_on_the_axis() -> None:
    days = [datetime.date(2025, 11, 3), datetime.date(2026, 2, 1)]
    months = points.months_between(days)
    assert [each.month for each in months] == [11, 12, 1, 2]
    assert all(one < other for one, other in itertools.pairwise(months))
