"""The days on which bins gave a sign, folded into months: with what comes late, and put right by a rebuild."""

import datetime

import pytest
from sqlalchemy import text

from bontri.progress import Teller
from bontri.rebuilding import check_sums, rebuild_sums
from rewards.bin_days import note_bin_days
from rewards.bin_reports import BinReport
from rewards.pipelining import execute_pipelined
from rewards.rollups import RollupSums, fold_days, list_differing_signs, plan_rollups
from tests.factories import build_town

TENANT = {"authority_id": 7}
NOW = datetime.datetime(2026, 11, 21, 9, tzinfo=datetime.UTC)
TODAY = NOW.date()
DAY = datetime.timedelta(days=1)
SITE = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def connection(database, keyring):
    with database.engine().connect() as connection:
        build_town(connection, keyring)
        yield connection


def drop(connection, *days):
    sums = {(day, "BIN-1", SITE, "glass"): RollupSums(1, 0, 1) for day in days}
    execute_pipelined(connection, plan_rollups(sums, **TENANT, today=TODAY))


def hear(connection, town_day, *, now=NOW):
    at = datetime.datetime.combine(town_day, datetime.time(9), datetime.UTC)
    report = BinReport("BIN-1", "status", (1, 1), at, {"fill_pct": 1})
    note_bin_days(connection, [report], **TENANT, timezone=datetime.UTC, now=now)


def fold(connection):
    while fold_days(connection, **TENANT, today=TODAY):
        pass


def months(connection):
    rows = connection.execute(text("SELECT month, heard_days, deposit_days FROM bin_months ORDER BY month"))
    return [(row.month.isoformat(), f"{row.heard_days:b}", f"{row.deposit_days:b}") for row in rows]


def test_days_heard_and_days_of_deposits_are_folded_apart_and_the_newest_never(connection):
    hear(connection, datetime.date(2026, 8, 31))
    hear(connection, datetime.date(2026, 10, 2))
    drop(connection, datetime.date(2026, 10, 1), datetime.date(2026, 10, 5), TODAY - DAY, TODAY)
    fold(connection)
    assert months(connection) == [("2026-08-01", f"1{'0' * 30}", "0"), ("2026-10-01", "10", "10001")]
    assert not list_differing_signs(connection, **TENANT)


def test_what_comes_late_is_added_to_its_month(connection):
    drop(connection, datetime.date(2026, 10, 1), TODAY)
    fold(connection)
    hear(connection, datetime.date(2026, 10, 3))
    drop(connection, datetime.date(2026, 10, 2))
    hear(connection, TODAY)
    assert months(connection) == [("2026-10-01", "100", "11")]
    assert not list_differing_signs(connection, **TENANT)


def test_a_late_report_that_nobody_sees_to_be_late_would_be_missing(connection):
    drop(connection, datetime.date(2026, 10, 1), TODAY)
    fold(connection)
    late = datetime.date(2026, 10, 3)
    hear(connection, late, now=datetime.datetime.combine(late, datetime.time(10), datetime.UTC))
    assert list_differing_signs(connection, **TENANT) == {datetime.date(2026, 10, 1): 1}


def test_a_rebuild_puts_signs_right(database, connection):
    drop(connection, datetime.date(2026, 10, 1), TODAY)
    hear(connection, datetime.date(2026, 9, 3))
    fold(connection)
    right = months(connection)
    connection.execute(text("DELETE FROM daily_deposits"))
    connection.execute(text("DELETE FROM monthly_deposits"))
    connection.execute(text("UPDATE bin_months SET heard_days = 3"))
    connection.execute(text("INSERT INTO bin_months VALUES (7, '2026-07-01', 'BIN-1', 1, 0)"))
    connection.commit()
    engine = database.engine("bontri_operator")
    assert check_sums(engine, **TENANT, tell=Teller()).differing == 3
    assert rebuild_sums(engine, **TENANT, tell=Teller()).mended == 3
    # Of October no deposit is left: those of this test were never events.
    assert months(connection) == [right[0]]
    assert check_sums(engine, **TENANT, tell=Teller()).differing == 0
