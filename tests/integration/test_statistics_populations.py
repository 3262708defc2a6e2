"""Populations by census year: which is used for a figure of which year, and that a part is never taken for the sum."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from rewards.statistics.populations import CommunePopulation, Inhabitants, list_populations, sum_populations
from rewards.territory import add_commune, list_communes
from tests.databases import Database
from tests.factories import build_town

TENANT = {"authority_id": 7}


@pytest.fixture
def connection(database: Database, town):
    with database.engine().connect() as connection:
        connection.execute(
            text(
                "INSERT INTO populations VALUES (7, '93066', 2015, 90000, 'INSEE 2015'), (7, '93066', 2019, 95000, 'A')"
            )
        )
        yield connection


@pytest.fixture
def town(database: Database, keyring):
    with database.engine().begin() as connection:
        return build_town(connection, keyring)


@pytest.mark.parametrize(("year", "used"), [(2010, 2015), (2015, 2015), (2018, 2015), (2022, 2019), (2026, 2023)])
def test_the_newest_census_not_after_the_year_is_used_and_else_the_oldest(connection, year, used):
    [found] = list_populations(connection, **TENANT, year=year, insee_code="93066")
    assert found.year == used


def test_sums_say_their_years_and_sources(connection):
    total = sum_populations(list_populations(connection, **TENANT, year=2020))
    assert total == Inhabitants(195_000, (2019, 2023), ("A", "said when the commune was added"), ())


def test_a_commune_without_a_population_leaves_the_sum_empty_and_is_named(connection):
    add_commune(connection, **TENANT, insee_code="93059", name="Pierrefitte")
    found = list_populations(connection, **TENANT, year=2026)
    assert CommunePopulation("93059", "Pierrefitte", None, None, None) in found
    assert sum_populations(found).population is None
    assert sum_populations(found).without == ("93059",)
    assert [each.population for each in list_communes(connection, **TENANT)] == [100_000, None, 100_000]


def test_nobody_is_no_territory_and_zero_inhabitants_cannot_be_stored(connection):
    assert sum_populations([]).population is None
    with pytest.raises(IntegrityError, match="population_positive"):
        connection.execute(text("INSERT INTO populations VALUES (7, '93066', 2020, 0, 'A')"))
