"""What ``bontri stats compare`` and ``capture`` say in words when something is missing, and of which year."""

import datetime

import pytest
from sqlalchemy import text

from bontri.commands.stats.lacking import describe_collected
from rewards.statistics.tonnages.collected import Collected
from tests.databases import Database
from tests.factories import Town, build_town
from tests.operator_commands import succeed

LAST_YEAR = datetime.datetime.now(datetime.UTC).year - 1


@pytest.fixture
def town(database: Database, keyring) -> Town:
    with database.engine().begin() as connection:
        return build_town(connection, keyring)


def say(database: Database, town: Town, command: str, *more: str) -> str:
    return succeed(database, "stats", command, "--authority", town.slug, *more).output


def test_what_is_missing_is_told_in_sentences_of_the_last_year_that_is_over(database, town):
    said = say(database, town, "capture")
    assert f"no tonnages of glass in {LAST_YEAR}: bontri stats import tonnages FILE" in said
    assert f"Not known: glass collected in {LAST_YEAR} is not wholly known." in said
    said += say(database, town, "compare")
    assert "is not over" not in said
    for code in ("none_imported", "collected_unknown", "no_bin", "nothing_reported"):
        assert code not in said


def test_a_commune_without_tonnages_is_named(database, town):
    with database.engine().begin() as connection:
        for code, name in (("93001", "Aubervilliers"), ("93066", "Saint-Denis")):
            add = "INSERT INTO communes VALUES (:id, :code, :name) ON CONFLICT DO NOTHING"
            connection.execute(text(add), {"id": town.authority_id, "code": code, "name": name})
        store = "INSERT INTO tonnages VALUES (:id, 'commune', '93066', 'glass', :first, :last, 1, 'x', now())"
        days = {"first": datetime.date(LAST_YEAR, 1, 1), "last": datetime.date(LAST_YEAR, 12, 31)}
        connection.execute(text(store), {"id": town.authority_id, **days})
    for command in ("compare", "capture"):
        assert f"tonnages of glass for all of {LAST_YEAR} are missing for 93001" in say(database, town, command)


def test_a_year_that_is_not_over_says_so_first(database, town):
    for command in ("compare", "capture"):
        assert say(database, town, command, "--year", str(LAST_YEAR + 1)).startswith(f"{LAST_YEAR + 1} is not over")


def test_only_the_first_of_many_communes_are_named():
    codes = tuple(f"9300{number}" for number in range(1, 9))
    said = describe_collected(Collected("glass", 2025, None, "communes_missing", missing_communes=codes))
    assert "93001, 93002, 93003, 93004, 93005 and 3 more: " in said
