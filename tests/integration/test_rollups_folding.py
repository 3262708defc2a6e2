"""Days folded into months: read with the days since, they are the sum of all days, whatever comes late or at once."""

import datetime
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from rewards.pipelining import execute_pipelined
from rewards.rollups import DEPOSITS_OF_PERIOD, Folded, RollupSums, fold_days, plan_rollups
from rewards.rollups.adding import HOLD_FOLDS
from tests.databases import Database
from tests.factories import build_town
from tests.ingest_scene import scalar, wait_until

TODAY = datetime.date(2026, 11, 21)
DAY = datetime.timedelta(days=1)
SITE = "00000000-0000-0000-0000-000000000001"
TENANT = {"authority_id": 7}
SUM = text(f"SELECT coalesce(sum(items), 0) FROM {DEPOSITS_OF_PERIOD} d")
PLAIN = text("""
    SELECT coalesce(sum(items), 0) FROM daily_deposits
     WHERE authority_id = :authority_id AND day BETWEEN :first_day AND :last_day
""")
WAITERS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
def town(database: Database, keyring):
    with database.engine().begin() as connection:
        return build_town(connection, keyring)


def add(connection, day, *, items=1, today=TODAY, without=()):
    """Add deposits of a day as a batch does."""
    writes = plan_rollups({(day, "BIN-1", SITE, "glass"): RollupSums(1, 0, items)}, **TENANT, today=today)
    execute_pipelined(connection, [write for write in writes if write.statement not in without])
    return len(writes)


def fold(database, today=TODAY):
    with database.engine("bontri_operator").begin() as connection:
        return fold_days(connection, **TENANT, today=today)


def totals(database, first_day=datetime.date(2020, 1, 1), last_day=datetime.date(2026, 11, 30)):
    period = {**TENANT, "first_day": first_day, "last_day": last_day}
    with database.engine("bontri_reader").connect() as connection:
        return connection.scalar(SUM, period), connection.scalar(PLAIN, period)


def test_days_of_a_month_are_folded_at_once_and_the_newest_never(database: Database, town):
    with database.engine("bontri_ingest").begin() as connection:
        for ago in (0, 1, 2, 3, 4, 20, 30, 31):
            add(connection, TODAY - ago * DAY)
    assert fold(database) == Folded(datetime.date(2026, 10, 21), datetime.date(2026, 11, 1))
    assert fold(database) == Folded(datetime.date(2026, 11, 1), TODAY - 3 * DAY)
    assert fold(database) is None
    with database.engine().connect() as connection:
        months = connection.execute(text("SELECT month, items FROM monthly_deposits ORDER BY 1")).all()
    assert months == [(datetime.date(2026, 10, 1), 2), (datetime.date(2026, 11, 1), 2)]
    assert totals(database) == (8, 8)


def test_a_clock_that_is_years_ahead_folds_nothing_that_is_still_to_come(database: Database, town):
    with database.engine("bontri_ingest").begin() as connection:
        add(connection, TODAY)
        add(connection, TODAY - 9 * DAY)
    folded = fold(database, today=TODAY + 2000 * DAY)
    assert folded is not None
    assert folded.until == TODAY - 3 * DAY


def test_a_batch_without_late_deposits_asks_nothing_of_the_months(database: Database, town):
    with database.engine("bontri_ingest").begin() as connection:
        assert [add(connection, TODAY - ago * DAY) for ago in (0, 1)] == [1, 1]
        assert add(connection, TODAY - 2 * DAY) == 5


days = st.integers(0, 100).map(lambda ago: TODAY - ago * DAY)
ends = st.integers(-40, 100).map(lambda ago: TODAY - ago * DAY)
steps = st.lists(st.one_of(days, st.just("fold")), max_size=12)


@given(steps=steps, first=ends, last=ends)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
def test_whole_months_and_the_days_since_are_the_sum_of_all_days(database: Database, town, steps, first, last):
    with database.engine().begin() as connection:
        connection.execute(text("DELETE FROM daily_deposits"))
        connection.execute(text("DELETE FROM monthly_deposits"))
        connection.execute(text("DELETE FROM folded_days"))
    for step in steps:
        if step == "fold":
            fold(database)
        else:
            with database.engine("bontri_ingest").begin() as connection:
                add(connection, step)
    read, plain = totals(database, min(first, last), max(first, last))
    assert read == plain


def race(database: Database, *, without=()):
    """Fold while a late batch is under way; return what is read and what was recorded."""
    with database.engine("bontri_ingest").begin() as connection:
        add(connection, TODAY)
        add(connection, TODAY - 9 * DAY)
    late = database.engine("bontri_ingest").connect()
    with late.begin():
        add(late, TODAY - 9 * DAY, without=without)
        folding = threading.Thread(target=fold, args=(database,))
        folding.start()
        if not without:
            wait_until(lambda: scalar(database, WAITERS))
        else:
            folding.join()
    folding.join()
    late.close()
    return totals(database)


def test_a_fold_waits_for_late_batches_under_way(database: Database, town):
    assert race(database) == (3, 3)


def test_without_the_shared_lock_a_late_batch_is_missed(database: Database, town):
    """The control."""
    assert race(database, without=(HOLD_FOLDS,)) == (2, 3)


def test_late_batches_do_not_wait_for_each_other_nor_for_fresh_ones(database: Database, town):
    first, second = (database.engine("bontri_ingest").connect() for _ in range(2))
    with first.begin(), second.begin():
        for connection in (first, second):
            connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
            connection.execute(HOLD_FOLDS, TENANT)
        add(first, TODAY - 9 * DAY)
        add(second, TODAY)
    first.close()
    second.close()
    assert totals(database) == (2, 2)
