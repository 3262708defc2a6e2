"""Quarantine is kept 35 days: bytes and details go, and every number stays accounted for."""

import datetime

import pytest
from sqlalchemy.exc import IntegrityError

from ingest.messages import Message
from rewards.keyring import Keyring
from rewards.quarantine import KEPT_FOR, NO_AUTHORITY, prune_messages, prune_overflows
from rewards.quarantine.retention import MOST_AT_ONCE
from tests.databases import Database
from tests.quarantine_scene import BADGE, Scene, build_scene
from tests.speaker import deposit

DAY = datetime.timedelta(days=1)


@pytest.fixture
def scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    return build_scene(database, keyring, now)


def prune(scene: Scene, authority_id: int | None = None) -> list[int]:
    """Prune as the command does; return how many went at each step."""
    owner = scene.town.authority_id if authority_id is None else authority_id
    steps, after = [], b""
    while True:
        with scene.database.engine("bontri_operator").begin() as connection:
            digests = prune_messages(connection, authority_id=owner, now=scene.now, after=after)
        if not digests:
            return steps
        after = digests[-1]
        steps.append(len(digests))


def refuse_all_kinds(scene: Scene) -> None:
    """Leave a message refused whole, a single event, a conflict, and a deposit that was recorded."""
    speaker = scene.speaker()
    scene.ingest(Message(speaker.topic("events"), b"garbage", scene.now))
    scene.ingest(speaker.events(scene.now, deposit(1, scene.now, items=3, badge=BADGE)))
    scene.ingest(speaker.events(scene.now, deposit(2, scene.now, material="wood"), deposit(3, scene.now)))
    scene.ingest(speaker.events(scene.now, deposit(3, scene.now, items=9)))


def test_what_is_35_days_old_goes_and_every_number_stays_accounted_for(scene: Scene) -> None:
    refuse_all_kinds(scene)
    scene.now += KEPT_FOR
    assert prune(scene) == []
    assert len(scene.rows()) == 3

    scene.now += datetime.timedelta(seconds=1)
    assert prune(scene) == [3]
    assert scene.rows() == []
    assert scene.waiting() == {}
    kept = "SELECT count(*) FROM quarantined_events WHERE message_digest IS NULL AND detail = '' AND code <> ''"
    assert scene.scalar(kept) == 2
    assert scene.scalar("SELECT received::text FROM bin_journals") == "{[1,4)}"
    scene.assert_sound()


def test_control_without_the_rows_of_the_events_a_number_is_missing(scene: Scene) -> None:
    refuse_all_kinds(scene)
    scene.alter("DELETE FROM quarantined_events")
    with pytest.raises(AssertionError, match="accounted"):
        scene.assert_sound()


def test_control_a_message_cannot_go_before_its_events_are_cut_off(scene: Scene) -> None:
    refuse_all_kinds(scene)
    with (
        scene.database.engine("bontri_operator").begin() as connection,
        pytest.raises(IntegrityError),
    ):
        connection.exec_driver_sql("DELETE FROM quarantined_messages")


def test_the_numbers_stay_accounted_for_after_a_replay_and_a_prune(scene: Scene) -> None:
    refuse_all_kinds(scene)
    scene.declare("wood")
    scene.replay_all()
    scene.assert_sound()
    scene.now += KEPT_FOR + DAY
    prune(scene)
    assert scene.events() == 3
    scene.assert_sound()


def test_the_same_content_sent_after_the_prune_is_still_let_in_once_and_other_content_is_not(scene: Scene) -> None:
    refuse_all_kinds(scene)
    at, scene.now = scene.now, scene.now + KEPT_FOR + DAY
    prune(scene)
    speaker = scene.speaker()
    scene.ingest(speaker.events(scene.now, deposit(2, at, material="glass")))
    assert scene.waiting() == {"event_conflict": 1}
    scene.declare("wood")
    scene.ingest(speaker.events(scene.now, deposit(2, at, material="wood")))
    assert scene.scalar("SELECT material FROM events WHERE seq = 2") == "wood"
    scene.assert_sound()


def test_an_event_refused_again_after_the_prune_can_be_replayed_from_its_new_message(scene: Scene) -> None:
    refuse_all_kinds(scene)
    at, scene.now = scene.now, scene.now + KEPT_FOR + DAY
    prune(scene)
    scene.ingest(scene.speaker().events(scene.now, deposit(2, at, material="wood", badge=None)))
    scene.ingest(scene.speaker().events(scene.now, deposit(2, at, material="wood")))
    assert scene.waiting()["unknown_material"] >= 1
    scene.declare("wood")
    scene.replay_all()
    assert scene.scalar("SELECT count(*) FROM events WHERE seq = 2") == 1
    assert scene.waiting() == {}
    scene.assert_sound()


def test_what_a_bin_repeats_is_kept_35_days_after_its_last_copy(scene: Scene) -> None:
    topic = scene.speaker().topic("events")
    scene.ingest(Message(topic, b"garbage", scene.now))
    scene.ingest(Message(topic, b"garbage", scene.now + 20 * DAY))
    scene.now += 40 * DAY
    assert prune(scene) == []
    scene.now += 20 * DAY
    assert prune(scene) == [1]


def test_an_event_sent_again_in_a_newer_message_is_kept_with_it(scene: Scene) -> None:
    event = deposit(1, scene.now, material="wood")
    scene.ingest(scene.speaker().events(scene.now, event))
    scene.now += 20 * DAY
    scene.ingest(scene.speaker().events(scene.now, event))
    assert scene.waiting() == {"unknown_material": 1}
    scene.now += 20 * DAY
    assert prune(scene) == [1]
    assert scene.waiting() == {"unknown_material": 1}
    scene.declare("wood")
    assert scene.replay_all() == 1
    assert scene.events() == 1


def test_pruning_goes_in_bounded_steps_and_leaves_the_young(scene: Scene) -> None:
    speaker = scene.speaker()
    for start in range(1, 2101, 700):
        numbers = range(start, start + 700)
        scene.ingest(*(speaker.events(scene.now, deposit(seq, scene.now, material="wood")) for seq in numbers))
    scene.now += KEPT_FOR + DAY
    scene.ingest(Message(speaker.topic("events"), b"young", scene.now))
    assert prune(scene) == [MOST_AT_ONCE, MOST_AT_ONCE, 100]
    assert [row.code for row in scene.rows()] == ["not_json"]
    assert scene.scalar("SELECT count(*) FROM quarantined_events") == 2100
    scene.assert_sound()


def test_counters_of_the_overflow_go_with_their_day(scene: Scene) -> None:
    scene.alter(
        "INSERT INTO quarantine_overflows VALUES (:a, 'B', CAST(:at AS date) - 36, 'schema', 5),"
        " (:a, 'B', CAST(:at AS date) - 35, 'schema', 7), (0, '', CAST(:at AS date) - 36, 'schema', 9)",
        a=scene.town.authority_id,
        at=scene.now,
    )
    with scene.database.engine("bontri_operator").begin() as connection:
        assert prune_overflows(connection, authority_id=scene.town.authority_id, now=scene.now) == 1
        assert prune_overflows(connection, authority_id=NO_AUTHORITY, now=scene.now) == 1
    assert scene.scalar("SELECT sum(times) FROM quarantine_overflows") == 7


def test_what_names_no_authority_is_pruned_too(scene: Scene) -> None:
    scene.ingest(Message("nonsense", b"", scene.now))
    scene.now += KEPT_FOR + DAY
    assert prune(scene, NO_AUTHORITY) == [1]
