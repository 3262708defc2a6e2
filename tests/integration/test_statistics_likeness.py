"""A change is told only where like is like: the same bins, all the time, reporting; and by day."""

import datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from rewards.fleet.placing import move_bin
from rewards.statistics.figures import Question, get_figures, period_of
from rewards.statistics.figures.comparing import Unlike, compare_with_year_before, key_of
from rewards.statistics.silences import GAP_DAYS
from tests.factories import build_town

LATER = datetime.datetime(2029, 3, 15, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
DROP = text("""
    INSERT INTO daily_deposits (authority_id, day, bin_id, site_id, material, deposits, credited_deposits, items,
                                mass_g, refused, points, unweighed_items)
    SELECT 7, CAST(days.day AS date), 'BIN-0007-A', site_id, 'glass', 1, 0, 20, 0, 0, 0, 20
      FROM sites, generate_series(CAST(:first AS date), CAST(:last AS date), interval '1 day') AS days (day)
     WHERE reference = 'A'
""")
HEAR = text("""
    INSERT INTO bin_days (authority_id, day, bin_id, heard_hours, told_hours, full_hours)
    SELECT 7, CAST(days.day AS date), 'BIN-0007-A', 1, 0, 0
      FROM generate_series(CAST(:first AS date), CAST(:last AS date), :days * interval '1 day') AS days (day)
""")


@pytest.fixture
def connection(database):
    with database.engine().connect() as connection:
        yield connection


@pytest.fixture
def town(connection, keyring):
    """One bin; 20 items a day, when dropped."""
    town = build_town(connection, keyring)
    connection.execute(text("DELETE FROM placements WHERE bin_id LIKE '%B'"))
    return town


def place(connection, placed_at, removed_at=None):
    facts = {"placed_at": placed_at, "removed_at": removed_at}
    connection.execute(text("UPDATE placements SET placed_at = :placed_at, removed_at = :removed_at"), facts)


def drop(connection, first, last):
    connection.execute(DROP, {"first": first, "last": last})


def hear(connection, first, last, days=1):
    """Let the bin report every so many days."""
    connection.execute(HEAR, {"first": first, "last": last, "days": days})


def ask(connection, town, first, last, by="month", **asked):
    """Return cells with their comparisons."""
    period = period_of(by, datetime.date.fromisoformat(first), datetime.date.fromisoformat(last))
    of_tenant = {"authority_id": town.authority_id, "timezone": town.timezone, "now": LATER}
    figures = get_figures(connection, Question(period, by, **asked), **of_tenant)
    compared = compare_with_year_before(connection, figures, **of_tenant) if by in ("month", "year", "whole") else {}
    return [(cell, compared.get(key_of(cell))) for cell in figures.cells]


@pytest.mark.parametrize(("by", "first", "last"), [("month", "11-01", "11-30"), ("year", "01-01", "12-31")])
def test_place_equipped_in_between_is_compared_with_nothing(connection, town, by, first, last):
    place(connection, "2026-11-20T00:00+01")
    drop(connection, "2026-11-20", "2027-12-31")
    [(before, _)] = ask(connection, town, f"2026-{first}", f"2026-{last}", by)
    [(cell, compared)] = ask(connection, town, f"2027-{first}", f"2027-{last}", by)
    assert (before.is_complete, before.coverage.bins_missing, before.coverage.bins_in_between) == (False, 0, 1)
    assert (cell.is_complete, compared.change_pct, compared.reason) == (True, None, Unlike.EQUIPPED_IN_BETWEEN)
    pace = Decimal("0.022")
    assert before.figures["kg_per_inhabitant_year"] == cell.figures["kg_per_inhabitant_year"] == pace


def test_bin_removed_in_between_shows_no_fall(connection, town):
    place(connection, "2026-01-01T00:00+01", "2027-11-10T00:00+01")
    drop(connection, "2026-01-01", "2027-11-09")
    [(cell, compared)] = ask(connection, town, "2027-11-01", "2027-11-30")
    assert (cell.is_complete, compared.reason) == (False, Unlike.EQUIPPED_IN_BETWEEN)
    assert cell.figures["kg_per_inhabitant_year"] == Decimal("0.022")


@pytest.mark.parametrize("hour", ["2027-10-15T10:00", "2027-11-01T10:00", "2027-10-31T10:00"])
def test_bin_that_was_moved_stood_in_the_authority_all_the_time(connection, town, hour):
    hear(connection, "2026-10-01", "2027-12-31")
    drop(connection, "2026-10-01", "2026-10-31")
    at = datetime.datetime.fromisoformat(f"{hour}+01:00")
    move_bin(connection, town.bin_ids[0], to="B", authority_id=town.authority_id, at=at)
    [(october, compared)] = ask(connection, town, "2027-10-01", "2027-10-31")
    assert (october.coverage.bins, october.is_complete) == (1, True)
    assert compared.reason in (None, Unlike.OTHER_BINS)
    if hour < "2027-10-31":
        cells = ask(connection, town, "2027-10-01", "2027-10-31", level="site")
        assert [cell.coverage.bins_in_between for cell, _ in cells] == [1, 1]
        assert compared.reason == Unlike.OTHER_BINS


@pytest.mark.parametrize("silent", [GAP_DAYS - 1, GAP_DAYS])
@pytest.mark.parametrize("begins", range(3, 3 + GAP_DAYS))
def test_seven_days_of_silence_make_a_month_not_complete_and_six_do_not(connection, town, begins, silent):
    last = datetime.date(2027, 11, begins) - DAY
    drop(connection, "2026-11-01", last)
    drop(connection, last + (silent + 1) * DAY, "2027-11-30")
    [(cell, compared)] = ask(connection, town, "2027-11-01", "2027-11-30")
    is_silent = silent >= GAP_DAYS
    assert (cell.coverage.bins_reporting, cell.coverage.bins_missing) == (1, int(is_silent))
    assert compared.reason == (Unlike.NOT_COMPLETE if is_silent else None)


def test_one_sign_of_life_is_no_month_and_a_silence_is_in_both_months_it_touches(connection, town):
    drop(connection, "2026-11-01", "2026-11-30")
    drop(connection, "2027-10-01", "2027-11-01")
    drop(connection, "2027-12-04", "2027-12-31")
    cells = ask(connection, town, "2027-10-01", "2027-12-31")
    assert [cell.is_complete for cell, _ in cells] == [True, False, False]
    assert cells[1][1].reason == Unlike.NOT_COMPLETE
    hear(connection, "2027-11-02", "2027-12-04", days=GAP_DAYS)
    cells = ask(connection, town, "2027-10-01", "2027-12-31")
    assert all(cell.is_complete for cell, _ in cells), "a bin that reports, and nobody came"
    assert cells[1][1].change_pct == Decimal("-96.7"), "that is a fall"


def test_leap_february_is_compared_by_day(connection, town):
    drop(connection, "2026-01-01", "2028-12-31")
    [(cell, compared)] = ask(connection, town, "2028-02-01", "2028-02-29")
    assert (cell.figures["items"], compared.change_pct, compared.reason) == (580, Decimal("0.0"), None)


def test_whole_calendar_year_is_not_scaled_leap_or_not(connection, town):
    connection.execute(text("UPDATE populations SET population = 100"))
    drop(connection, "2027-01-01", "2028-12-31")
    years = ask(connection, town, "2027-01-01", "2028-12-31", "year")
    assert [cell.figures["kg_per_inhabitant_year"] for cell, _ in years] == [
        (cell.figures["kg_total"] / 100).quantize(Decimal("0.001")) for cell, _ in years
    ]
    assert [cell.figures["kg_total"] for cell, _ in years] == [365 * 6, 366 * 6]


def test_commune_counts_for_the_days_on_which_it_had_a_bin(connection, town):
    connection.execute(text("UPDATE populations SET population = 100"))
    place(connection, "2026-01-01T00:00+01")
    connection.execute(
        text("""
            INSERT INTO placements (authority_id, placement_id, bin_id, site_id, placed_at)
            SELECT 7, gen_random_uuid(), 'BIN-0007-B', site_id, '2027-12-22T00:00+01' FROM sites WHERE reference = 'B'
        """)
    )
    drop(connection, "2027-01-01", "2027-12-31")
    [(cell, _)] = ask(connection, town, "2027-01-01", "2027-12-31", "year")
    assert cell.coverage.days_served == {"93066": 365, "93001": 10}
    expected = cell.figures["kg_total"] * 365 / (100 * 365 + 100 * 10)
    assert cell.figures["kg_per_inhabitant_year"] == expected.quantize(Decimal("0.001"))
