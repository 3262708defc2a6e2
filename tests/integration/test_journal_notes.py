"""What is noted of journals: never of another one's, never backwards, in the order they came, without deadlocks."""

import datetime
import threading

import pytest
from sqlalchemy import event, text

from ingest.messages import Message
from ingest.pipeline import Pipeline
from rewards.keyring import Keyring
from rewards.verify import verify
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town
from tests.ingest_scene import scalar
from tests.speaker import Speaker, deposit, read, tell

BADGE = "04A2B9C1"
LATER = datetime.timedelta(minutes=5)


@pytest.fixture
def town(database: Database, keyring: Keyring) -> Town:
    with database.engine().begin() as connection:
        town = build_town(connection, keyring)
        build_citizen(connection, town, badge=BADGE)
    return town


@pytest.fixture
def speakers(town: Town, keyring: Keyring) -> list[Speaker]:
    return [Speaker(keyring, town.slug, bin_id) for bin_id in town.bin_ids]


@pytest.fixture
def pipeline(database: Database, keyring: Keyring) -> Pipeline:
    return Pipeline(database.engine("bontri_ingest"), keyring)


def hello(speaker: Speaker, now: datetime.datetime, *, next_seq: int, oldest_held: int = 1) -> Message:
    return speaker.say("hello", now, next_seq=next_seq, oldest_held=oldest_held)


def test_a_remembered_number_that_stands_for_another_journal_now_settles_nothing_of_it(
    database: Database, pipeline: Pipeline, keyring: Keyring, speakers: list[Speaker], now: datetime.datetime
) -> None:
    """A replica that lacks the newest transactions was promoted; another worker was there first."""
    ours, theirs = speakers
    tell(pipeline, [ours.events(now, deposit(1, now, badge=BADGE))], now=now)
    with database.engine().begin() as connection:
        tables = "events, transfers, daily_deposits, wallet_accounts, bin_journals"
        connection.execute(text(f"TRUNCATE {tables}"))
        connection.execute(text("DELETE FROM accounts WHERE kind = 'lot'"))
        connection.execute(text("UPDATE accounts SET debits_posted = 0, credits_posted = 0"))
    another = Pipeline(database.engine("bontri_ingest"), keyring)
    tell(another, [theirs.events(now, deposit(1, now, badge=BADGE))], now=now)
    [receipt] = tell(pipeline, [ours.events(now, *(deposit(seq, now, badge=BADGE) for seq in (1, 2)))], now=now)
    assert (read(receipt)["upto"], receipt.topic.split("/")[3]) == (2, ours.bin_id)
    by_bin = "SELECT count(*) FROM events WHERE bin_id = :bin_id"
    assert [scalar(database, by_bin, bin_id=each.bin_id) for each in speakers] == [2, 1]
    mixed = (
        "SELECT count(*) FROM events e JOIN bin_journals j USING (authority_id, journal_no) WHERE e.bin_id <> j.bin_id"
    )
    assert scalar(database, mixed) == 0
    assert verify(database.engine("bontri_reader")).is_sound


def test_a_late_hello_takes_nothing_back(
    database: Database, pipeline: Pipeline, speakers: list[Speaker], now: datetime.datetime
) -> None:
    early = hello(speakers[0], now, next_seq=3)
    tell(pipeline, [hello(speakers[0], now, next_seq=9, oldest_held=2)], now=now)
    tell(pipeline, [early], now=now)
    assert scalar(database, "SELECT next_seq FROM bin_journals") == 9
    assert scalar(database, "SELECT oldest_held FROM bin_journals") == 2


def test_journals_are_numbered_in_the_order_they_came(
    database: Database, pipeline: Pipeline, keyring: Keyring, town: Town, now: datetime.datetime
) -> None:
    old = Speaker(keyring, town.slug, town.bin_ids[0], journal="f" * 32)
    new = Speaker(keyring, town.slug, town.bin_ids[0], journal="0" * 32)
    batch = [old.events(now, deposit(1, now)), new.events(now + LATER, deposit(1, now))]
    tell(pipeline, batch, now=now + LATER)
    assert scalar(database, "SELECT journal FROM bin_journals ORDER BY journal_no LIMIT 1") == old.journal


def test_each_journal_is_heard_at_its_own_time(
    database: Database, pipeline: Pipeline, speakers: list[Speaker], now: datetime.datetime
) -> None:
    late, early = speakers
    tell(pipeline, [late.events(now + LATER, deposit(1, now)), early.events(now, deposit(1, now))], now=now + LATER)
    heard = "SELECT last_received_at FROM bin_journals WHERE bin_id = :bin_id"
    assert scalar(database, heard, bin_id=early.bin_id) == now
    assert scalar(database, heard, bin_id=late.bin_id) == now + LATER


def test_a_newer_key_number_is_noted_once(
    database: Database, keyring: Keyring, town: Town, now: datetime.datetime
) -> None:
    with database.engine().begin() as connection:
        connection.execute(
            text(
                "INSERT INTO bin_keys (authority_id, bin_id, key_number, state, created_at)"
                " SELECT authority_id, bin_id, 2, 'valid', created_at FROM bins"
            )
        )
    engine = database.engine("bontri_ingest")
    pipeline, noted = Pipeline(engine, keyring), []
    event.listen(engine, "before_cursor_execute", lambda *args: noted.append(args[2]) if "FOR NO KEY" in args[2] else 0)
    speaker = Speaker(keyring, town.slug, town.bin_ids[0], key_number=2)
    for seq in range(1, 4):
        [receipt] = tell(pipeline, [speaker.events(now, deposit(seq, now))], now=now)
        assert receipt.payload.partition(b"\n")[2].startswith(b"2:")
    assert len(noted) == 1
    assert scalar(database, "SELECT max(newest_key_number) FROM bins") == 2


def test_hellos_and_events_of_two_bins_crosswise_meet_in_no_deadlock(
    database: Database, keyring: Keyring, speakers: list[Speaker], now: datetime.datetime
) -> None:
    faults: list[Exception] = []

    def report(greeting: Speaker, reporting: Speaker, first: int) -> None:
        pipeline = Pipeline(database.engine("bontri_ingest"), keyring)
        for seq in range(first, first + 60):
            batch = [hello(greeting, now, next_seq=1000), reporting.events(now, deposit(seq, now))]
            try:
                pipeline.process(batch, now=now)
            except Exception as fault:  # noqa: BLE001 (told by the main thread)
                faults.append(fault)

    tell(
        Pipeline(database.engine("bontri_ingest"), keyring),
        [hello(each, now, next_seq=1) for each in speakers],
        now=now,
    )
    threads = [
        threading.Thread(target=report, args=(*pair, first)) for pair, first in ((speakers, 1), (speakers[::-1], 1))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
