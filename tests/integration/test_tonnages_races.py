"""Several import tonnages of overlapping days at once: one is stored, the others are refused in words."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from rewards.database import open_engine
from rewards.statistics.imports import ImportRow
from rewards.statistics.tonnages import importing
from rewards.statistics.tonnages.importing import store_tonnages
from tests.databases import Database
from tests.factories import build_town
from tests.races import race

THREADS = 4


@pytest.fixture
def engine(database: Database, keyring):
    with database.engine().begin() as connection:
        build_town(connection, keyring)
    engine = open_engine(database.url, role="bontri_operator", pool_size=THREADS, authority_id=7)
    yield engine
    engine.dispose()


@pytest.fixture
def store(now):
    def store(connection: Connection, number: int) -> None:
        """Store May from another day on than the others do, and a June of one's own."""
        days = (date(2026, 5, 1 + number), date(2026, 5, 31)), (date(2026, 6, 1 + number), date(2026, 6, 1 + number))
        rows = [ImportRow(2, "", ("authority", "", "glass", *each), {"mass_g": number}) for each in days]
        store_tonnages(connection, rows, authority_id=7, source="scales", now=now)

    return store


def stored(database: Database) -> list[int]:
    with database.engine().connect() as connection:
        return list(connection.scalars(text("SELECT mass_g FROM tonnages")))


def test_one_of_several_overlapping_imports_is_stored_whole_and_the_others_are_refused(database, engine, store):
    assert race(engine, store, THREADS) == {"done": 1, "tonnages_overlap": THREADS - 1}
    assert len(stored(database)) == 2
    assert len(set(stored(database))) == 1


def test_control_without_the_refusal_the_second_ends_with_the_words_of_the_database(engine, store, monkeypatch):
    monkeypatch.setattr(importing, "ONE_A_DAY", "another")
    with pytest.raises(DBAPIError, match="ex_tonnages_one_a_day"):
        race(engine, store, 2)


def test_an_import_waits_for_one_that_is_not_committed(database, engine, store):
    """The same days again are no overlap: the later one replaces, having waited."""
    is_storing = threading.Event()

    def repeat() -> None:
        with engine.begin() as connection:
            is_storing.set()
            store(connection, 0)

    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as connection:
            store(connection, 0)
            repeated = pool.submit(repeat)
            assert is_storing.wait(30)
            assert not repeated.done()
        repeated.result(30)
    assert stored(database) == [0, 0]
