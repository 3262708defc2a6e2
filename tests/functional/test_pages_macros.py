"""What templates are built of, each on its own."""

import datetime
import re

import pytest
from flask import Flask, render_template_string

from partners_api.pages.questions import list_quick_periods
from partners_api.pages.words import write_cents, write_change, write_number
from tests.pages_scene import open_application

CHART = """{% import "macros.html" as m with context %}
{% call m.chart("months", "?from=2026-01-01&material=glass", "Kilograms by month", table="#months", csv="/m.csv") %}
Weighed and estimated
{% endcall %}"""
TABLE = """{% import "macros.html" as m with context %}
{% call m.table("Sites", [("Site", "text"), ("kg", "number")], csv="/x.csv") %}<tr><td>A</td></tr>{% endcall %}"""


@pytest.fixture(scope="module")
def app() -> Flask:
    return open_application()


@pytest.mark.parametrize(("theme", "pictures"), [("auto", 4), ("light", 2), ("dark", 2)])
def test_chart_is_a_picture_in_the_readers_theme_with_its_table_csv_and_png(app: Flask, theme: str, pictures: int):
    with app.test_request_context(f"/?theme={theme}&lang=en"):
        shown = render_template_string(CHART)
    base = "/dashboard/charts/months"
    asked = "?from=2026-01-01&amp;material=glass&amp;lang=en"
    assert len(re.findall(rf'(?:src|srcset)="{re.escape(base)}\.svg{re.escape(asked)}&amp;colours=', shown)) == pictures
    assert 'alt="Kilograms by month"' in shown
    for address in ("#months", "/m.csv", f"{base}.png{asked}"):
        assert f'href="{address}"' in shown
    assert "Weighed and estimated" in shown


def test_table_has_a_caption_headings_and_its_csv(app: Flask):
    with app.test_request_context("/?lang=en"):
        shown = render_template_string(TABLE)
    assert '<th scope="col" class="number" data-kind="number">kg</th>' in shown
    assert '<caption>Sites <a href="/x.csv">' in shown
    assert 'data-sortable="Sort by this column"' in shown


@pytest.mark.parametrize(
    ("language", "number", "change", "money"),
    [
        ("en", "12,345.7", "−3.2%", "€1,234.50"),
        ("fr", "12\u202f345,7", "−3,2\u202f%", "1\u202f234,50\xa0€"),
    ],
)
def test_figures_are_written_in_the_readers_language(app: Flask, language, number, change, money):
    with app.test_request_context(f"/?lang={language}"):
        assert write_number(12345.67, 1) == number
        assert write_number(None) == "–"
        assert write_number(0) == "0"
        assert write_change(-3.2) == change
        assert write_cents(123450) == money


def test_usual_periods_begin_and_end_as_their_names_say():
    named = {
        each.label: (each.period.first_day, each.period.last_day)
        for each in list_quick_periods(datetime.date(2024, 2, 29))
    }
    assert named["12 months"] == (datetime.date(2023, 3, 1), datetime.date(2024, 2, 28))
    assert named["Last month"] == (datetime.date(2024, 1, 1), datetime.date(2024, 1, 31))
    assert named["Last year"] == (datetime.date(2023, 1, 1), datetime.date(2023, 12, 31))
    assert named["This month"] == (datetime.date(2024, 2, 1), datetime.date(2024, 2, 29))
