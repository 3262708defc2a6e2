"""A newcomer's walk: a month of simulated deposits, a draft, its rehearsal."""

import json

import pytest

from rewards.verify import verify
from tests.databases import Database
from tests.operator_commands import run, succeed

TARIFF = """
name = "Tarif 2099"
[lines]
glass = {points = 2}
plastic = {points = 1}
can = {points = 1}
paper = {points = 2, per = "kilogram"}
"""
DEMO = ("--authority", "plaine-commune-demo")
PERIOD = ("--from", "2026-10-01", "--until", "2026-11-01")


@pytest.fixture
def settings(tmp_path) -> dict[str, str]:
    return {"BONTRI_DATA_DIR": str(tmp_path / "demo")}


def test_a_month_is_simulated_once_and_a_tariff_rehearsed_on_it(database: Database, tmp_path, settings):
    month = ("simulate-month", "--month", "2026-10", "--deposits", "20", "--json")
    simulated = json.loads(succeed(database, *month, **settings).output)
    assert simulated["deposits"] > 400
    assert 0 < simulated["credited"] < simulated["deposits"]
    assert simulated["redeemed"] > 0
    again = json.loads(succeed(database, *month, **settings).output)
    assert (again["repeats"], again["points"], again["redeemed"]) == (simulated["deposits"], 0, 0)
    assert verify(database.engine()).is_sound

    locked = json.loads(succeed(database, "settle", *DEMO, "--month", "2026-10", "--lock", "--json").stdout)
    assert sum(len(each["lines"]) for each in locked) == simulated["redeemed"]

    file = tmp_path / "tariff.toml"
    file.write_text(TARIFF)
    draft_id = succeed(database, "tariffs", "draft", file, *DEMO).output.split(maxsplit=1)[0]
    told = json.loads(succeed(database, "tariffs", "rehearse", draft_id, *DEMO, *PERIOD, "--json").output)
    # Without the cap of the tariff in force every item earns two.
    assert told["actual_points"] == simulated["points"]
    assert told["points"] >= 2 * simulated["points"]


def test_a_month_that_is_not_over_and_one_before_the_bins_stood_are_refused(database: Database, settings):
    to_come = run(database, "simulate-month", "--month", "2099-01", **settings)
    assert (to_come.exit_code, "2099-01 is not over" in to_come.output) == (1, True)
    before = run(database, "simulate-month", "--month", "2020-01", "--deposits", "20", **settings)
    assert (before.exit_code, "would be refused" in before.output) == (1, True)
    with database.engine().connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one() == 0
