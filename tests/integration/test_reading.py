"""A pooled connection is in the mode its borrower wants; a control that puts none right keeps what was rolled back."""

import uuid

import pytest
from sqlalchemy import Engine, text

from rewards.reading import reading
from tests.databases import Database

ADD = text("INSERT INTO notes (id) VALUES (:id)")
COUNT = text("SELECT count(*) FROM notes")


@pytest.fixture
def engine(database: Database) -> Engine:
    """One of the API whose only connection was last borrowed by a reader."""
    with database.engine().begin() as owner:
        owner.execute(text("CREATE TABLE notes (id uuid)"))
        owner.execute(text("GRANT SELECT, INSERT ON notes TO bontri_api"))
    engine = database.engine("bontri_api", of=None)
    with reading(), engine.connect() as connection:
        connection.execute(COUNT)
    assert engine.pool.checkedin() == 1  # type: ignore[attr-defined]
    return engine


def roll_back_a_note(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(ADD, {"id": uuid.uuid4()})
        connection.rollback()


def test_what_a_reader_writes_is_there_at_once(database: Database, engine: Engine) -> None:
    with reading(), engine.connect() as connection:
        connection.execute(ADD, {"id": uuid.uuid4()})
        with database.engine().connect() as owner:
            assert owner.scalar(COUNT) == 1


def test_who_borrows_the_connection_of_a_reader_can_roll_back(database: Database, engine: Engine) -> None:
    roll_back_a_note(engine)
    with database.engine().connect() as owner:
        assert owner.scalar(COUNT) == 0


def test_what_a_reader_began_and_did_not_end_is_ended_for_the_next(database: Database, engine: Engine) -> None:
    with reading(), engine.connect() as connection:
        connection.execute(text("BEGIN"))
        connection.execute(ADD, {"id": uuid.uuid4()})
    with reading(), engine.connect() as connection:
        assert connection.scalar(COUNT) == 0
        connection.execute(ADD, {"id": uuid.uuid4()})
    with database.engine().connect() as owner:
        assert owner.scalar(COUNT) == 1


def test_control_a_connection_that_is_not_put_right_keeps_what_was_rolled_back(
    database: Database, engine: Engine
) -> None:
    # Whoever borrows it says that it only reads, so it is left as it was.
    with reading():
        roll_back_a_note(engine)
    with database.engine().connect() as owner:
        assert owner.scalar(COUNT) == 1
