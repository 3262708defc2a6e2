"""An agent asks whether people sort more: a percentage with its interval, or what is lacking; never one without."""

import datetime
import subprocess
import sys

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from bontri.cli import cli
from bontri.effect_trials.scenarios import panel_of
from rewards.statistics.effect.apart import measure_apart, read_panel, write_panel
from rewards.statistics.effect.measuring import measure_effect
from rewards.statistics.effect.panel import Panel, PanelSite
from rewards.statistics.effect.showing import show_verdict
from rewards.territory import NewSite, add_sites
from simulators.territory import TerritoryPlan, simulate_territory
from tests.api_client import Api, assert_problem, start_api
from tests.databases import Database

PATH = "/authority/figures/effect"
DAYS = text("""
    INSERT INTO daily_deposits (authority_id, day, bin_id, site_id, material, deposits, credited_deposits, items,
                                mass_g, refused, points)
    SELECT 1, CAST(:month AS date) + day, :site, site_id, 'glass', 1, 0, 1, CAST(:mass_g AS bigint) / :days, 0, 0
      FROM sites, generate_series(0, CAST(:days AS integer) - 1) AS d (day)
     WHERE authority_id = 1 AND reference = :site
""")
PLAN = TerritoryPlan(0.2, sites=20, roll_out="at-once")


@pytest.fixture
def api(database: Database, keyring, now) -> Api:
    return start_api(database, keyring, now)


@pytest.fixture
def sites(api: Api):
    """A territory whose sites took what was simulated, as the rollups have it."""
    sites = simulate_territory(PLAN, seed=2)
    with api.owner.begin() as connection:
        planned = [NewSite(site.name, "93066", "simulated", 48.9, 2.3) for site in sites]
        add_sites(connection, planned, authority_id=1)
        rows = [
            {"month": month, "site": site.name, "mass_g": mass_g, "days": days}
            for site in sites
            for month, mass_g, days in site.months
        ]
        connection.execute(DAYS, rows)
    return sites


def question_of(sites) -> str:
    equipped = ",".join(site.name for site in sites if site.equipped_on)
    control = ",".join(site.name for site in sites if not site.equipped_on)
    return f"from=2025-01-01&to=2026-06-30&equipped_from=2026-01-01&equipped={equipped}&control={control}"


def test_effect_comes_with_its_interval_sites_trend_and_source(api: Api, sites, monkeypatch):
    answer = api.call("authority", "GET", f"{PATH}?{question_of(sites)}")
    found = answer.json
    effect = found["effect"]
    assert found["is_measurable"], found["sentence"]
    # Not to the gram: days of a short silence are days on which nobody came, as far as counts can tell.
    truth = measure_effect(panel_of(sites)).effect
    assert effect["percent"] == pytest.approx(truth.percent, abs=1.5)
    assert effect["high_percent"] == pytest.approx(truth.high_percent, abs=2)
    assert f"{effect['percent']:+.1f} %" in found["sentence"]["en"]
    assert f"{effect['low_percent']:+.1f} %".replace("-", "\N{MINUS SIGN}") in found["sentence"]["en"]
    assert (found["kilograms_from"], found["method"], len(found["control_sites"])) == ("counted", "welch", 10)
    assert len(found["trend_before"]["months"]) == 18
    assert found["reasons"] == []
    monkeypatch.setenv("DATABASE_URL", api.owner.url.render_as_string(hide_password=False))
    asked = question_of(sites).replace("equipped_from", "equipped-from").split("&")
    options = [part for each in asked for part in (f"--{each.partition('=')[0]}", each.partition("=")[2])]
    printed = CliRunner().invoke(cli, ["stats", "effect", "--authority", "town-1", *options])
    assert printed.exit_code == 0, printed.output
    assert found["sentence"]["en"] in printed.output
    assert found["sentence"]["fr"] not in printed.output
    french = CliRunner().invoke(cli, ["stats", "effect", "--authority", "town-1", "--language", "fr", *options]).output
    assert found["sentence"]["fr"] in french
    assert found["sentence"]["en"] not in french
    assert "20 equipped" not in printed.output
    assert "10 equipped sites, 10 control sites; kilograms from counted deposits" in printed.output


def test_what_is_lacking_is_said_without_any_percentage(api: Api):
    api.earn(3)
    found = api.call("authority", "GET", PATH).json
    assert (found["is_measurable"], found["effect"]) == (False, None)
    assert [reason["code"] for reason in found["reasons"]] == ["nothing_recorded"]
    found = api.call("authority", "GET", f"{PATH}?to=2026-11-21").json
    assert [reason["code"] for reason in found["reasons"]] == ["no_control"]
    assert "témoin" in found["sentence"]["fr"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("from=2026-10-02&to=2026-10-01", 422, "period_reversed"),
        ("to=2027-01-01", 422, "period_to_come"),
        ("equipped_from=2030-01-01", 422, "start_outside_period"),
        ("equipped=nowhere", 404, "site_reference_unknown"),
        ("equipped=A&control=A&equipped_from=2026-03-01", 422, "site_on_both_sides"),
        ("material=gold", 404, "material_unknown"),
        ("kilograms_from=hearsay", 422, "request_invalid"),
    ],
)
def test_question_without_sense_is_refused(api: Api, query: str, status: int, code: str):
    assert_problem(api.call("authority", "GET", f"{PATH}?{query}"), status, code)


def test_process_of_its_own_says_what_this_one_would():
    panel = panel_of(simulate_territory(PLAN, seed=5))
    assert read_panel(write_panel(panel)) == panel
    assert measure_apart(panel) == show_verdict(measure_effect(panel))
    empty = Panel("glass", "weighed", (PanelSite("A", datetime.date(2026, 1, 1), {}),))
    assert measure_apart(empty) == show_verdict(measure_effect(empty))


@pytest.mark.parametrize(
    "options", [[], ["--scenario", "none", "--authority", "x"], ["--authority", "x", "--full-path"]]
)
def test_command_that_asks_for_nothing_or_both_is_a_usage_error(options):
    assert CliRunner().invoke(cli, ["stats", "effect", *options]).exit_code == 2


def test_scenario_prints_coverage_beside_the_usual_mistakes():
    printed = CliRunner().invoke(cli, ["stats", "effect", "--scenario", "plus-20", "--repetitions", "3"])
    assert printed.exit_code == 0, printed.output
    for words in ("this measurement", "before against after", "regression over site-months", "kept"):
        assert words in printed.output


def test_process_of_the_api_never_takes_the_libraries_in():
    # In a process of its own: this one has measured itself.
    seen = "import sys, partners_api.app, partners_api.authorities.effects; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True).stdout == "False\n"
    # The control: what it must not import would show.
    seen = "import sys, rewards.statistics.effect.measuring; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True).stdout == "True\n"
