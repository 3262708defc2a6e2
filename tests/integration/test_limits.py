"""Tries are scarce, and so are citizens of one address: many at once get no more than one after the other."""

import datetime
from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

import rewards.limits
from rewards.limits import Limit, Trier, give_back_tries, prune_limits, take_tries
from rewards.sign_ins import begin_sign_up, open_session, prune_sign_ins
from tests.databases import Database, DatabasePool
from tests.factories import build_town
from tests.ingest_scene import KEYRING
from tests.races import race

NOON = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
THREADS = 8
LIMIT = Limit("test", 3, datetime.timedelta(minutes=10))
OTHER = Limit("other", 100, datetime.timedelta(minutes=10))


@pytest.fixture
def database(databases: DatabasePool) -> Iterator[Database]:
    with databases.lend() as database:
        with database.engine().begin() as connection:
            build_town(connection, KEYRING)
        yield database


def take(connection: Connection, subject: str) -> None:
    triers = [Trier(LIMIT, subject), Trier(OTHER, "all")]
    take_tries(connection, KEYRING, triers, authority_id=7, now=NOON)


def count_tries(database: Database) -> list[int]:
    with database.engine().connect() as connection:
        return list(connection.scalars(text("SELECT tries FROM limited_tries ORDER BY most")))


def test_many_at_once_have_no_more_tries_than_one(database: Database) -> None:
    done = race(database.engine("bontri_api"), lambda connection, _: take(connection, "ada"), THREADS)
    assert done == {"done": LIMIT.most, "too_many_tries": THREADS - LIMIT.most}
    # Who was refused took nothing of what all share.
    assert count_tries(database) == [LIMIT.most, LIMIT.most]
    with database.engine("bontri_api").begin() as connection:
        give_back_tries(connection, KEYRING, [Trier(LIMIT, "ada")], authority_id=7)
        take(connection, "ada")
    with database.engine("bontri_operator").begin() as connection:
        assert prune_limits(connection, authority_id=7, now=NOON + LIMIT.window) == 2


def test_control_without_the_guard_all_of_them_get_through(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    unguarded = str(rewards.limits.TAKE).partition("     WHERE t.window_ends_at")[0]
    monkeypatch.setattr(rewards.limits, "TAKE", text(unguarded))
    with database.engine().begin() as connection:
        connection.execute(text("ALTER TABLE limited_tries DROP CONSTRAINT ck_limited_tries_tries_range"))
    done = race(database.engine("bontri_api"), lambda connection, _: take(connection, "ada"), THREADS)
    assert done == {"done": THREADS}


def sign_up_at_once(database: Database) -> int:
    """Enter four codes of one stranger at once; return how many citizens there are then."""
    with database.engine("bontri_api").begin() as connection:
        asked = [
            begin_sign_up(connection, KEYRING, authority_id=7, email="grace@example.org", now=NOON) for _ in range(4)
        ]
    tokens: list[UUID] = []

    def enter(connection: Connection, number: int) -> None:
        mine = asked[number]
        session = open_session(
            connection, KEYRING, authority_id=7, sign_in_id=mine.sign_in_id, code=mine.code, now=NOON
        )
        assert session is not None
        tokens.append(session.session_id)

    assert race(database.engine("bontri_api"), enter, len(asked)) == {"done": len(asked)}
    with database.engine().connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM citizens")).scalar_one())


def test_codes_of_one_stranger_entered_at_once_make_one_citizen(database: Database) -> None:
    assert sign_up_at_once(database) == 1
    with database.engine("bontri_operator").begin() as connection:
        assert prune_sign_ins(connection, authority_id=7, now=NOON + datetime.timedelta(minutes=10)) == 4


def test_control_without_the_unique_address_they_make_one_each(database: Database) -> None:
    with database.engine().begin() as connection:
        connection.execute(text("ALTER TABLE contacts DROP CONSTRAINT uq_contacts_authority_id_email_digest"))
    assert sign_up_at_once(database) == 4
