"""``bontri tariffs`` and ``bontri campaigns`` as an authority's people type them."""

import json

import pytest

from tests.databases import Database
from tests.factories import Town, build_citizen, build_town, deposit
from tests.operator_commands import code_of, run, succeed

TARIFF = """
name = "Tarif 2099"
day_cap_points = 12
[lines]
glass = {points = 2}
plastic = {points = 5, per = "kilogram"}
"""
CAMPAIGN = """
name = "Semaine du tri"
from = 2099-01-01T00:00:00
until = 2099-01-08T00:00:00
multiplier_percent = 150
budget_points = 100
"""


@pytest.fixture
def town(database: Database, keyring, now) -> Town:
    with database.engine().begin() as connection:
        town = build_town(connection, keyring)
        build_citizen(connection, town, badge="B")
        for items in (8, 3):
            deposit(connection, town, badge="B", items=items, now=now)
    return town


def first_word(output: str) -> str:
    return output.split(maxsplit=1)[0]


def test_a_tariff_is_drafted_rehearsed_published_and_listed(database, town, tmp_path):
    of_town = ("--authority", town.slug)
    file = tmp_path / "tariff.toml"
    file.write_text(TARIFF)
    drafted = succeed(database, "tariffs", "draft", file, *of_town, "--by", "ada", "--json")
    draft_id = json.loads(drafted.output)["draft_id"]
    assert code_of(run(database, "tariffs", "publish", draft_id, *of_town, "--valid-from", "2099-01-01")) == (
        "draft_not_rehearsed"
    )
    period = ("--from", "2026-11-01", "--until", "2026-12-01")
    told = succeed(database, "tariffs", "rehearse", draft_id, *of_town, *period).output
    assert "2 credited deposits of 1 wallets, recorded 2026-11-01 00:00 to 2026-12-01 00:00\n" in told
    assert "caps hold back 10 by the day" in told
    assert "Saint-Denis" in told
    as_json = json.loads(succeed(database, "tariffs", "rehearse", draft_id, *of_town, *period, "--json").output)
    assert (as_json["actual_points"], as_json["points"], as_json["winners"]) == (11, 12, 1)
    publish = ("tariffs", "publish", draft_id, *of_town, "--valid-from", "2099-01-01", "--by", "grace", "--json")
    assert "tariff_id" in json.loads(succeed(database, *publish).output)
    listed = succeed(database, "tariffs", "list", *of_town).output.splitlines()
    assert listed[0].startswith("2099-01-01 00:00  to come")  # by the clock of Paris, as it was given
    assert listed[0].endswith("Tarif 2099: glass 2 per item, plastic 5 per kilogram")
    assert "in force" in listed[1]
    [draft] = json.loads(succeed(database, "tariffs", "drafts", *of_town, "--all", "--json").output)
    assert (draft["state"], draft["published_by"], draft["changed_by"]) == ("published", "grace", "ada")
    assert succeed(database, "tariffs", "drafts", *of_town).output == "There is no draft.\n"


def test_a_campaign_is_changed_published_listed_and_stopped(database, town, tmp_path):
    of_town = ("--authority", town.slug)
    file = tmp_path / "campaign.toml"
    file.write_text(CAMPAIGN)
    draft_id = first_word(succeed(database, "campaigns", "draft", file, *of_town).output)
    file.write_text(CAMPAIGN.replace("150", "200"))
    assert succeed(database, "campaigns", "change", draft_id, file, *of_town).output.startswith("Changed")
    period = ("--from", "2026-11-01", "--until", "2026-12-01")
    assert "campaigns add 11" in succeed(database, "campaigns", "rehearse", draft_id, *of_town, *period).output
    campaign_id = first_word(succeed(database, "campaigns", "publish", draft_id, *of_town).output)
    [line] = succeed(database, "campaigns", "list", *of_town).output.splitlines()
    assert line.startswith(f"{campaign_id}  to come")
    assert line.endswith("2099-01-01 00:00 to 2099-01-08 00:00, 0 of 100 points used")
    succeed(database, "campaigns", "stop", campaign_id, *of_town)
    [told] = json.loads(succeed(database, "campaigns", "list", *of_town, "--json").output)
    assert told["state"] == "over"
    assert code_of(run(database, "campaigns", "stop", campaign_id, *of_town)) == "campaign_unknown"
    discarded = first_word(succeed(database, "campaigns", "draft", file, *of_town).output)
    assert succeed(database, "campaigns", "discard", discarded, *of_town).output == "Discarded.\n"


def test_what_is_wrong_with_a_file_is_said(database, town, tmp_path):
    of_town = ("--authority", town.slug)
    file = tmp_path / "tariff.toml"
    file.write_text("name = ")
    broken = run(database, "tariffs", "draft", file, *of_town)
    assert (broken.exit_code, "is not TOML" in broken.output) == (2, True)
    file.write_text(TARIFF.replace("points = 2", "points = 2.5"))
    assert code_of(run(database, "tariffs", "draft", file, *of_town)) == "definition_invalid"
    file.write_text("#" * 100_001)
    assert "this is no definition" in run(database, "tariffs", "draft", file, *of_town).output
    file.write_text(CAMPAIGN.replace("until = 2099-01-08T00:00:00", ""))
    assert code_of(run(database, "campaigns", "draft", file, *of_town)) == "campaign_without_end"
    assert run(database, "tariffs", "draft", tmp_path / "nothing.toml", *of_town).exit_code == 2
