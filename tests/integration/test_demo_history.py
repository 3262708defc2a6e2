"""A simulated history goes through the accounting of the ingest; a demo gets one at its first start or never."""

import datetime
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from bontri.demo.folder import DemoFolder
from bontri.demo.history.households import SOURCE as HOUSEHOLDS_SOURCE
from bontri.demo.history.households import households_a_column
from bontri.demo.history.loading import LoadedHistory, load_history
from bontri.demo.history.market import MarketError, Visit, cancel_vouchers, redeem_vouchers
from bontri.demo.history.publishing import publish_closed_spans
from bontri.demo.history.reports import list_levels
from bontri.demo.history.rollout import plan_rollout
from bontri.demo.history.tonnages import SOURCE
from bontri.demo.seed import AUTHORITY_ID, SLUG, seed
from bontri.demo.services import HistoryWish, Town, prepare_town
from bontri.provisioning import fleet_file
from rewards.keyring import Keyring
from rewards.statistics.participation.counting import Span
from rewards.statistics.participation.served import list_served
from rewards.statistics.publications.listing import list_publications
from rewards.verify import verify
from simulators.fleet_file import read_fleet
from tests.databases import Database, DatabasePool
from tests.operator_commands import run

NOW = datetime.datetime(2026, 11, 22, 10, tzinfo=datetime.UTC)
LAST_DAY = datetime.date(2026, 11, 21)
DAYS, BINS = 40, 6

SUMS = text("""
    SELECT (SELECT json_agg(d) FROM (SELECT day, bin_id, deposits, credited_deposits, items, refused, points
                                       FROM daily_deposits WHERE authority_id = :authority_id ORDER BY day, bin_id) d),
           (SELECT json_agg(a) FROM (SELECT kind, sum(credits_posted), sum(debits_posted) FROM accounts
                                      WHERE authority_id = :authority_id GROUP BY kind ORDER BY kind) a)
""")


def load(engine: Engine, keyring: Keyring) -> LoadedHistory:
    rollout = plan_rollout(days=DAYS, last_day=LAST_DAY, seed=1, bins=BINS)
    with engine.begin() as connection:
        seed(connection, keyring, now=NOW, rollout=rollout)
        return load_history(connection, keyring, rollout, advance=lambda done, words="": None)


def sums_of(engine: Engine) -> Any:
    with engine.connect() as connection:
        return tuple(connection.execute(SUMS, {"authority_id": AUTHORITY_ID}).one())


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    return Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)


@pytest.fixture(scope="module")
def engine(databases: DatabasePool, keyring: Keyring) -> Iterator[Engine]:
    with databases.lend() as database:
        yield database.engine()


@pytest.fixture(scope="module")
def loaded(engine: Engine, keyring: Keyring) -> LoadedHistory:
    return load(engine, keyring)


def test_a_history_is_marked_as_simulated_and_every_invariant_holds(engine: Engine, loaded: LoadedHistory):
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT is_simulated FROM authorities").scalar_one()
    found = verify(engine, now=NOW)
    assert found.is_sound, [each for each in found.findings if each.violations]


def test_what_was_loaded_is_what_is_in_the_books(engine: Engine, loaded: LoadedHistory):
    days, _ = sums_of(engine)
    assert sum(each["deposits"] for each in days) == loaded.deposits > 1000
    assert sum(each["items"] for each in days) == loaded.items
    assert sum(each["points"] for each in days) == loaded.points
    assert (days[0]["day"], days[-1]["day"]) == ("2026-10-13", "2026-11-21")
    with engine.connect() as connection:
        emptyings = connection.exec_driver_sql("SELECT count(*) FROM events WHERE type = 'emptying'").scalar_one()
    assert emptyings == loaded.emptyings > 0


def test_the_same_seed_gives_the_same(engine: Engine, loaded: LoadedHistory, databases: DatabasePool, keyring: Keyring):
    with databases.lend() as other:
        assert load(other.engine(), keyring) == loaded
        assert sums_of(other.engine()) == sums_of(engine)


def test_the_tariff_the_campaign_and_the_welcome_leave_their_traces(engine: Engine, loaded: LoadedHistory):
    with engine.connect() as connection:
        lines = connection.exec_driver_sql("SELECT count(DISTINCT tariff_line_id) FROM transfers").scalar_one()
        extra = connection.exec_driver_sql("SELECT used_points FROM campaigns").scalar_one()
        welcomes = connection.exec_driver_sql("SELECT count(*) FROM transfers WHERE reason = 'welcome'").scalar_one()
        late = "SELECT count(*) FROM events WHERE received_at - occurred_at > interval '1 day'"
        assert connection.exec_driver_sql(late).scalar_one() > 0
    assert lines == 2
    assert extra > 0
    assert welcomes > 0


VOUCHERS = text("""
    SELECT json_object_agg(status, vouchers) FROM (SELECT status, count(*) AS vouchers FROM vouchers GROUP BY status) v
""")
REDEEMED = text("""
    SELECT v.voucher_id, w.wallet_id, v.shop_id
      FROM vouchers v
      JOIN transfers t ON t.authority_id = v.authority_id AND t.voucher_id = v.voucher_id
      JOIN wallet_accounts w ON w.authority_id = t.authority_id AND w.account_id = t.debit_account_id
     WHERE v.authority_id = :authority_id AND v.status = 'redeemed' LIMIT 1
""")


def test_vouchers_are_bought_redeemed_and_cancelled_and_points_given(engine: Engine, loaded: LoadedHistory):
    spent = loaded.spent
    with engine.connect() as connection:
        by_status = connection.execute(VOUCHERS).scalar_one()
        donated = connection.exec_driver_sql("SELECT count(*) FROM donations").scalar_one()
    assert by_status["redeemed"] == spent.redeemed > 0
    assert by_status.get("cancelled", 0) == spent.cancelled
    assert sum(by_status.values()) == spent.issued > spent.redeemed
    assert donated == spent.donations > 0


def test_a_voucher_that_was_redeemed_can_neither_be_redeemed_nor_cancelled(
    engine: Engine, loaded: LoadedHistory, keyring: Keyring
):
    before = sums_of(engine)
    with engine.connect() as connection:
        voucher_id, wallet_id, shop_id = connection.execute(REDEEMED, {"authority_id": AUTHORITY_ID}).one()
        visits = [Visit(NOW, voucher_id, wallet_id, shop_id)]
        with pytest.raises(MarketError, match="1 of 1 vouchers"):
            redeem_vouchers(connection, keyring, visits, NOW)
        with pytest.raises(MarketError, match="1 of 1 vouchers"):
            cancel_vouchers(connection, visits, NOW)
        connection.commit()
    assert sums_of(engine) == before


def test_the_households_that_bins_serve_are_said_by_commune(engine: Engine, loaded: LoadedHistory):
    with engine.connect() as connection:
        served = list_served(connection, authority_id=AUTHORITY_ID)
    assert {each.year for each in served} == {2026}
    assert sum(each.households for each in served) == pytest.approx(BINS * households_a_column(), abs=len(served))
    assert {each.source for each in served} == {HOUSEHOLDS_SOURCE}


def test_its_closed_months_are_published_with_what_few_did_withheld(engine: Engine, loaded: LoadedHistory):
    then = datetime.datetime(2027, 1, 10, 10, tzinfo=datetime.UTC)
    assert publish_closed_spans(engine, loaded, now=NOW) == []
    assert publish_closed_spans(engine, loaded, now=then) == [Span("month", datetime.date(2026, 11, 1))]
    with engine.connect() as connection:
        (publication,) = list_publications(connection, authority_id=AUTHORITY_ID, limit=10)
    assert 0 < publication.withheld < publication.cells


def test_lorries_and_reports_of_bins_are_recorded_too(engine: Engine, loaded: LoadedHistory):
    with engine.connect() as connection:
        ask = connection.exec_driver_sql
        sources = ask("SELECT DISTINCT source FROM tonnages").scalars().all()
        months = ask("SELECT level, stream, count(DISTINCT first_day) FROM tonnages GROUP BY 1, 2 ORDER BY 1, 2").all()
        heard = ask("SELECT bin_id, count(*) FROM bin_days GROUP BY bin_id").all()
        whole_days = ask("SELECT count(*) FROM bin_days WHERE bit_count(heard_hours::bit(25)) >= 23").scalar_one()
    assert sources == [SOURCE]
    assert months == [("commune", "glass", 2), ("commune", "residual", 2), ("site", "glass", 2)]
    assert len(heard) == BINS
    # Now and then a bin is not heard for some hours.
    assert 0.9 * sum(days for _, days in heard) < whole_days <= sum(days for _, days in heard)


def test_what_bins_said_last_is_handed_to_their_stand_ins(engine: Engine, loaded: LoadedHistory, keyring: Keyring):
    with engine.connect() as connection:
        levels = list_levels(connection)
        newest = "SELECT bin_id, (status->>'fill_pct')::int FROM bin_reports WHERE status IS NOT NULL"
        assert levels == dict(connection.exec_driver_sql(newest).all())
    assert len(levels) == BINS
    assert any(levels.values())
    entries = fleet_file(
        [*levels, "PLC-99999"], authority=SLUG, mqtt_url="mqtt://127.0.0.1", keyring=keyring, levels=levels
    )
    handed = {each.identity.bin: each.fill_pct for each in read_fleet(entries).bins}
    assert handed == {**levels, "PLC-99999": 0}


def start(database: Database, keyring: Keyring, folder: DemoFolder, days: int) -> Town:
    """Make ready what a start of the demo makes ready before its services."""
    wish = HistoryWish(days, 1, lambda done, words="": None) if days else None
    with ExitStack() as stack:
        return prepare_town(stack, database.url, keyring, folder, wish)


def test_a_second_start_goes_on_with_the_history_of_the_first(database: Database, keyring: Keyring, tmp_path: Path):
    folder = DemoFolder(tmp_path / "demo")
    first = start(database, keyring, folder, 10)
    assert first.loaded is not None
    before = sums_of(database.engine())
    second = start(database, keyring, folder, 10)
    assert (second.loaded, second.has_history) == (None, True)
    assert sums_of(database.engine()) == before

    month = run(database, "simulate-month", BONTRI_DATA_DIR=str(folder.path))
    assert (month.exit_code, "has a simulated history already" in month.output) == (1, True)
    assert sums_of(database.engine()) == before


def test_a_demo_begun_without_a_history_gets_none_later(database: Database, keyring: Keyring, tmp_path: Path):
    folder = DemoFolder(tmp_path / "demo")
    assert not start(database, keyring, folder, 0).has_history
    later = start(database, keyring, folder, 10)
    assert (later.loaded, later.has_history) == (None, False)


def test_a_history_that_breaks_off_leaves_no_demo_behind(database: Database, keyring: Keyring, tmp_path: Path):
    def break_off(done: float, words: str = "") -> None:
        raise KeyboardInterrupt

    folder = DemoFolder(tmp_path / "demo")
    with ExitStack() as stack, pytest.raises(KeyboardInterrupt):
        prepare_town(stack, database.url, keyring, folder, HistoryWish(10, 1, break_off))
    with database.engine().connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM authorities").scalar_one() == 0
    assert start(database, keyring, folder, 0).keys.tills
