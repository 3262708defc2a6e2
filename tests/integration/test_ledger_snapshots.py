"""The ledger balances in every snapshot taken while it is written to; a control that looks twice sees it torn."""

import datetime
import random
import threading
import time
from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from rewards.errors import RewardsError
from rewards.ids import new_id
from rewards.ledger import Transfer, end_pending_transfers, record_transfers
from rewards.verify import verify
from tests.databases import Database
from tests.factories import build_town

AUTHORITY_ID = 7
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ACCOUNTS, WRITERS = 12, 3
SNAPSHOTS, MOVES = 150, 60
"""At least so many looks, and at least so many transfers while they are taken, however slow the machine is."""

ONE_LOOK = text("""
    SELECT sum(debits_posted) = sum(credits_posted) AND sum(debits_pending) = sum(credits_pending)
           AND sum(credits_posted) = (SELECT sum(points) FROM transfers WHERE phase IN ('single', 'post'))
           AND min(credits_posted - debits_posted - debits_pending) FILTER (WHERE kind = 'shop') >= 0
      FROM accounts
""")
DEBITS = text("SELECT sum(debits_posted) FROM accounts")
CREDITS = text("SELECT sum(credits_posted) FROM accounts")


def write(database: Database, accounts: list[UUID], moves: list[UUID], stop: threading.Event, *, seed: int) -> None:
    """Move points about at random, some at once, some held first; refusals are part of it. ``moves`` gets each."""
    chance = random.Random(seed)
    engine = database.engine("bontri_api")
    while not stop.is_set():
        debit, credit = chance.sample(accounts, 2)
        points = chance.randint(1, 30)
        phase = chance.choice(["single", "pending"])
        transfer = Transfer(debit, credit, points, phase, transfer_id=new_id(), reason="adjustment")  # type: ignore[arg-type]
        try:
            with engine.begin() as connection:
                record_transfers(connection, [transfer], authority_id=AUTHORITY_ID, now=START)
            moves.append(transfer.transfer_id)
            if phase == "pending":
                with engine.begin() as connection:
                    ending = chance.choice(["post", "void"])
                    end_pending_transfers(
                        connection,
                        [transfer],
                        authority_id=AUTHORITY_ID,
                        phase=ending,  # type: ignore[arg-type]
                        now=START,
                    )
        except RewardsError:
            continue


@pytest.fixture
def accounts(database: Database, keyring) -> list[UUID]:
    ids = [new_id() for _ in range(ACCOUNTS)]
    with database.engine().begin() as connection:
        build_town(connection, keyring, authority_id=AUTHORITY_ID)
        connection.execute(
            text("INSERT INTO accounts (authority_id, account_id, kind, created_at) VALUES (7, :id, :kind, :now)"),
            [{"id": id_, "kind": "shop" if number else "issuing", "now": START} for number, id_ in enumerate(ids)],
        )
    return ids


def look_under_load(database: Database, accounts: list[UUID], look: Callable[[Connection], bool]) -> list[bool]:
    """Look again and again while writers are at work, until they have done something."""
    stop = threading.Event()
    moves: list[UUID] = []
    looks: list[bool] = []
    writers = [
        threading.Thread(target=write, args=(database, accounts, moves, stop), kwargs={"seed": seed})
        for seed in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    try:
        with database.engine("bontri_reader").connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            while len(looks) < SNAPSHOTS or len(moves) < MOVES:
                looks.append(look(connection))
            return looks
    finally:
        stop.set()
        for writer in writers:
            writer.join(30)
            assert not writer.is_alive()


def test_every_snapshot_under_load_balances(database, accounts):
    def look(connection: Connection) -> bool:
        return connection.execute(ONE_LOOK).scalar_one() is not False

    assert all(look_under_load(database, accounts, look))
    assert verify(database.engine("bontri_reader")).is_sound


def test_control_two_looks_see_the_ledger_torn(database, accounts):
    """Without one snapshot the sums differ, though nothing is wrong: so the look above can fail."""

    def look(connection: Connection) -> bool:
        debits = connection.scalar(DEBITS)
        time.sleep(0.002)
        return bool(debits == connection.scalar(CREDITS))

    assert not all(look_under_load(database, accounts, look))
