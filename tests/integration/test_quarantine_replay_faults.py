"""Replay of quarantine while something breaks or somebody else is at it: nothing is held up, nothing comes twice."""

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
from rewards.quarantine import ReplayNote, Selection, note_replays, take_requested
from rewards.quarantine.replaying import LEASE, MOST_TAKEN
from tests.databases import Database
from tests.factories import build_town
from tests.quarantine_scene import BADGE, Scene, build_scene
from tests.speaker import deposit

NEW_BIN = "LATE-0001"
MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    return build_scene(database, keyring, now)


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


def test_what_the_backend_failed_on_is_recorded_once_it_is_mended(scene: Scene) -> None:
    message = scene.speaker().events(scene.now, deposit(1, scene.now, items=3, badge=BADGE))
    pipeline = Pipeline(scene.database.engine("bontri_ingest"), scene.keyring)
    pipeline.process([message], now=scene.now, is_isolated=True)
    assert scene.waiting() == {"internal": 1}
    assert scene.replay_all() == 1
    assert scene.waiting() == {}
    assert scene.points() == 3
    scene.assert_sound()


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
