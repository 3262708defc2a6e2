"""Replay of quarantine through the real pipeline: what was mended is recorded once, what was not stays refused."""

import dataclasses
import datetime
import threading
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError, ProgrammingError
from structlog.testing import capture_logs

import ingest.replay
from ingest.messages import Message
from ingest.pipeline import Pipeline
from ingest.replay import CANNOT_DECRYPT, CANNOT_PROCESS, Replay
from rewards.keyring import Keyring
from rewards.quarantine import NO_AUTHORITY, ReplayNote, Selection, note_replays, take_requested
from rewards.quarantine.refused import PURPOSE
from rewards.quarantine.replaying import LEASE, MOST_TAKEN
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


def test_an_authority_whose_replay_breaks_down_does_not_hold_up_another(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        build_town(connection, scene.keyring, authority_id=8, slug="roubaix")
        build_town(connection, scene.keyring, authority_id=6, slug="annecy")
    for slug, bin_id in (("annecy", "BIN-0006-A"), (scene.town.slug, None), ("roubaix", "BIN-0008-A")):
        speaker = scene.speaker(bin_id, authority=slug)
        scene.ingest(dataclasses.replace(speaker.events(scene.now, deposit(1, scene.now)), payload=b"garbage"))
    for authority_id in (6, scene.town.authority_id, 8):
        scene.ask(authority_id=authority_id)
    scene.alter(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE insufficient_privilege; END $$"
    )
    scene.alter(
        "CREATE TRIGGER fail BEFORE UPDATE ON quarantined_messages FOR EACH ROW"
        f" WHEN (new.authority_id = {scene.town.authority_id}) EXECUTE FUNCTION fail()"
    )
    with capture_logs() as logs, pytest.raises(ProgrammingError):
        scene.replay.run_once(scene.now)
    waiting = {owner: scene.row(owner).replay_requested_at for owner in (6, scene.town.authority_id, 8)}
    assert waiting == {6: None, scene.town.authority_id: scene.now, 8: None}
    assert [line["authority"] for line in logs if line["event"] == "errand_failed"] == [scene.town.slug]


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


def test_what_the_backend_failed_on_is_recorded_once_it_is_mended(scene: Scene) -> None:
    message = scene.speaker().events(scene.now, deposit(1, scene.now, items=3, badge=BADGE))
    pipeline = Pipeline(scene.database.engine("bontri_ingest"), scene.keyring)
    pipeline.process([message], now=scene.now, is_isolated=True)
    assert scene.waiting() == {"internal": 1}
    assert scene.replay_all() == 1
    assert scene.waiting() == {}
    assert scene.points() == 3
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


def test_poison_does_not_stop_the_others_nor_come_back_by_itself(scene: Scene) -> None:
    speaker = scene.speaker(NEW_BIN)
    for seq in range(1, 7):
        scene.ingest(speaker.events(scene.now, deposit(seq, scene.now, items=66 if seq == 4 else 1, badge=BADGE)))
    scene.add_bin(NEW_BIN)
    scene.alter("ALTER TABLE events ADD CONSTRAINT poison CHECK (items <> 66)")
    assert scene.replay_all() == 6
    assert scene.points() == 5
    assert scene.waiting() == {"internal": 1}
    [failed] = [row for row in scene.rows() if row.code == "internal"]
    assert (failed.detail, failed.replayed_at, failed.replay_requested_at) == (CANNOT_PROCESS, None, None)
    assert scene.replay.run_once(scene.now) == 0

    scene.alter("ALTER TABLE events DROP CONSTRAINT poison")
    assert scene.replay_all() == 1
    assert scene.points() == 71
    assert scene.waiting() == {}
    scene.assert_sound()


def test_control_poison_takes_its_batch_with_it(scene: Scene) -> None:
    speaker = scene.speaker()
    scene.alter("ALTER TABLE events ADD CONSTRAINT poison CHECK (items <> 66)")
    messages = [speaker.events(scene.now, deposit(seq, scene.now, items=66 if seq == 2 else 1)) for seq in (1, 2, 3)]
    with pytest.raises(IntegrityError):
        scene.ingest(*messages)
    assert scene.events() == 0


def test_a_fault_of_the_code_is_isolated_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.ingest(scene.speaker(NEW_BIN).events(scene.now, deposit(1, scene.now, items=1, badge=BADGE)))
    scene.ingest(scene.speaker(NEW_BIN).events(scene.now, deposit(2, scene.now, items=66, badge=BADGE)))
    scene.add_bin(NEW_BIN)
    real = Pipeline.process

    def process(self: Pipeline, messages: Any, **options: Any) -> Any:
        if any(b'"items": 66' in message.payload for message in messages):
            raise ZeroDivisionError
        return real(self, messages, **options)

    monkeypatch.setattr(Pipeline, "process", process)
    assert scene.replay_all() == 2
    assert scene.points() == 1
    assert scene.waiting() == {"internal": 1}


def test_a_state_of_the_database_leaves_the_request_standing(scene: Scene) -> None:
    scene.ingest(scene.speaker(NEW_BIN).events(scene.now, deposit(1, scene.now, items=3, badge=BADGE)))
    scene.add_bin(NEW_BIN)
    scene.alter("REVOKE INSERT ON transfers FROM bontri_ingest")
    scene.ask()
    try:
        with pytest.raises(ProgrammingError):
            scene.replay.run_once(scene.now)
    finally:
        scene.alter("GRANT INSERT ON transfers TO bontri_ingest")
    assert scene.row().replay_requested_at == scene.now
    assert scene.waiting() == {"unknown_bin": 1}
    assert scene.replay.run_once(scene.now + LEASE + MINUTE) == 1
    assert scene.points() == 3


def test_a_worker_killed_between_processing_and_noting_repeats_harmlessly(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker = scene.speaker(NEW_BIN)
    scene.ingest(speaker.events(scene.now, deposit(1, scene.now, items=3, badge=BADGE)))
    scene.ingest(speaker.events(scene.now, deposit(2, scene.now, material="wood")))
    scene.add_bin(NEW_BIN)
    scene.ask()

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(ingest.replay, "note_replays", die)
        with pytest.raises(SystemExit):
            scene.replay.run_once(scene.now)
    assert scene.points() == 3
    assert [row.replay_requested_at for row in scene.rows()] == [scene.now] * 2
    assert scene.replay.run_once(scene.now) == 0

    scene.now += LEASE + MINUTE
    assert scene.replay.run_once(scene.now) == 2
    assert scene.points() == 3
    assert scene.events() == 1
    assert [row.times for row in scene.rows()] == [1, 1]
    assert scene.waiting() == {"unknown_material": 1}
    scene.assert_sound()


def test_control_noting_before_processing_would_lose_the_message(scene: Scene) -> None:
    scene.ingest(scene.speaker(NEW_BIN).events(scene.now, deposit(1, scene.now, items=3, badge=BADGE)))
    scene.add_bin(NEW_BIN)
    scene.ask()
    tenant = {"authority_id": scene.town.authority_id}
    with scene.database.engine("bontri_ingest").begin() as connection:
        [taken] = take_requested(connection, **tenant, now=scene.now)
        note_replays(connection, [ReplayNote(taken, scene.now)], **tenant)
    scene.now += LEASE + MINUTE
    assert scene.replay_all() == 0
    assert scene.points() == 0


def test_what_one_worker_has_taken_is_left_alone_by_the_next(scene: Scene) -> None:
    scene.ingest(Message(scene.speaker().topic("events"), b"garbage", scene.now))
    scene.ask()
    tenant = {"authority_id": scene.town.authority_id}
    first, second = (scene.database.engine("bontri_ingest").connect() for _ in range(2))
    with first, second:
        assert len(take_requested(first, **tenant, now=scene.now)) == 1
        assert take_requested(second, **tenant, now=scene.now) == []
        first.commit()
        second.rollback()
        assert take_requested(second, **tenant, now=scene.now) == []
        assert len(take_requested(second, **tenant, now=scene.now + LEASE + MINUTE)) == 1


def test_two_workers_at_once_credit_once(scene: Scene) -> None:
    speaker = scene.speaker(NEW_BIN)
    scene.ingest(*(speaker.events(scene.now, deposit(seq, scene.now, items=1, badge=BADGE)) for seq in range(1, 201)))
    scene.add_bin(NEW_BIN)
    scene.ask()
    engine, tried = scene.database.engine("bontri_ingest"), []

    def work() -> None:
        tried.append(Replay(engine, scene.keyring).run_once(scene.now))

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(tried) == 200
    assert scene.points() == 200
    assert scene.waiting() == {}
    scene.assert_sound()


def test_a_request_made_while_the_replay_runs_stands(scene: Scene) -> None:
    scene.ingest(Message(scene.speaker().topic("events"), b"garbage", scene.now))
    scene.ask()
    tenant = {"authority_id": scene.town.authority_id}
    with scene.database.engine("bontri_ingest").begin() as connection:
        [taken] = take_requested(connection, **tenant, now=scene.now)
    scene.now += MINUTE
    scene.ask()
    with scene.database.engine("bontri_ingest").begin() as connection:
        note_replays(connection, [ReplayNote(taken, None)], **tenant)
    assert scene.row().replay_requested_at == scene.now
    assert scene.replay.run_once(scene.now) == 1


def test_bytes_of_another_storage_key_are_told_apart_and_stop_nobody(scene: Scene) -> None:
    speaker = scene.speaker(NEW_BIN)
    scene.ingest(speaker.events(scene.now, deposit(1, scene.now, items=3, badge=BADGE)))
    scene.ingest(speaker.events(scene.now, deposit(2, scene.now, items=3, badge=BADGE)))
    scene.alter(
        "UPDATE quarantined_messages SET payload_encrypted = 'nonsense of another key' WHERE message_digest ="
        " (SELECT min(message_digest) FROM quarantined_messages)"
    )
    scene.add_bin(NEW_BIN)
    assert scene.replay_all() == 2
    assert scene.points() == 3
    assert [row.detail for row in scene.rows() if row.replayed_at is None] == [CANNOT_DECRYPT]
    assert scene.replay.run_once(scene.now) == 0


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


def test_five_thousand_messages_are_replayed_in_bounded_steps(scene: Scene) -> None:
    speaker = scene.speaker()
    then = scene.now - datetime.timedelta(days=3)
    messages = [
        speaker.events(then, deposit(seq, then, material="wood", badge=BADGE if seq % 2 else None))
        for seq in range(1, 5001)
    ]
    for start in range(0, 5000, 500):
        scene.ingest(*messages[start : start + 500])
    assert scene.waiting() == {"unknown_material": 5000}
    scene.declare("wood", points=2)
    assert len(scene.ask(Selection(code="unknown_material"))) == 5000
    steps = []
    while tried := scene.replay.run_once(scene.now):
        steps.append(tried)
    assert steps == [MOST_TAKEN] * 10
    assert scene.points() == 5000
    assert scene.waiting() == {}
    scene.assert_sound()


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
