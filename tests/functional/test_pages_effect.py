"""Whether there is an effect, as the page says it: the domain's verdict with its interval, or what is lacking."""

import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from typing import get_args
from urllib.parse import urlencode

import pytest
from sqlalchemy import text

from bontri.charts.drawing import draw
from bontri.jobs.measuring import measure_effects_of
from partners_api.languages import LANGUAGE_COOKIE
from partners_api.pages.effect_words import METHODS, SOURCES, TO_DO
from partners_api.services import EXTENSION
from rewards.statistics.effect import apart
from rewards.statistics.effect.keeping import KeptVerdict, find_kept_verdict, keep_verdict
from rewards.statistics.effect.panel import Source
from rewards.statistics.effect.sentences import REASONS
from rewards.statistics.effect.verdict import Method, ReasonCode
from rewards.territory import NewSite, add_sites
from simulators.territory import TerritoryPlan, simulate_territory
from tests.pages_scene import Pages, build_pages

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
PATH = "/dashboard/effect"
DAYS = text("""
    INSERT INTO daily_deposits (authority_id, day, bin_id, site_id, material, deposits, credited_deposits, items,
                                mass_g, refused, points)
    SELECT authority_id, CAST(:month AS date) + day, :site, site_id, 'glass', 1, 0, 1,
           CAST(:mass_g AS bigint) / :days, 0, 0
      FROM sites, generate_series(0, CAST(:days AS integer) - 1) AS d (day)
     WHERE authority_id = :authority_id AND reference = :site
""")
PERIOD = {"from": "2025-01-01", "to": "2026-06-30", "equipped_from": "2026-01-01"}
RISING, RARE = (",".join(f"{kind}-{number}" for number in range(6)) for kind in ("RISING", "RARE"))
NUMBERS = re.compile(r"[+\N{MINUS SIGN}]\d")


@pytest.fixture(scope="module")
def pages(databases) -> Iterator[Pages]:
    with databases.lend() as database:
        pages = build_pages(database, NOW)
        pages.database = database
        sites = simulate_territory(TerritoryPlan(0.2, sites=20, roll_out="at-once"), seed=2)
        of = {"authority_id": pages.api.town.authority_id}
        with pages.api.owner.begin() as connection:
            add_sites(connection, [NewSite(site.name, "93066", "simulated", 48.9, 2.3) for site in sites], **of)
            rows = [
                {**of, "month": month, "site": site.name, "mass_g": mass_g, "days": days}
                for site in sites
                for month, mass_g, days in site.months
            ]
            odd = [f"{kind}-{number}" for kind in ("RISING", "RARE") for number in range(6)]
            add_sites(connection, [NewSite(site, "93066", "simulated", 48.9, 2.3) for site in odd], **of)
            # Those that rise before the start already, and those of which nobody knows a week of a month.
            for number, month in enumerate(sorted({month for month, _, _ in sites[0].months})):
                for site in odd:
                    mass_g, days = (1_000_000 * 5**number // 4**number, 28) if "RISING" in site else (500_000, 3)
                    rows.append({**of, "month": month, "site": site, "mass_g": mass_g, "days": days})
            connection.execute(DAYS, rows)
        pages.equipped = [site.name for site in sites if site.equipped_on]
        pages.control = [site.name for site in sites if not site.equipped_on]
        extensions = pages.api.app.extensions
        extensions[EXTENSION] = replace(extensions[EXTENSION], draw_chart=draw)
        yield pages


def ask(pages: Pages, **changed: str) -> str:
    """The question of the territory as a query string."""
    sides = {"equipped": ",".join(pages.equipped), "control": ",".join(pages.control)}
    return urlencode({name: value for name, value in {**PERIOD, **sides, **changed}.items() if value})


def few(side: str, number: int) -> Callable[[Pages], str]:
    """Name some sites of a side, which are known once the territory is simulated."""
    return lambda pages: ",".join(getattr(pages, side)[:number])


def look(pages: Pages, query: str, language: str = "en") -> str:
    browser = pages.client("viewer")
    browser.set_cookie(LANGUAGE_COOKIE, language)
    answer = browser.get(f"{PATH}?{query}", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    return unescape(answer.text)


def asked_of_api(pages: Pages, query: str) -> dict:
    return pages.client("viewer").get(f"/api/v1/authority/figures/effect?{query}").json


def test_verdict_is_that_of_the_domain_and_never_without_its_interval(pages: Pages):
    found = asked_of_api(pages, ask(pages))
    assert found["is_measurable"]
    for language in ("en", "fr"):
        shown = look(pages, ask(pages), language)
        [said] = re.findall(r'<p class="verdict" data-verdict="([a-z_]+)">([^<]*)</p>', shown)
        assert said == (
            found["effect"]["direction"],
            found["sentence"][language].replace(" %", "%" if language == "en" else "\u00a0%"),
        )
    shown = look(pages, ask(pages))
    assert all(site in shown for site in found["control_sites"] + found["waves"][0]["sites"])
    assert "Welch's interval" in shown
    assert "10 sites" in shown
    months = re.findall(r'data-month="([^"]*)"', shown)
    assert months == [each["month"] for each in found["trend_before"]["months"]]


def test_charts_and_csv_are_asked_as_the_page_was(pages: Pages):
    shown = look(pages, ask(pages))
    paths = re.findall(r'<img src="(/dashboard/charts/effect[^"]*)"', shown)
    assert [path.partition(".")[0] for path in paths] == ["/dashboard/charts/effect", "/dashboard/charts/effect-months"]
    for path in paths:
        picture = pages.client("viewer").get(path)
        assert (picture.status_code, picture.mimetype) == (200, "image/svg+xml")
    [csv] = set(re.findall(r'href="(/dashboard/effect\.csv[^"]*)"', shown))
    lines = pages.client("viewer").get(csv).text.splitlines()
    assert lines[0] == "month,equipped_percent,control_percent,difference_points"
    assert len(lines) == 1 + 18


def test_page_and_its_charts_measure_once(pages: Pages, monkeypatch):
    measured = []
    run = apart.run_apart
    monkeypatch.setattr(apart, "run_apart", lambda written: measured.append(1) or run(written))
    apart.VERDICTS.clear()
    for path in (PATH, "/dashboard/charts/effect.svg", "/dashboard/charts/effect-months.svg"):
        assert pages.look("viewer", f"{path}?{ask(pages)}").status_code == 200
    assert len(measured) == 1
    # The control: another question is measured.
    look(pages, ask(pages, to="2026-05-31"))
    assert len(measured) == 2


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (
            {"equipped": ",".join(RARE.split(",")[:3]), "control": ",".join(RARE.split(",")[3:])},
            "too_few_reporting_days",
        ),
        ({"equipped": few("equipped", 2), "control": few("control", 2)}, "too_few_sites"),
        ({"equipped_from": "2025-04-01"}, "trend_not_testable"),
        ({"equipped": RISING, "control": few("control", 6)}, "trends_not_parallel"),
        ({"from": "2020-01-01", "to": "2020-06-30", "equipped_from": "2020-03-01"}, "nothing_recorded"),
        ({"equipped": "", "control": "", "equipped_from": ""}, "no_equipped_site"),
        ({"control": "93001"}, "no_control"),
        ({"equipped_from": "2025-01-02"}, "no_months_before"),
        ({"equipped_from": "2026-01-02", "to": "2026-01-31"}, "no_months_after"),
        ({"to": "2026-01-31"}, "no_common_months"),
    ],
)
def test_what_is_lacking_is_said_with_what_to_do_and_without_any_percentage(pages: Pages, changed: dict, code: str):
    asked = {name: told(pages) if callable(told) else told for name, told in changed.items()}
    query = ask(pages, **asked)
    found = asked_of_api(pages, query)
    assert [each["code"] for each in found["reasons"]] == [code]
    shown = look(pages, query)
    assert "Not measurable yet." in shown
    assert found["reasons"][0]["sentence"]["en"] in shown
    assert TO_DO[code] in shown
    # How both sides went before the start is shown: it is why.
    is_of_trends = code == "trends_not_parallel"
    assert bool(NUMBERS.search(re.sub(r"<[^>]*>", "", shown))) is is_of_trends
    assert not NUMBERS.search(re.sub(r"<[^>]*>", "", shown.partition('id="measured"')[0]))
    assert "charts/effect." not in shown
    assert pages.look("viewer", f"/dashboard/charts/effect.svg?{query}").status_code == 404


def test_every_reason_is_tried_through_the_page():
    [tried] = [
        mark.args[1] for mark in test_what_is_lacking_is_said_with_what_to_do_and_without_any_percentage.pytestmark
    ]
    assert {code for _, code in tried} == set(get_args(ReasonCode))


def test_every_reason_method_and_source_has_its_words():
    assert set(TO_DO) == set(REASONS) == set(get_args(ReasonCode))
    assert (set(METHODS), set(SOURCES)) == (set(get_args(Method)), set(get_args(Source)))


def test_without_a_question_all_that_is_known_is_compared(pages: Pages):
    shown = look(pages, "")
    assert 'data-verdict="not_measurable"' in shown
    assert 'name="equipped_from" value=""' in shown


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"from": "2026-10-02", "to": "2026-10-01", "equipped_from": ""}, "Swap the two days."),
        ({"to": "2027-01-01"}, "Choose a period that has begun."),
        ({"equipped_from": "2030-01-01"}, "Name a day with months before and after it."),
        ({"equipped": "nowhere"}, "Check the references and INSEE codes"),
        ({"equipped": "A", "control": "A"}, "Leave it out of one, or name the day"),
        ({"material": "gold"}, "Choose one from the list."),
        ({"kilograms_from": "hearsay"}, "Kilograms from: this cannot be read."),
        ({"equipped_from": "then"}, "Equipped from: this cannot be read."),
    ],
)
def test_question_without_sense_is_refused_on_the_form_with_what_to_do(pages: Pages, changed: dict, sentence: str):
    answer = pages.look("viewer", f"{PATH}?{ask(pages, **changed)}")
    shown = unescape(answer.text)
    assert answer.status_code in (404, 422)
    assert sentence in shown
    assert 'data-verdict="' not in shown
    [name] = list(changed)[:1]
    if name not in ("material", "kilograms_from"):
        assert f'name="{name}" value="{changed[name]}"' in shown


def kept(pages: Pages, material: str = "glass") -> KeptVerdict | None:
    with pages.api.owner.connect() as connection:
        return find_kept_verdict(connection, material, authority_id=pages.api.town.authority_id)


def test_overview_says_what_the_job_has_measured_and_waits_for_nothing(pages: Pages, monkeypatch):
    of_town = pages.api.town.authority_id
    assert kept(pages) is None
    assert "Not measured yet; it is once a day." in pages.look("viewer", "/dashboard").text
    monkeypatch.setattr("bontri.jobs.measuring.utc_now", lambda: NOW)
    engine = pages.database.engine("bontri_operator")
    for _ in range(2):
        assert measure_effects_of(engine, of_town) == {"measured": 2, "late": 0}
    lacking = kept(pages)
    assert (lacking.last_day, lacking.measured_at) == (NOW.date() - datetime.timedelta(days=1), NOW)
    assert lacking.verdict == {
        name: told for name, told in asked_of_api(pages, "").items() if name not in ("material", "to", "last_day")
    }
    monkeypatch.setattr(apart, "run_apart", None)
    apart.VERDICTS.clear()
    shown = unescape(pages.look("viewer", "/dashboard").text)
    assert 'data-figure="effect_missing"' in shown
    assert lacking.verdict["reasons"][0]["sentence"]["en"] in shown
    assert 'data-figure="effect_percent"' not in shown


def test_overview_never_shows_an_effect_without_its_interval(pages: Pages):
    unsure = asked_of_api(pages, ask(pages))
    assert unsure["effect"]["direction"] == "none_shown"
    sure = {**unsure["effect"], "percent": 9.04, "low_percent": 2.0, "high_percent": 16.96, "direction": "rise"}
    said = {}
    for days, effect in enumerate((unsure["effect"], sure)):
        of = {"authority_id": pages.api.town.authority_id, "last_day": NOW.date()}
        with pages.api.owner.begin() as connection:
            later = NOW + datetime.timedelta(days=days)
            keep_verdict(connection, "glass", {**unsure, "effect": effect}, **of, now=later)
            # What was measured before does not take its place.
            keep_verdict(connection, "glass", {"is_measurable": False}, **of, now=NOW - datetime.timedelta(days=1))
        shown = pages.look("viewer", "/dashboard").text.replace("\N{MINUS SIGN}", "-")
        figures = dict(re.findall(r'data-figure="(effect_[a-z]*)">([^<]*)<', shown))
        assert figures["effect_interval"] == f"between {effect['low_percent']:+.1f}% and {effect['high_percent']:+.1f}%"
        said[effect["direction"]] = figures["effect_percent"]
    assert said == {"none_shown": "none shown", "rise": "+9.0%"}
    # Of another material nothing is told.
    assert 'data-figure="effect_percent"' not in pages.look("viewer", "/dashboard?material=plastic").text


def test_who_has_not_signed_in_sees_no_chart(pages: Pages):
    assert pages.look(None, "/dashboard/charts/effect.svg").status_code == 303
    assert pages.look(None, f"{PATH}.csv").status_code == 303
