"""``bontri stats masses`` and ``assumptions`` as an operator types them."""

import json

import pytest

from tests.factories import build_town
from tests.operator_commands import code_of, run, succeed

OF_TOWN = ("--authority", "plaine-commune")
SAID = (*OF_TOWN, "--from", "2026-11", "--source", "weighed", "--by", "ada")


@pytest.fixture
def town(database, keyring):
    with database.engine().begin() as connection:
        return build_town(connection, keyring)


def test_mass_is_set_from_a_month_on_and_listed_with_its_source(database, town):
    told = succeed(database, "stats", "masses", "set", "glass", *SAID, "--grams", "240").output
    assert told == "From 2026-11 on 240 g is what an item of glass weighs (weighed).\n"
    stored = json.loads(succeed(database, "stats", "masses", "set", "glass", *SAID, "--unknown", "--json").output)
    assert (stored["unit_mass_g"], stored["set_by"]) == (None, "ada")
    lines = succeed(database, "stats", "masses", "list", *OF_TOWN).output.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["glass", "2000-01"],
        ["glass", "2026-11"],
        ["glass", "2026-11"],
    ]
    assert "(replaced)" in lines[2]
    assert "unknown" in lines[3]


def test_what_makes_no_sense_is_refused(database, town):
    assert code_of(run(database, "stats", "masses", "set", "wood", *SAID, "--grams", "1")) == "material_unknown"
    assert run(database, "stats", "masses", "set", "glass", *SAID).exit_code == 2
    assert run(database, "stats", "masses", "set", "glass", *SAID, "--grams", "1", "--unknown").exit_code == 2
    assert run(database, "stats", "assumptions", "set", "weather", "5", *SAID).exit_code == 2
    assert len(json.loads(succeed(database, "stats", "masses", "list", *OF_TOWN, "--json").output)) == 1


def test_assumption_is_set_and_listed_beside_the_defaults(database, town):
    succeed(database, "stats", "assumptions", "set", "glass_cost_cents_per_tonne", "7000", *SAID)
    shown = succeed(database, "stats", "assumptions", "list", *OF_TOWN).output
    assert "6,500" in shown
    assert "7,000" in shown
    listed = json.loads(succeed(database, "stats", "assumptions", "list", *OF_TOWN, "--json").output)
    assert [each["value"] for each in listed["own"]] == [7000]
