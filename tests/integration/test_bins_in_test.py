"""A bin in state ``test`` is answered and counted apart; a free clock is corrected by what it was ahead."""

import datetime

import pytest
from sqlalchemy import text

from ingest.pipeline import Pipeline
from rewards.keyring import Keyring
from rewards.verify import verify
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town
from tests.ingest_scene import scalar
from tests.speaker import Speaker, deposit, read, tell

BADGE = "04A2B9C1"


@pytest.fixture
def town(database: Database, keyring: Keyring) -> Town:
    with database.engine().begin() as connection:
        town = build_town(connection, keyring)
        build_citizen(connection, town, badge=BADGE)
    return town


@pytest.fixture
def speaker(town: Town, keyring: Keyring) -> Speaker:
    return Speaker(keyring, town.slug, town.bin_ids[0])


def set_state(database: Database, bin_id: str, state: str) -> None:
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE bins SET state = :state WHERE bin_id = :id"), {"state": state, "id": bin_id})


def states_told(database: Database, speaker: Speaker, *seqs: int, now: datetime.datetime) -> list[str]:
    """Let a worker that has just started take one message; return what the receipt says of each event."""
    pipeline = Pipeline(database.engine("bontri_ingest"), speaker.keyring)
    message = speaker.events(now, *(deposit(seq, now, badge=BADGE, items=2) for seq in seqs))
    [receipt] = tell(pipeline, [message], now=now)
    return [result["state"] for result in read(receipt)["results"]]


def test_what_a_bin_in_test_reports_is_answered_and_earns_nothing(
    database: Database, speaker: Speaker, now: datetime.datetime
) -> None:
    set_state(database, speaker.bin_id, "test")
    assert states_told(database, speaker, 1, 2, now=now) == ["counted", "counted"]
    assert scalar(database, "SELECT count(*) FROM events WHERE type = 'test' AND items = 2") == 2
    assert scalar(database, "SELECT count(*) FROM daily_deposits") == 0
    assert scalar(database, "SELECT count(*) FROM transfers") == 0
    assert verify(database.engine("bontri_reader")).is_sound


def test_control_a_live_bin_earns(database: Database, speaker: Speaker, now: datetime.datetime) -> None:
    assert states_told(database, speaker, 1, now=now) == ["credited"]
    assert scalar(database, "SELECT sum(items) FROM daily_deposits") == 2


def test_what_was_reported_in_test_stays_a_test_when_it_is_said_again_live(
    database: Database, speaker: Speaker, now: datetime.datetime
) -> None:
    set_state(database, speaker.bin_id, "test")
    assert states_told(database, speaker, 1, now=now) == ["counted"]
    set_state(database, speaker.bin_id, "live")
    assert states_told(database, speaker, 1, 2, now=now) == ["counted", "credited"]
    assert scalar(database, "SELECT sum(points) FROM transfers") == 2
    counts = verify(database.engine("bontri_reader")).counts["plaine-commune"]
    assert (counts["events"], counts["test_events"]) == (1, 1)


@pytest.mark.parametrize(
    ("clock", "ahead_s", "expected_s", "is_estimated"),
    [
        ("free", None, -3600, False),
        ("free", 1200, -4800, True),
        ("free", -600, -3000, True),
        ("free", -7200, 0, True),  # would be in the future
        ("synced", 1200, -3600, False),  # says what it was before
        ("none", 1200, 0, True),
    ],
)
def test_an_event_of_a_free_clock_is_corrected_by_what_the_clock_was_ahead(
    database: Database,
    speaker: Speaker,
    now: datetime.datetime,
    *,
    clock: str,
    ahead_s: int | None,
    expected_s: int,
    is_estimated: bool,
) -> None:
    event = deposit(1, now - datetime.timedelta(hours=1))
    ahead = {} if ahead_s is None else {"ahead_ms": ahead_s * 1000}
    message = speaker.events(now, event, clock=clock, **ahead)
    Pipeline(database.engine("bontri_ingest"), speaker.keyring).process([message], now=now)
    with database.engine().connect() as connection:
        row = connection.execute(text("SELECT occurred_at, is_estimated FROM events")).one()
    assert (row.occurred_at - now).total_seconds() == expected_s
    assert row.is_estimated == is_estimated


def test_a_repeat_with_another_measurement_is_a_repeat(
    database: Database, speaker: Speaker, now: datetime.datetime
) -> None:
    pipeline = Pipeline(database.engine("bontri_ingest"), speaker.keyring)
    event = deposit(1, now - datetime.timedelta(hours=1))
    for ahead_ms in (1000, 5000):
        pipeline.process([speaker.events(now, event, clock="free", ahead_ms=ahead_ms)], now=now)
    assert scalar(database, "SELECT count(*) FROM events") == 1
    assert scalar(database, "SELECT count(*) FROM quarantined_events") == 0
