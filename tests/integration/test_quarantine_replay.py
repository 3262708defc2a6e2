"""Replay of quarantine through the real pipeline: what was mended is recorded once, what was not stays refused."""

import dataclasses
import datetime

import pytest
from sqlalchemy.exc import ProgrammingError

from ingest.messages import Message
from ingest.pipeline import Pipeline
from rewards.keyring import Keyring
from rewards.quarantine import NO_AUTHORITY
from rewards.quarantine.refused import PURPOSE
from rewards.tariffs import add_tariff
from rewards.territory import add_materials
from tests.databases import Database
from tests.factories import build_town
from tests.quarantine_scene import BADGE, Scene, build_scene
from tests.speaker import Speaker, deposit

NEW_BIN = "LATE-0001"
MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    return build_scene(database, keyring, now)


def test_a_message_of_a_bin_added_since_is_credited_once(scene: Scene) -> None:
    speaker = scene.speaker(NEW_BIN)
    scene.ingest(speaker.events(scene.now - MINUTE, deposit(1, scene.now - MINUTE, items=3, badge=BADGE)))
    assert scene.waiting() == {"unknown_bin": 1}
    assert scene.replay_all() == 1
    assert (scene.row().code, scene.row().replayed_at, scene.row().replay_requested_at) == ("unknown_bin", None, None)

    scene.add_bin(NEW_BIN)
    assert scene.replay_all() == 1
    assert scene.row().replayed_at == scene.now
    assert scene.row().replay_requested_at is None
    assert scene.waiting() == {}
    assert scene.points() == 3
    assert scene.scalar("SELECT received_at FROM events") == scene.now - MINUTE
    assert scene.scalar("SELECT deposits FROM daily_deposits") == 1
    assert scene.replay_all() == 0
    scene.assert_sound()


@pytest.mark.parametrize("is_first", [True, False], ids=["the bin first", "the replay first"])
def test_what_the_bin_has_sent_again_meanwhile_has_no_second_effect(scene: Scene, is_first: bool) -> None:
    speaker = scene.speaker(NEW_BIN)
    events = [deposit(seq, scene.now, items=3, badge=BADGE) for seq in (1, 2)]
    scene.ingest(speaker.events(scene.now, *events))
    scene.add_bin(NEW_BIN)
    again = speaker.events(scene.now, *events, deposit(3, scene.now, items=1, badge=BADGE))
    if is_first:
        scene.ingest(again)
    assert scene.replay_all() == 1
    if not is_first:
        scene.ingest(again)
    assert scene.points() == 7
    assert scene.events() == 3
    assert scene.row().replayed_at == scene.now
    scene.assert_sound()


def test_control_other_numbers_would_be_credited_twice(scene: Scene) -> None:
    speaker = scene.speaker(NEW_BIN)
    scene.ingest(speaker.events(scene.now, deposit(1, scene.now, items=3, badge=BADGE)))
    scene.add_bin(NEW_BIN)
    scene.ingest(speaker.events(scene.now, deposit(2, scene.now, items=3, badge=BADGE)))
    scene.replay_all()
    assert scene.points() == 6


def test_a_material_declared_since_is_credited_at_its_own_time_under_the_tariff_of_then(scene: Scene) -> None:
    """Two tariffs pay for wood: 2 points when it fell in, 5 points when it is replayed."""
    then = scene.now - datetime.timedelta(days=10)
    message = scene.speaker().events(then, deposit(1, then, items=3, material="wood", badge=BADGE), deposit(2, then))
    scene.ingest(message)
    assert scene.waiting() == {"unknown_material": 1}
    scene.declare("wood", points=2)
    with scene.database.engine().begin() as connection:
        add_tariff(
            connection,
            authority_id=scene.town.authority_id,
            name="dearer",
            valid_from=scene.now - MINUTE,
            lines={"wood": ("item", 5)},
            day_cap_points=None,
        )
    assert scene.replay_all() == 1
    assert scene.points() == 6
    assert scene.scalar("SELECT occurred_at FROM events WHERE seq = 1") == then
    assert scene.scalar("SELECT received_at FROM events WHERE seq = 1") == then
    assert scene.scalar("SELECT day FROM daily_deposits WHERE material = 'wood'") == then.date()
    assert scene.row().replayed_at == scene.now
    assert scene.waiting() == {}
    scene.assert_sound()


def test_an_event_ahead_of_its_time_is_recorded_once_its_time_has_come(scene: Scene) -> None:
    at = scene.now + datetime.timedelta(hours=3)
    scene.ingest(scene.speaker().events(scene.now, deposit(1, at, items=3, badge=BADGE)))
    received_at = scene.now
    assert scene.replay_all() == 1
    assert scene.waiting() == {"clock_ahead": 1}
    assert scene.points() == 0

    scene.now = at
    assert scene.replay_all() == 1
    assert scene.points() == 3
    assert scene.scalar("SELECT occurred_at FROM events") == at
    assert scene.scalar("SELECT received_at FROM events") == received_at
    assert scene.waiting() == {}
    scene.assert_sound()


def test_a_wrong_signature_stays_refused_and_a_replay_is_no_copy_from_the_bin(scene: Scene) -> None:
    message = scene.speaker().events(scene.now, deposit(1, scene.now, badge=BADGE))
    scene.ingest(dataclasses.replace(message, payload=message.payload.replace(b'"items": 1', b'"items": 9')))
    assert scene.replay_all() == 1
    row = scene.row()
    assert (row.code, row.times, row.replayed_at) == ("bad_signature", 1, None)
    assert (row.replay_requested_at, row.replay_taken_at) == (None, None)
    assert scene.events() == 0


def test_control_the_same_bytes_from_the_bin_are_a_copy(scene: Scene) -> None:
    message = Message(scene.speaker().topic("events"), b"garbage", scene.now)
    scene.ingest(message)
    scene.ingest(message)
    assert scene.row().times == 2


def test_a_message_refused_again_for_another_reason_says_so(scene: Scene) -> None:
    message = scene.speaker(NEW_BIN).events(scene.now, deposit(1, scene.now), v=2)
    scene.ingest(message)
    assert scene.waiting() == {"unknown_bin": 1}
    scene.add_bin(NEW_BIN)
    scene.replay_all()
    assert scene.waiting() == {"schema": 1}
    assert scene.row().times == 1


def test_an_event_refused_again_for_another_reason_says_so(scene: Scene) -> None:
    scene.ingest(scene.speaker().events(scene.now, deposit(1, scene.now, material="wood")))
    with scene.database.engine().begin() as connection:
        add_materials(connection, {"wood": None}, authority_id=scene.town.authority_id)
    scene.replay_all()
    assert scene.waiting() == {"no_tariff": 1}
    assert "no tariff" in scene.scalar("SELECT detail FROM quarantined_events")
    scene.assert_sound()


def test_a_conflict_stays_one(scene: Scene) -> None:
    speaker = scene.speaker()
    scene.ingest(speaker.events(scene.now, deposit(1, scene.now, items=3, badge=BADGE)))
    scene.ingest(speaker.events(scene.now, deposit(1, scene.now, items=4, badge=BADGE)))
    assert scene.replay_all() == 1
    assert scene.waiting() == {"event_conflict": 1}
    assert scene.row().replayed_at is None
    assert scene.points() == 3
    scene.assert_sound()


@pytest.mark.parametrize(
    "revoke",
    [
        "UPDATE bin_keys SET state = 'revoked' WHERE bin_id = :bin_id AND key_number = 1",
        "UPDATE bins SET state = 'revoked' WHERE bin_id = :bin_id",
    ],
    ids=["its key", "its bin"],
)
def test_what_was_verified_when_received_is_credited_though_it_was_revoked_since(scene: Scene, revoke: str) -> None:
    """Its receipt settled the event: the bin no longer holds it, and the replay is the only way to the points."""
    speaker = scene.speaker()
    scene.ingest(speaker.events(scene.now, deposit(1, scene.now, items=3, material="wood", badge=BADGE)))
    assert (scene.row().code, scene.waiting()) == (None, {"unknown_material": 1})
    scene.alter(revoke, bin_id=speaker.bin_id)
    assert scene.replay_all() == 1
    assert (scene.row().code, scene.waiting()) == (None, {"unknown_material": 1})

    scene.declare("wood", points=2)
    assert scene.replay_all() == 1
    assert scene.points() == 6
    assert scene.waiting() == {}
    scene.assert_sound()


@pytest.mark.parametrize(
    ("revoke", "code"),
    [
        ("UPDATE bin_keys SET state = 'revoked' WHERE bin_id = :bin_id AND key_number = 1", "unknown_key"),
        ("UPDATE bins SET state = 'revoked' WHERE bin_id = :bin_id", "revoked_bin"),
    ],
    ids=["its key", "its bin"],
)
def test_control_what_was_refused_whole_for_being_revoked_stays_refused(scene: Scene, revoke: str, code: str) -> None:
    speaker = scene.speaker()
    scene.alter(revoke, bin_id=speaker.bin_id)
    scene.ingest(speaker.events(scene.now, deposit(1, scene.now, items=3, badge=BADGE)))
    for _ in range(2):
        assert scene.replay_all() == 1
        assert (scene.row().code, scene.waiting()) == (code, {code: 1})
    assert scene.points() == 0


def test_a_message_signed_with_a_key_not_yet_known_stays_refused_once_that_key_is_revoked(scene: Scene) -> None:
    speaker = dataclasses.replace(scene.speaker(), key_number=2)
    scene.ingest(speaker.events(scene.now, deposit(1, scene.now, items=3, badge=BADGE)))
    assert scene.waiting() == {"unknown_key": 1}
    scene.alter(
        "INSERT INTO bin_keys (authority_id, bin_id, key_number, state, created_at)"
        " VALUES (:authority_id, :bin_id, 2, 'revoked', :now)",
        authority_id=scene.town.authority_id,
        bin_id=speaker.bin_id,
        now=scene.now,
    )
    assert scene.replay_all() == 1
    assert scene.waiting() == {"unknown_key": 1}
    assert scene.points() == 0


def test_the_signature_of_what_was_verified_is_verified_again(scene: Scene) -> None:
    """That a row was verified once does not vouch for the bytes it holds now."""
    speaker = scene.speaker()
    genuine = speaker.events(scene.now, deposit(1, scene.now, items=3, material="wood", badge=BADGE))
    scene.ingest(genuine)
    scene.alter(
        "UPDATE quarantined_messages SET payload_encrypted = :forged",
        forged=scene.keyring.encrypt(genuine.payload.replace(b'"items": 3', b'"items": 9'), purpose=PURPOSE),
    )
    scene.declare("wood")
    assert scene.replay_all() == 1
    assert scene.points() == 0
    assert "bad_signature" in scene.waiting()


def test_two_contents_refused_under_one_number_keep_accounting_for_it(scene: Scene) -> None:
    """Each blocks the other; neither code may turn into a conflict, which settles nothing."""
    speaker = scene.speaker()
    scene.ingest(speaker.events(scene.now, deposit(1, scene.now, material="wood")))
    scene.ingest(speaker.events(scene.now, deposit(1, scene.now, material="cork")))
    scene.declare("wood")
    with scene.database.engine().begin() as connection:
        add_materials(connection, {"cork": None}, authority_id=scene.town.authority_id)
    assert scene.replay_all() == 2
    assert scene.events() == 0
    assert set(scene.waiting()) == {"unknown_material", "no_tariff"}
    scene.assert_sound()


def test_control_codes_that_turn_into_conflicts_leave_a_number_unaccounted(scene: Scene) -> None:
    scene.ingest(scene.speaker().events(scene.now, deposit(1, scene.now, material="wood")))
    scene.alter("UPDATE quarantined_events SET code = 'event_conflict'")
    with pytest.raises(AssertionError, match="accounted"):
        scene.assert_sound()


def test_what_was_set_aside_whole_is_filed_under_its_bin_and_recorded(scene: Scene) -> None:
    message = scene.speaker().events(scene.now, deposit(1, scene.now, items=3, badge=BADGE))
    pipeline = Pipeline(scene.database.engine("bontri_ingest"), scene.keyring)
    pipeline.set_aside(message)
    pipeline.set_aside(Message("nonsense", b"", scene.now))
    assert (scene.row().code, scene.row().bin_id) == ("internal", scene.town.bin_ids[0])
    assert scene.row(NO_AUTHORITY).topic == "nonsense"
    assert scene.replay_all() == 1
    assert scene.points() == 3


def test_a_message_of_an_authority_founded_since_is_recorded_there(scene: Scene) -> None:
    speaker = Speaker(scene.keyring, "grand-lyon", "BIN-0008-A")
    scene.ingest(speaker.events(scene.now, deposit(1, scene.now, items=3)))
    scene.ingest(speaker.events(scene.now, deposit(2, scene.now, material="wood")))
    scene.ingest(dataclasses.replace(speaker.events(scene.now, deposit(3, scene.now)), payload=b"garbage"))
    with scene.database.engine().begin() as connection:
        build_town(connection, scene.keyring, authority_id=8, slug="grand-lyon")
    scene.ask(authority_id=NO_AUTHORITY)
    assert scene.replay.run_once(scene.now) == 3
    assert scene.scalar("SELECT count(*) FROM events WHERE authority_id = 8") == 1
    assert [row.replayed_at for row in scene.rows(NO_AUTHORITY)] == [scene.now] * 3
    assert sorted(str(row.code) for row in scene.rows(8)) == ["None", "not_json"]
    assert {row.times for row in scene.rows(8)} == {1}
    scene.assert_sound()


def test_a_topic_too_long_to_be_stored_is_replayed_under_the_same_id(scene: Scene) -> None:
    scene.ingest(Message("x" * 1001, b"", scene.now))
    scene.ask(authority_id=NO_AUTHORITY)
    assert scene.replay.run_once(scene.now) == 1
    assert scene.row(NO_AUTHORITY).code == "wrong_topic"


def test_a_copy_that_comes_after_its_replay_and_is_refused_waits_again(scene: Scene) -> None:
    message = scene.speaker(NEW_BIN).events(scene.now, deposit(1, scene.now))
    scene.ingest(message)
    scene.add_bin(NEW_BIN)
    scene.replay_all()
    scene.alter("UPDATE bins SET state = 'revoked' WHERE bin_id = :bin_id", bin_id=NEW_BIN)
    scene.ingest(message)
    assert scene.waiting() == {"revoked_bin": 1}
    assert scene.row().times == 2


def test_an_operator_can_ask_and_nothing_more(scene: Scene) -> None:
    scene.ingest(Message(scene.speaker().topic("events"), b"garbage", scene.now))
    for statement in (
        "UPDATE quarantined_messages SET replayed_at = received_at",
        "UPDATE quarantined_messages SET payload_encrypted = ''",
        "INSERT INTO quarantined_messages SELECT * FROM quarantined_messages",
        "DELETE FROM quarantined_events",
        "UPDATE events SET items = 0",
    ):
        with scene.database.engine("bontri_operator").connect() as connection, pytest.raises(ProgrammingError):
            connection.exec_driver_sql(statement)
    assert scene.ask() != []
