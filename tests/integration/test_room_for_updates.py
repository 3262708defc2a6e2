"""Rows that every batch updates stay on their page, so that tables do not swell and indexes are left alone."""

import datetime

from sqlalchemy import make_url, text

from benchmarks.market import LotTerms, build_market, load_wallets
from benchmarks.town import AUTHORITY_ID, BenchTown
from bontri.jobs.expiring import expire_points_of
from ingest.messages import Message
from ingest.pipeline import Pipeline
from rewards.keyring import Keyring
from tests.databases import Database
from tests.ingest_scene import scalar, wait_until

BINS, BATCHES, LOTS = 300, 12, 3000
MOST_UPDATED = ("bin_journals", "daily_deposits")
UPDATES = "SELECT coalesce(sum(n_tup_upd), 0) FROM pg_stat_user_tables WHERE relname = :table"
IN_PLACE = "SELECT sum(n_tup_hot_upd) * 1.0 / sum(n_tup_upd) FROM pg_stat_user_tables WHERE relname = :table"


def measure_shares_in_place(database: Database, keyring: Keyring, now: datetime.datetime) -> dict[str, float]:
    """Return the share of updates that stayed on their page, after batches in which every bin reports.

    Somebody always reads: what a batch replaced is still seen while the next is written, as beside other writers.
    """
    town = BenchTown(keyring, bins=BINS, citizens=10, seed=1)
    with database.engine().begin() as connection:
        town.build(connection, now=now)
    pipeline = Pipeline(database.engine("bontri_ingest"), keyring)
    readers = [database.engine("bontri_reader").connect() for _ in range(2)]
    for number in range(BATCHES):
        reader = readers[number % 2]
        reader.rollback()
        reader.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        reader.execute(text("SELECT 1 FROM bins"))
        batch = [Message(each.topic, each.payload, now) for each in town.messages(BINS, now=now)]
        assert pipeline.process(batch, now=now).events == BINS
    for reader in readers:
        reader.close()
    least = dict.fromkeys(MOST_UPDATED, BINS * (BATCHES - 1))
    return read_shares_in_place(database, least)


def measure_expiry_in_place(database: Database, keyring: Keyring, now: datetime.datetime) -> float:
    """Return the share of updates of accounts that stayed on their page, after lots of one day have all expired."""
    with database.engine().begin() as connection:
        build_market(connection, keyring, now=now)
    conninfo = make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)
    load_wallets(conninfo, [LotTerms(now.date(), points=10)], wallets=LOTS, now=now)
    before = scalar(database, UPDATES, table="accounts")
    assert expire_points_of(database.engine("bontri_api", of=AUTHORITY_ID), AUTHORITY_ID)["lots"] == LOTS
    return read_shares_in_place(database, {"accounts": before + LOTS})["accounts"]


def read_shares_in_place(database: Database, least: dict[str, int]) -> dict[str, float]:
    """Return the shares by table, once as many updates are counted as there were at least."""
    # A server process tells what it counted at the latest when it ends.
    database.close()
    for table, updates in least.items():
        wait_until(lambda table=table, updates=updates: scalar(database, UPDATES, table=table) >= updates)
    return {table: float(scalar(database, IN_PLACE, table=table)) for table in least}


def test_rows_every_batch_updates_stay_on_their_page(
    database: Database, keyring: Keyring, now: datetime.datetime
) -> None:
    assert min(measure_shares_in_place(database, keyring, now).values()) > 0.9


def test_control_on_full_pages_they_do_not(database: Database, keyring: Keyring, now: datetime.datetime) -> None:
    with database.engine().begin() as connection:
        for table in MOST_UPDATED:
            connection.execute(text(f"ALTER TABLE {table} RESET (fillfactor)"))
    assert max(measure_shares_in_place(database, keyring, now).values()) < 0.9


def test_lots_that_expire_together_stay_on_their_page(
    database: Database, keyring: Keyring, now: datetime.datetime
) -> None:
    assert measure_expiry_in_place(database, keyring, now) > 0.9


def test_control_lots_on_pages_filled_as_before_do_not(
    database: Database, keyring: Keyring, now: datetime.datetime
) -> None:
    with database.engine().begin() as connection:
        connection.execute(text("ALTER TABLE accounts SET (fillfactor = 70)"))
    assert measure_expiry_in_place(database, keyring, now) < 0.9
