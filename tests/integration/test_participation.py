"""Holders counted for months and years: distinct ones, kept as numbers, counted again when deposits changed."""

import datetime
import json

import pytest
from sqlalchemy import text

from bontri.jobs.counting import count_holders_of
from rewards.shop_register import CommuneUnknownError
from rewards.statistics.disclosure.threshold import withhold
from rewards.statistics.participation import list_participation, list_served, set_served
from rewards.statistics.participation.counting import Span, count_holders, list_changed_months, plan_spans
from rewards.statistics.participation.shares import in_elevens
from tests.api_client import assert_problem, start_api
from tests.databases import Database
from tests.factories import build_citizen, build_town, deposit
from tests.operator_commands import run, succeed

UTC = datetime.UTC
OCTOBER = datetime.datetime(2026, 10, 10, 9, tzinfo=UTC)
NOVEMBER = datetime.datetime(2026, 11, 10, 9, tzinfo=UTC)
NOW = datetime.datetime(2026, 11, 21, 9, tzinfo=UTC)
COUNTS = text("""
    SELECT granularity, first_day, level, code, material, holders, new_holders, deposits, credited_deposits
      FROM holder_counts WHERE authority_id = 7
""")
FIRST_DAYS = [datetime.date(2026, month, 1) for month in (1, 2, 3)]
PUT_COUNTS = text("""
    INSERT INTO holder_counts (authority_id, granularity, first_day, level, code, material, holders, new_holders,
                               deposits, credited_deposits, counted_at)
    VALUES (7, :granularity, make_date(2026, :month, 1), 'authority', '', '', :holders, :new_holders, 500, 400, :now)
""")


@pytest.fixture
def town(database: Database, keyring):
    """Twelve holders in October at A, three of them in November too, there and at B, with somebody new."""
    with database.engine().begin() as connection:
        town = build_town(connection, keyring, day_cap_points=10)
        for no in range(12):
            build_citizen(connection, town, badge=f"H{no}")
            deposit(connection, town, badge=f"H{no}", now=OCTOBER)
        for no in range(3):
            deposit(connection, town, badge=f"H{no}", now=NOVEMBER)
            deposit(connection, town, badge=f"H{no}", now=NOVEMBER, bin_no=1, material="plastic", mass_g=500)
        build_citizen(connection, town, badge="NEW")
        deposit(connection, town, badge="NEW", now=NOVEMBER, items=20)
        # Capped whole, and yet active; then somebody unknown.
        deposit(connection, town, badge="NEW", now=NOVEMBER, bin_no=1)
        deposit(connection, town, badge=None, now=NOVEMBER)
    return town


def count_all(database: Database, now: datetime.datetime = NOW) -> int:
    with database.engine("bontri_operator").begin() as connection:
        changed, first_whole = list_changed_months(connection, authority_id=7, now=now)
        for spans in plan_spans(changed, first_whole=first_whole):
            count_holders(connection, spans, authority_id=7, now=now)
    return len(changed)


def counts(database: Database) -> dict[tuple[str, int, str, str], tuple[int, int, int, int]]:
    with database.engine().connect() as connection:
        sites = dict(connection.execute(text("SELECT CAST(site_id AS text), reference FROM sites")).all())
        return {
            (row.granularity, row.first_day.month, sites.get(row.code, row.code), row.material): tuple(row[5:])
            for row in connection.execute(COUNTS)
        }


def put_counts(connection, granularity: str, counts: list[tuple[int, int, int]]) -> None:
    """Keep counts as if they had been counted: month, holders, new ones."""
    rows = [dict(zip(("month", "holders", "new_holders"), each, strict=True)) for each in counts]
    connection.execute(PUT_COUNTS, [{**row, "granularity": granularity, "now": NOW} for row in rows])


def participation(database: Database, **asked):
    with database.engine("bontri_api").connect() as connection:
        whole = {"granularity": "month", "level": "authority"}
        days = {"first_day": datetime.date(2026, 1, 1), "last_day": datetime.date(2026, 12, 31)}
        return list_participation(connection, authority_id=7, timezone="Europe/Paris", **{**whole, **days, **asked})


@pytest.mark.usefixtures("town")
def test_holders_are_distinct_at_each_place_and_never_a_sum(database):
    assert count_all(database) == 2
    found = counts(database)
    assert found["month", 10, "", ""] == (12, 12, 12, 12)
    assert found["month", 11, "", ""] == (4, 1, 9, 8)
    assert found["month", 11, "A", ""] == (4, 1, 5, 4)
    assert found["month", 11, "B", ""] == (4, 1, 4, 4)
    assert found["month", 11, "93001", "plastic"] == (3, 0, 3, 3)
    assert found["year", 1, "", ""] == (13, 13, 21, 20)
    assert found["year", 1, "B", "glass"] == (1, 1, 1, 1)
    assert ("month", 10, "B", "") not in found


def test_what_is_counted_is_counted_again_when_deposits_changed_and_else_not(database, town):
    assert count_all(database) == 2
    assert count_all(database) == 0
    with database.engine().begin() as connection:
        build_citizen(connection, town, badge="LATE")
        deposit(connection, town, badge="LATE", now=NOW, occurred_at=OCTOBER)
    assert count_all(database) == 1
    found = counts(database)
    assert (found["month", 10, "", ""][0], found["year", 1, "", ""][0]) == (13, 14)
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE sites SET insee_code = '93001' WHERE reference = 'A'"))
    assert count_all(database) == 2
    assert ("month", 10, "93066", "") not in counts(database)


@pytest.mark.usefixtures("town")
def test_counting_twice_leaves_the_same_numbers(database):
    count_all(database)
    before = counts(database)
    spans = [Span("month", datetime.date(2026, 11, 1)), Span("year", datetime.date(2026, 1, 1))]
    with database.engine("bontri_operator").begin() as connection:
        count_holders(connection, spans, authority_id=7, now=NOW)
    assert counts(database) == before


@pytest.mark.usefixtures("town")
def test_merged_wallets_are_one_holder(database):
    with database.engine().begin() as connection:
        connection.execute(
            text("""UPDATE wallets SET merged_into = (SELECT min(CAST(wallet_id AS text))::uuid FROM wallets)
                     WHERE wallet_id <> (SELECT min(CAST(wallet_id AS text))::uuid FROM wallets)""")
        )
    count_all(database)
    assert counts(database)["month", 10, "", ""][0] == 1


def test_months_whose_links_may_be_cut_stay_as_they_were_counted(database, town):
    count_all(database)
    before = counts(database)
    with database.engine().begin() as connection:
        connection.execute(text("DELETE FROM wallet_accounts"))
        deposit(connection, town, badge=None, now=NOW, occurred_at=OCTOBER)
    long_after = NOW + datetime.timedelta(days=800)
    assert count_all(database, now=long_after) == 0
    assert counts(database) == before
    # The control: counted then, it would be a town without anybody.
    with database.engine("bontri_operator").begin() as connection:
        count_holders(connection, [Span("month", datetime.date(2026, 10, 1))], authority_id=7, now=NOW)
    assert counts(database)["month", 10, "", ""][0] == 0


def test_a_year_that_was_cut_into_is_not_counted():
    december = datetime.date(2025, 12, 1)
    [spans] = plan_spans([december], first_whole=december)
    assert spans == [Span("month", december)]
    assert december.replace(day=31) == Span("year", december.replace(month=1)).last_day == spans[0].last_day


@pytest.mark.usefixtures("town")
def test_fewer_than_eleven_are_withheld_and_so_is_what_would_tell_them(database):
    count_all(database)
    october, november = participation(database)
    # All of the year are new: its holders less October's new ones would be November's.
    assert (october.holders, october.new_holders, october.is_withheld) == (12, None, True)
    assert (november.holders, november.new_holders, november.participation, november.is_withheld) == (
        None,
        None,
        None,
        True,
    )
    assert november.anonymous_deposits == 1
    [year] = participation(database, granularity="year")
    assert (year.holders, year.registered_holders, year.share_basis) == (13, 22, "holders_registered")
    # A year less its months that are told would be the one that is not.
    assert (year.new_holders, year.new_share, year.is_withheld) == (None, None, True)
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE holder_counts SET new_holders = holders - 1"))
    # Twelve active and eleven new would say that one is not.
    assert participation(database)[0].new_holders is None


@pytest.mark.parametrize("others", [27, 30])
def test_new_holders_of_a_month_are_not_had_from_months_and_years_asked_apart(database, keyring, others):
    """Thirty are new in the year, three of them in March; of 30 active ones, or of 33 (few are not new)."""
    with database.engine().begin() as connection:
        build_town(connection, keyring)
        put_counts(connection, "month", [(1, 12, 12), (2, 15, 15), (3, 20, 3)])
        put_counts(connection, "year", [(1, others + 3, 30)])
    asked = [participation(database, first_day=day, last_day=day) for day in FIRST_DAYS]
    months = [each.new_holders for [each] in asked]
    [year] = participation(database, granularity="year")
    assert (months, year.holders, year.new_holders) == ([None, 15, None], others + 3, None)
    # January's are twelve: the command may not call them fewer than eleven.
    command = ("stats", "participation", "--authority", "plaine-commune", "--from", "2026-01", "--to", "2026-03")
    [january] = [line.split() for line in succeed(database, *command).output.splitlines() if line.startswith("2026-01")]
    assert january[2:4] == ["12", "withheld"]
    said = json.loads(succeed(database, *command, "--json").output)["rows"][0]
    assert (said["new_holders"], said["is_withheld"]) == (None, True)
    # The control: what is withheld for its own sake leaves one unknown, and the first year's holders are all new.
    alone = [withhold(new) for new in (12, 15, 3)]
    assert (alone.count(None), 30 - sum(new or 0 for new in alone)) == (1, 3)


@pytest.mark.usefixtures("town")
def test_a_year_tells_its_new_holders_when_no_month_of_it_is_withheld(database):
    """The control of the test above: then nothing is to be had by difference."""
    count_all(database)
    with database.engine().begin() as connection:
        connection.execute(text("DELETE FROM holder_counts WHERE granularity = 'month' AND holders < 11"))
    [year] = participation(database, granularity="year")
    assert (year.new_holders, year.is_withheld) == (13, False)


def test_registered_holders_are_told_in_elevens():
    """Or the difference of two months would tell how few registered between them."""
    assert [in_elevens(count) for count in (0, 5, 11, 12, 22, 23)] == [0, None, 11, 22, 22, 33]


@pytest.mark.usefixtures("town")
def test_participation_is_of_households_where_every_commune_has_them(database):
    count_all(database)
    says = {"authority_id": 7, "year": 2024, "source": "INSEE"}
    with database.engine("bontri_operator").begin() as connection:
        set_served(connection, insee_code="93066", households=48, **says)
    assert participation(database)[0].share_basis == "holders_registered"
    [commune] = [each for each in participation(database, level="commune") if each.code == "93066"][:1]
    assert (commune.participation, commune.households_year, commune.share_basis) == (0.25, 2024, "households_served")
    with database.engine("bontri_operator").begin() as connection:
        set_served(connection, insee_code="93001", households=52, **{**says, "year": 2023})
        # Of a later year: not yet true.
        set_served(connection, insee_code="93001", households=9000, **{**says, "year": 2027})
    october = participation(database)[0]
    assert (october.households, october.households_year, october.participation) == (100, 2023, 0.12)


@pytest.mark.usefixtures("town")
def test_households_of_an_unknown_commune_are_refused(database):
    with pytest.raises(CommuneUnknownError), database.engine("bontri_operator").begin() as connection:
        set_served(connection, authority_id=7, insee_code="75056", year=2024, households=1, source="x")
    with database.engine().connect() as connection:
        assert list_served(connection, authority_id=7) == []


@pytest.mark.usefixtures("town")
def test_the_commands_count_and_tell(database):
    said = ("stats", "participation", "--authority", "plaine-commune", "--from", "2026-10", "--to", "2026-11")
    assert "Nothing was counted" in succeed(database, *said).output
    done = json.loads(succeed(database, "stats", "count-holders", "--authority", "plaine-commune", "--json").output)
    assert done["months"] == 2
    assert count_holders_of(database.engine("bontri_operator"), 7) == {"months": 0, "cells": 0}
    told = succeed(database, *said).output
    assert "withheld" in told
    # The definition below the table.
    assert all(len(line) <= 80 for line in told.rpartition("\n\n")[2].splitlines())
    rows = json.loads(succeed(database, *said, "--json").output)["rows"]
    assert [(row["first_day"], row["holders"]) for row in rows] == [("2026-10-01", 12), ("2026-11-01", None)]
    households = ("stats", "households", "--authority", "plaine-commune")
    assert run(database, *households, "--commune", "93066").exit_code == 2
    facts = ("--commune", "93066", "--year", "2021", "--households", "44071", "--source", "INSEE 2021")
    assert "44,071" in succeed(database, *households, *facts).output
    assert run(database, *said[:-2], "--to", "2026-01").exit_code == 2


def test_agents_are_shown_participation_as_json_and_csv(database, keyring, now):
    api = start_api(database, keyring, now)
    path = "/authority/figures/participation?from=2026-01-01&to=2026-12-31"
    assert api.call("authority", "GET", path).json["rows"] == []
    with database.engine().begin() as connection:
        for no in range(11):
            build_citizen(connection, api.town, badge=f"H{no}")
            deposit(connection, api.town, badge=f"H{no}", now=now)
    count_holders_of(database.engine("bontri_operator"), api.town.authority_id)
    [row] = api.call("authority", "GET", path).json["rows"]
    assert (row["holders"], row["new_holders"], row["material"], row["is_withheld"]) == (11, 11, "", False)
    answer = api.call("authority", "GET", f"{path}&level=site&granularity=year&material=glass&format=csv")
    assert answer.text.splitlines()[1].startswith("2026-01-01,site,")
    refused = api.call("authority", "GET", "/authority/figures/participation?from=2026-12-01&to=2026-11-01")
    assert_problem(refused, 422, "period_reversed")
