"""References weighted by who lives there, capture rates, and what both say when something is missing."""

import datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from rewards.statistics.references.comparing import compare, list_references
from rewards.statistics.references.sinoe import DepartmentTonnage, read_sinoe
from rewards.statistics.references.storing import store_references
from rewards.statistics.tonnages.collected import Share, capture_pct, get_capture, get_collected, set_share
from rewards.territory import add_commune
from tests.databases import Database
from tests.factories import START, Town, build_town, deposit

TENANT = {"authority_id": 7}
DAY = datetime.timedelta(days=1)
ASKED = {**TENANT, "timezone": ZoneInfo("Europe/Paris"), "now": START + 31 * DAY}
GLASS_OF_FRANCE = {2009: 29.66, 2011: 29.69, 2013: 28.87, 2015: 29.11, 2017: 29.99}
"""The sum of the given rows by the sum of their inhabitants."""


@pytest.fixture
def connection(database: Database):
    with database.engine().connect() as connection:
        yield connection


@pytest.fixture(autouse=True)
def town(connection, keyring) -> Town:
    return build_town(connection, keyring)


@pytest.fixture
def published(connection):
    content = (files("bontri.demo.data") / "sinoe_household_waste_2009_2017.csv").read_bytes()
    store_references(connection, read_sinoe(content).rows, source="ADEME SINOE")


def store(connection, place: str, stream: str, first: str, last: str, tonnes: float):  # noqa: PLR0917 (a row)
    level = "commune" if place else "authority"
    statement = "INSERT INTO tonnages VALUES (7, :level, :place, :stream, :first, :last, :mass_g, 'scales', now())"
    values = {"level": level, "place": place, "stream": stream, "first": first, "last": last}
    connection.execute(text(statement), {**values, "mass_g": round(tonnes * 1_000_000)})


@pytest.mark.parametrize("year", GLASS_OF_FRANCE)
@pytest.mark.usefixtures("published")
def test_the_nation_is_weighted_by_population_and_the_mean_of_departements_is_another_number(connection, year):
    found = compare(connection, "glass", year, **ASKED)
    nation = found.references[-1]
    assert (round(nation.kg_per_inhabitant, 2), nation.level) == (GLASS_OF_FRANCE[year], "nation")
    assert (nation.departments, nation.departments_in_all) == (100 if year < 2015 else 101, 101)
    rows = list_references(connection, stream="glass", year=year)
    unweighted = sum(row.kg_per_inhabitant for row in rows) / len(rows)
    assert unweighted - nation.kg_per_inhabitant > 1.5


@pytest.mark.usefixtures("published")
def test_a_comparison_names_departement_and_region_and_how_far_the_years_are_apart(connection):
    store(connection, "", "glass", "2020-01-01", "2020-12-31", 4000)
    found = compare(connection, "glass", 2020, **ASKED)
    assert (found.reference_year, found.years_apart) == (2017, 3)
    assert [(each.level, each.name, each.departments) for each in found.references] == [
        ("department", "93", 1),
        ("region", "Île-de-France", 8),
        ("nation", "France", 101),
    ]
    assert (found.own.kg_per_inhabitant, found.own.population, found.own.population_years) == (20.0, 200_000, (2023,))


@pytest.mark.usefixtures("published")
def test_what_is_missing_for_the_own_figure_is_said_and_never_zero(connection):
    assert compare(connection, "glass", 2020, **ASKED).own.missing == "none_imported"
    store(connection, "", "glass", "2020-01-01", "2020-12-31", 4000)
    add_commune(connection, **TENANT, insee_code="93059", name="Pierrefitte")
    own = compare(connection, "glass", 2020, **ASKED).own
    assert (own.kg_per_inhabitant, own.mass_g, own.missing) == (None, 4_000_000_000, "population_unknown")
    assert compare(connection, "gold", 2020, **ASKED).references == ()


def test_what_bins_took_is_told_apart_with_the_bins_that_reported(connection, town):
    assert compare(connection, "glass", 2026, **ASKED).by_bins.missing == "nothing_reported"
    deposit(connection, town, badge=None, items=200, now=START + 2 * DAY)
    found = compare(connection, "glass", 2026, **ASKED)
    assert (found.own.missing, found.by_bins.missing) == ("none_imported", None)
    assert found.by_bins.kg_per_inhabitant == round(200 * 0.3 / 200_000 * 365 / 32, 3)
    assert (found.by_bins.days, found.by_bins.bins, found.by_bins.bins_reporting) == (32, 2, 1)
    assert (found.by_bins.population, found.by_bins.population_years) == (200_000, (2023,))


def test_of_what_no_bin_takes_and_of_years_to_come_nothing_is_made_up(connection):
    assert compare(connection, "residual", 2026, **ASKED).by_bins is None
    assert compare(connection, "glass", 2027, **ASKED).by_bins is None
    assert compare(connection, "glass", 2020, **ASKED).by_bins.missing == "no_bin"


def test_a_year_is_known_when_all_its_days_or_all_communes_are(connection):
    for month, last in ((1, 31), (2, 29)):
        store(connection, "", "glass", f"2020-{month:02}-01", f"2020-{month:02}-{last}", 1)
    found = get_collected(connection, "glass", 2020, **TENANT)
    assert (found.mass_g, found.missing, found.missing_days) == (None, "days_missing", 306)
    store(connection, "93066", "glass", "2020-01-01", "2020-12-31", 5)
    assert get_collected(connection, "glass", 2020, **TENANT).mass_g is None
    store(connection, "93001", "glass", "2020-01-01", "2020-12-31", 0)
    assert get_collected(connection, "glass", 2020, **TENANT).mass_g == 5_000_000


def test_a_commune_that_did_not_report_is_named(connection):
    store(connection, "93066", "glass", "2020-01-01", "2020-12-31", 5)
    store(connection, "93001", "glass", "2020-02-01", "2020-12-31", 5)
    found = get_collected(connection, "glass", 2020, **TENANT)
    assert (found.missing, found.missing_communes) == ("communes_missing", ("93001",))


def test_the_capture_rate_is_missing_until_all_of_it_is_known(connection):
    reasons = []
    for step in (
        lambda: None,
        lambda: store(connection, "", "glass", "2020-01-01", "2020-12-31", 21),
        lambda: store(connection, "", "residual", "2020-01-01", "2020-12-31", 200),
        lambda: set_share(connection, "glass", Share(70, 2021, "MODECOM, later"), **TENANT),
        lambda: set_share(connection, "glass", Share(70, 2019, "MODECOM"), **TENANT),
    ):
        step()
        found = get_capture(connection, "glass", 2020, **TENANT)
        reasons.append(found.missing)
    assert reasons == ["collected_unknown", "residual_unknown", "share_unknown", "share_unknown", None]
    assert found.capture_pct == pytest.approx(60)


def test_capture_of_nothing_is_no_number():
    """Île-de-France 2021: 21 kg collected and 14 in residual waste are 60 % (docs/figures.md)."""
    assert capture_pct(21, 200, 70) == pytest.approx(60)
    assert capture_pct(0, 100, 50) == 0
    assert capture_pct(0, 0, 50) is None


@pytest.mark.usefixtures("published")
def test_a_few_departements_of_a_nearer_year_do_not_stand_for_the_nation(connection):
    rows = [DepartmentTonnage(0, 2021, code, "glass", 20_000_000_000, 1_000_000) for code in ("75", "93")]
    store_references(connection, rows, source="somebody")
    department, region, nation = compare(connection, "glass", 2022, **ASKED).references
    assert (department.year, department.kg_per_inhabitant) == (2021, 20.0)
    assert (region.year, region.departments, nation.year, nation.departments) == (2017, 8, 2017, 101)


def test_a_year_of_which_bins_stood_a_part_is_reckoned_from_those_days(connection, town):
    connection.execute(text("UPDATE placements SET placed_at = '2026-01-22 00:00+01'"))
    deposit(connection, town, badge=None, items=200, now=START + 25 * DAY)
    found = compare(connection, "glass", 2026, **ASKED).by_bins
    assert (found.days, found.kg_per_inhabitant) == (11, round(200 * 0.3 / 200_000 * 365 / 11, 3))
