"""The bound on what a bin can have kept in a day: above it messages refused whole are counted, their bytes dropped."""

import datetime
import threading

import pytest
from sqlalchemy import Engine, event, text

import rewards.quarantine.bounding
from ingest.messages import Message
from rewards.keyring import Keyring
from rewards.quarantine import MOST_KEPT_PER_DAY, NO_AUTHORITY, RefusedMessage, Selection, store_refused
from tests.databases import Database
from tests.quarantine_scene import Scene, build_scene
from tests.speaker import deposit

OVERFLOWS = "SELECT coalesce(sum(times), 0) FROM quarantine_overflows WHERE bin_id = :bin_id"


@pytest.fixture
def scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    return build_scene(database, keyring, now)


def garbage(scene: Scene, numbers: range, *, topic: str | None = None, days: int = 0) -> list[Message]:
    """Make messages of the first bin that are refused whole, each with other bytes."""
    received_at = scene.now + datetime.timedelta(days=days)
    return [
        Message(topic or scene.speaker().topic("events"), b"garbage %d" % number, received_at) for number in numbers
    ]


def count_overflows(scene: Scene, bin_id: str | None = None) -> int:
    return int(scene.scalar(OVERFLOWS, bin_id=scene.town.bin_ids[0] if bin_id is None else bin_id))


def test_what_a_bin_sends_above_the_bound_is_counted_and_not_kept(scene: Scene) -> None:
    scene.ingest(*garbage(scene, range(700)))
    scene.ingest(*garbage(scene, range(700, 1400)))
    scene.ingest(*garbage(scene, range(1400, 1500)))
    assert len(scene.rows()) == MOST_KEPT_PER_DAY
    assert scene.waiting() == {"not_json": MOST_KEPT_PER_DAY}
    assert count_overflows(scene) == 500
    assert scene.scalar("SELECT code FROM quarantine_overflows") == "not_json"
    assert scene.scalar("SELECT day FROM quarantine_overflows") == scene.now.date()


def test_control_without_the_bound_everything_is_kept(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewards.quarantine.bounding, "MOST_KEPT_PER_DAY", 10_000)
    scene.ingest(*garbage(scene, range(700)))
    scene.ingest(*garbage(scene, range(700, 1500)))
    assert len(scene.rows()) == 1500
    assert count_overflows(scene) == 0


def test_identical_bytes_raise_the_counter_of_the_stored_row_and_no_other(scene: Scene) -> None:
    messages = garbage(scene, range(MOST_KEPT_PER_DAY))
    scene.ingest(*messages)
    scene.ingest(messages[0], *garbage(scene, range(2000, 2003)), messages[0])
    assert scene.scalar("SELECT max(times) FROM quarantined_messages") == 3
    assert count_overflows(scene) == 3


def test_copies_above_the_bound_are_each_counted(scene: Scene) -> None:
    scene.ingest(*garbage(scene, range(MOST_KEPT_PER_DAY)))
    scene.ingest(*garbage(scene, range(2000, 2001)) * 4)
    assert count_overflows(scene) == 4


def test_another_bin_and_another_day_have_a_bound_of_their_own(scene: Scene) -> None:
    scene.ingest(*garbage(scene, range(1100)))
    other = scene.speaker(scene.town.bin_ids[1]).topic("events")
    scene.ingest(*garbage(scene, range(10), topic=other), *garbage(scene, range(2000, 2010), days=1))
    assert len(scene.rows()) == MOST_KEPT_PER_DAY + 20
    assert count_overflows(scene) == 100


def test_messages_of_no_bin_share_one_bound(scene: Scene) -> None:
    scene.ingest(*garbage(scene, range(600), topic="bontri/v1/nothing"))
    scene.ingest(*garbage(scene, range(600), topic="bontri/v1/nothing/else"))
    assert len(scene.rows(NO_AUTHORITY)) == MOST_KEPT_PER_DAY
    assert count_overflows(scene, "") == 200


def test_refused_events_are_kept_whatever_their_bin_has_sent(scene: Scene) -> None:
    scene.ingest(*garbage(scene, range(1100)))
    scene.ingest(scene.speaker().events(scene.now, deposit(1, scene.now, material="wood")))
    assert scene.waiting()["unknown_material"] == 1
    scene.declare("wood")
    scene.ask(Selection(code="unknown_material"))
    assert scene.replay.run_once(scene.now) == 1
    assert scene.events() == 1


def test_messages_of_refused_events_take_no_room_from_others(scene: Scene) -> None:
    speaker = scene.speaker()
    for start in range(1, 1001, 500):
        scene.ingest(
            *(speaker.events(scene.now, deposit(seq, scene.now, material="wood")) for seq in range(start, start + 500))
        )
    scene.ingest(*garbage(scene, range(5)))
    assert len(scene.rows()) == 1005
    assert count_overflows(scene) == 0


def test_a_replay_refused_again_is_kept_though_its_bin_is_full(scene: Scene) -> None:
    scene.ingest(*garbage(scene, range(1001)))
    assert scene.replay_all() == 500
    assert len(scene.rows()) == MOST_KEPT_PER_DAY
    assert count_overflows(scene) == 1


def test_two_writers_at_once_overshoot_by_a_batch_at_most(scene: Scene) -> None:
    """Neither sees what the other has not committed: both find room for ten."""
    scene.ingest(*garbage(scene, range(MOST_KEPT_PER_DAY - 10)))
    both_have_stored = threading.Barrier(2, timeout=10)

    def store(first: int) -> None:
        refused = [
            RefusedMessage("topic", b"%d" % number, scene.now, scene.town.bin_ids[0], "not_json", "")
            for number in range(first, first + 10)
        ]
        with scene.database.engine("bontri_ingest").begin() as connection:
            store_refused(connection, refused, authority_id=scene.town.authority_id, keyring=scene.keyring)
            both_have_stored.wait()

    writers = [threading.Thread(target=store, args=(first,)) for first in (10_000, 20_000)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(scene.rows()) == MOST_KEPT_PER_DAY + 10
    scene.ingest(*garbage(scene, range(5)), *garbage(scene, range(30_000, 30_020)))
    assert len(scene.rows()) == MOST_KEPT_PER_DAY + 10
    assert count_overflows(scene) == 20


def count_statements(engine: Engine, statements: list[str]) -> None:
    event.listen(engine, "before_cursor_execute", lambda _c, _u, statement, *_: statements.append(statement))


def test_the_bound_costs_one_query_and_only_when_something_is_refused(scene: Scene) -> None:
    statements: list[str] = []
    count_statements(scene.database.engine("bontri_ingest"), statements)
    scene.ingest(scene.speaker().events(scene.now, deposit(1, scene.now)))
    assert not [statement for statement in statements if "quarantine_overflows" in statement]
    scene.ingest(scene.speaker().events(scene.now, deposit(2, scene.now, material="wood")))
    assert not [statement for statement in statements if "quarantine_overflows" in statement]
    scene.ingest(*garbage(scene, range(50)))
    assert len([statement for statement in statements if "quarantine_overflows" in statement]) == 1


def test_a_flood_is_looked_up_and_not_counted_again(scene: Scene) -> None:
    scene.ingest(*garbage(scene, range(1001)))
    with scene.database.engine().begin() as connection:
        connection.execute(text("DELETE FROM quarantined_messages"))
    scene.ingest(*garbage(scene, range(5000, 5010)))
    assert scene.rows() == []
    assert count_overflows(scene) == 11
