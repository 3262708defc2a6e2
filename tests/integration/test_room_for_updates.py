"""Rows that every batch updates stay on their page, so that tables do not swell and indexes are left alone."""

import datetime

from sqlalchemy import text

from benchmarks.town import BenchTown
from ingest.messages import Message
from ingest.pipeline import Pipeline
from rewards.keyring import Keyring
from tests.databases import Database
from tests.ingest_scene import scalar, wait_until

BINS, BATCHES = 300, 12
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
    # A server process tells what it counted at the latest when it ends.
    database.close()
    for table in MOST_UPDATED:
        wait_until(lambda table=table: scalar(database, UPDATES, table=table) >= BINS * (BATCHES - 1))
    return {table: float(scalar(database, IN_PLACE, table=table)) for table in MOST_UPDATED}


def test_rows_every_batch_updates_stay_on_their_page(
    database: Database, keyring: Keyring, now: datetime.datetime
) -> None:
    assert min(measure_shares_in_place(database, keyring, now).values()) > 0.9


def test_control_on_full_pages_they_do_not(database: Database, keyring: Keyring, now: datetime.datetime) -> None:
    with database.engine().begin() as connection:
        for table in MOST_UPDATED:
            connection.execute(text(f"ALTER TABLE {table} RESET (fillfactor)"))
    assert max(measure_shares_in_place(database, keyring, now).values()) < 0.9
