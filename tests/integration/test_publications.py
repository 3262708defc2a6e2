"""Months and years are published once, with few holders withheld; what came in later is in none of them."""

import datetime
import json
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from bontri.cli import cli
from bontri.publishing import publish
from rewards.statistics.disclosure.protection import protect
from rewards.statistics.participation.counting import Span
from rewards.statistics.publications.listing import list_publications, list_published_cells
from rewards.statistics.publications.refusals import (
    AlreadyPublishedError,
    MonthsNotPublishedError,
    PeriodNotClosedError,
)
from rewards.statistics.publications.tables import read_month
from tests.api_client import Api, assert_problem, start_api
from tests.databases import Database
from tests.factories import build_citizen, build_town, deposit
from tests.operator_commands import code_of, environment_of, run, succeed

UTC = datetime.UTC
MARCH = datetime.datetime(2026, 3, 10, 9, tzinfo=UTC)
LATER = datetime.datetime(2026, 5, 20, 9, tzinfo=UTC)
NEXT_YEAR = datetime.datetime(2027, 3, 1, 9, tzinfo=UTC)
MARCH_SPAN = Span("month", datetime.date(2026, 3, 1))
YEAR = {"first_day": datetime.date(2026, 1, 1), "last_day": datetime.date(2026, 12, 31)}


def drop_in_march(connection: Any, town: Any, badge: str, **drop: Any) -> None:
    build_citizen(connection, town, badge=badge)
    deposit(connection, town, badge=badge, now=MARCH, **drop)


def fill(connection: Any, town: Any) -> None:
    """Fourteen holders at A, twelve at B with glass, of whom two drop plastic: too few, and so is what they leave."""
    for no in range(14):
        drop_in_march(connection, town, f"A{no}", items=2)
    for no in range(12):
        drop_in_march(connection, town, f"B{no}", items=3, bin_no=1)
    for no in range(2):
        deposit(connection, town, badge=f"B{no}", now=MARCH, bin_no=1, material="plastic", mass_g=400)


@pytest.fixture
def town(database: Database, keyring: Any) -> Any:
    with database.engine().begin() as connection:
        town = build_town(connection, keyring)
        fill(connection, town)
    return town


def publish_at(database: Database, now: datetime.datetime, span: Span = MARCH_SPAN, **options: Any) -> Any:
    facts = {"authority_id": 7, "published_by": "ada", "is_dry_run": False}
    return publish(database.engine("bontri_operator"), span, now=now, **{**facts, **options})


def cells_of(database: Database, granularity: str = "month") -> dict[tuple[str, str], Any]:
    """As the role of the API, which has no right to what is withheld."""
    with database.engine("bontri_api").connect() as connection:
        found = list_published_cells(connection, authority_id=7, granularity=granularity, **YEAR)
    return {(each.name, each.material): each for each in found}


@pytest.mark.usefixtures("town")
def test_a_month_is_published_with_few_holders_withheld_and_what_would_tell_of_them(database):
    done = publish_at(database, LATER)
    cells = cells_of(database)
    assert (cells["A", ""].deposits, cells["A", ""].items, cells["A", ""].kg, cells["A", ""].holders) == (
        14,
        28,
        8.4,
        14,
    )
    plastic = cells["B", "plastic"]
    assert (plastic.is_withheld, plastic.deposits, plastic.kg, plastic.holders) == (True, None, None, None)
    # What the site's total less its glass would be; and the commune and the authority, which have no other plastic.
    assert cells["B", "glass"].is_withheld
    assert cells["Aubervilliers", "plastic"].is_withheld
    assert not cells["B", ""].is_withheld
    # A zero is a zero.
    assert (cells["A", "plastic"].deposits, cells["A", "plastic"].is_withheld) == (0, False)
    assert (
        done.cells == len(cells) == done.shown + done.zero + sum(sum(each.values()) for each in done.withheld.values())
    )


@pytest.mark.usefixtures("town")
def test_a_dry_run_publishes_nothing(database):
    planned = publish_at(database, LATER, is_dry_run=True)
    assert cells_of(database) == {}
    done = publish_at(database, LATER)
    assert (planned.cells, planned.withheld) == (done.cells, done.withheld)


@pytest.mark.usefixtures("town")
def test_a_month_that_is_not_closed_is_rehearsed_and_one_to_come_is_not(database):
    april = datetime.datetime(2026, 4, 2, 9, tzinfo=UTC)
    planned = publish_at(database, april, is_dry_run=True)
    assert (planned.publishable_from, planned.is_published) == (datetime.date(2026, 5, 6), False)
    assert planned.shown
    assert cells_of(database) == {}
    with pytest.raises(PeriodNotClosedError, match="deposits of 2026-05 may"):
        publish_at(database, april, Span("month", datetime.date(2026, 5, 1)), is_dry_run=True)
    with pytest.raises(PeriodNotClosedError, match="deposits of 2026 may"):
        publish_at(database, april, Span("year", datetime.date(2026, 1, 1)))


@pytest.mark.usefixtures("town")
def test_a_month_waits_for_bins_that_are_offline(database):
    with pytest.raises(PeriodNotClosedError, match="2026-05-06"):
        publish_at(database, datetime.datetime(2026, 5, 5, 21, tzinfo=UTC))
    assert cells_of(database) == {}
    # Midnight of Paris.
    assert publish_at(database, datetime.datetime(2026, 5, 5, 22, 30, tzinfo=UTC)).cells


def test_what_was_published_is_never_changed_so_late_deposits_cannot_be_told_by_difference(database, town):
    publish_at(database, LATER)
    before = cells_of(database)
    with database.engine().begin() as connection:
        build_citizen(connection, town, badge="LATE")
        deposit(connection, town, badge="LATE", items=40, now=LATER, occurred_at=MARCH)
    with pytest.raises(AlreadyPublishedError):
        publish_at(database, NEXT_YEAR)
    assert cells_of(database) == before
    publish_other_months(database)
    publish_at(database, NEXT_YEAR, Span("year", datetime.date(2026, 1, 1)))
    year = cells_of(database, "year")
    assert (year["A", ""].deposits, year["A", ""].items) == (14, 28)
    # The control: reckoned anew, the year less its months would be what one citizen brought.
    with database.engine().connect() as connection:
        now = connection.scalar(
            text("SELECT sum(items) FROM daily_deposits WHERE site_id::text = :code"), {"code": year["A", ""].code}
        )
    assert now - before["A", ""].items == 40


def publish_other_months(database: Database) -> None:
    for month in range(1, 13):
        if month != 3:
            publish_at(database, NEXT_YEAR, Span("month", datetime.date(2026, month, 1)))


@pytest.mark.usefixtures("town")
def test_a_year_is_its_months_and_withheld_where_they_would_be_told(database):
    year = Span("year", datetime.date(2026, 1, 1))
    with pytest.raises(MonthsNotPublishedError, match="2026-01, 2026-02, 2026-03"):
        publish_at(database, NEXT_YEAR, year)
    publish_other_months(database)
    publish_at(database, NEXT_YEAR)
    publish_at(database, NEXT_YEAR, year)
    months, cells = cells_of(database), cells_of(database, "year")
    assert cells["A", ""].deposits == 14
    # Eleven months are zero: what the year would show is what March withholds.
    assert all(
        cells[place].is_withheld == each.is_withheld for place, each in months.items() if each.first_day.month == 3
    )
    assert cells["B", "plastic"].is_withheld
    with database.engine("bontri_reader").connect() as connection:
        found = list_publications(connection, authority_id=7)
    assert [(each.granularity, each.first_day.month) for each in found[:2]] == [("month", 1), ("year", 1)]


@pytest.mark.usefixtures("town")
def test_who_serves_the_public_cannot_read_what_is_withheld_and_nobody_can_change_it(database):
    publish_at(database, LATER)
    with (
        database.engine("bontri_api").connect() as connection,
        pytest.raises(ProgrammingError, match="permission denied"),
    ):
        connection.execute(text("SELECT 1 FROM withheld_cells"))
    for role in ("bontri_operator", "bontri_api", "bontri_reader"):
        for change in ("UPDATE published_cells SET deposits = 1", "DELETE FROM publications"):
            with (
                database.engine(role).connect() as connection,
                pytest.raises(ProgrammingError, match="permission denied"),
            ):
                connection.execute(text(change))
    shown = text("UPDATE published_cells SET holders = 10 WHERE NOT is_withheld AND deposits > 0")
    with database.engine().connect() as connection, pytest.raises(IntegrityError, match="eleven_holders"):
        connection.execute(shown)


def test_holders_that_nobody_can_count_any_more_are_taken_for_none(database, town):
    with database.engine().begin() as connection:
        connection.execute(text("DELETE FROM wallet_accounts"))
    publish_at(database, LATER)
    assert all(each.is_withheld or each.deposits == 0 for each in cells_of(database).values())
    with database.engine("bontri_operator").connect() as connection:
        february = read_month(connection, datetime.date(2026, 2, 1), authority_id=7, timezone=town.timezone, now=LATER)
    assert protect(february) == {}


@pytest.mark.usefixtures("town")
def test_the_commands_publish_and_list(database):
    slug = ("--authority", "plaine-commune")
    assert "Nothing was published" in succeed(database, "stats", "publications", *slug).output
    planned = json.loads(
        succeed(database, "stats", "publish", *slug, "--month", "2020-01", "--dry-run", "--json").stdout
    )
    assert (planned["cells"], planned["is_dry_run"]) == (1, True)
    asked = ("stats", "publish", *slug, "--month", "2020-01")
    assert "Nothing was published." in CliRunner().invoke(cli, asked, env=environment_of(database), input="n\n").output
    assert json.loads(succeed(database, *asked, "--json").stdout)["is_published"] is False
    assert "Nothing was published" in succeed(database, "stats", "publications", *slug).output
    agreed = CliRunner().invoke(cli, asked, env=environment_of(database), input="y\n").output
    assert "1 cell would be published" in agreed
    assert agreed.endswith("Published.\n")
    assert "1 cell published" in succeed(database, *asked[:-1], "2020-02", "--yes").output
    assert code_of(run(database, "stats", "publish", *slug, "--month", "2020-01")) == "already_published"
    assert code_of(run(database, "stats", "publish", *slug, "--month", "2099-01")) == "period_not_closed"
    assert code_of(run(database, "stats", "publish", *slug, "--year", "2020")) == "months_not_published"
    assert run(database, "stats", "publish", *slug).exit_code == 2
    assert "2020-01" in succeed(database, "stats", "publications", *slug).output


def test_agents_get_what_was_published_as_json_csv_and_on_a_map(database, keyring, now):
    api: Api = start_api(database, keyring, now)
    authority_id = api.town.authority_id
    with database.engine().begin() as connection:
        fill(connection, api.town)
    publish_at(database, LATER, authority_id=authority_id)
    [published] = api.call("authority", "GET", "/authority/publications").json["items"]
    assert (published["granularity"], published["first_day"]) == ("month", "2026-03-01")
    path = "/authority/publications/cells?from=2026-01-01&to=2026-12-31&level=site"
    cells = api.call("authority", "GET", path).json["items"]
    assert {(each["name"], each["material"], each["deposits"]) for each in cells if each["name"] == "B"} == {
        ("B", "", 14),
        ("B", "glass", None),
        ("B", "plastic", None),
    }
    features = api.call("authority", "GET", f"{path}&format=geojson").json["features"]
    assert features[0]["geometry"]["type"] == "Point"
    assert features[0]["properties"]["licence"].startswith("Licence Ouverte")
    assert "Licence Ouverte" in api.call("authority", "GET", f"{path}&format=csv").text
    refused = api.call("authority", "GET", "/authority/publications/cells?from=2026-12-01&to=2026-01-01")
    assert_problem(refused, 422, "period_reversed")
