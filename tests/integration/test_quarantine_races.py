"""Storing, replaying and pruning at once: nothing waits in a circle, nothing is credited twice, no number is lost."""

import datetime
import threading
from collections.abc import Callable

import pytest

from ingest.pipeline import Pipeline
from ingest.replay import Replay
from rewards.keyring import Keyring
from rewards.quarantine import KEPT_FOR, prune_messages
from tests.databases import Database
from tests.quarantine_scene import BADGE, Scene, build_scene
from tests.speaker import deposit

ROUNDS = 25


@pytest.fixture
def scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    return build_scene(database, keyring, now)


def run_at_once(*tasks: Callable[[], object]) -> None:
    """Run tasks in threads; raise what any of them raised."""
    faults: list[BaseException] = []
    begin = threading.Barrier(len(tasks))

    def run(task: Callable[[], object]) -> None:
        try:
            begin.wait(10)
            task()
        except BaseException as fault:  # noqa: BLE001 (told below)
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_bin_that_repeats_itself_while_it_is_replayed_is_credited_once(scene: Scene) -> None:
    speaker = scene.speaker("LATE-0001")
    events = [deposit(seq, scene.now, items=1, badge=BADGE) for seq in range(1, 401)]
    scene.ingest(*(speaker.events(scene.now, event) for event in events))
    scene.add_bin("LATE-0001")
    scene.ask()
    pipeline = Pipeline(scene.database.engine("bontri_ingest"), scene.keyring)
    again = [speaker.events(scene.now, *events[start : start + 20]) for start in range(0, 400, 20)]
    run_at_once(
        lambda: [pipeline.process([message], now=scene.now) for message in again],
        lambda: scene.replay.run_once(scene.now),
        lambda: Replay(scene.database.engine("bontri_ingest"), scene.keyring).run_once(scene.now),
    )
    assert scene.points() == 400
    assert scene.waiting() == {}
    assert scene.scalar("SELECT sum(deposits) FROM daily_deposits") == 400
    scene.assert_sound()


def test_pruning_beside_the_ingest_takes_nothing_young_and_breaks_nothing(scene: Scene) -> None:
    """The same events are refused again in new messages while the old ones go."""
    speaker, operator = scene.speaker(), scene.database.engine("bontri_operator")
    events = [deposit(seq, scene.now, material="wood") for seq in range(1, 21)]
    scene.ingest(*(speaker.events(scene.now, event) for event in events))
    later = scene.now + KEPT_FOR + datetime.timedelta(days=1)

    def send_again() -> None:
        pipeline = Pipeline(scene.database.engine("bontri_ingest"), scene.keyring)
        for number in range(ROUNDS):
            # The last round is a young one: what it refused must still wait.
            received_at = scene.now if number % 2 else later
            pipeline.process([speaker.events(received_at, event) for event in events], now=later)

    def prune() -> None:
        for _ in range(4 * ROUNDS):
            with operator.begin() as connection:
                prune_messages(connection, authority_id=scene.town.authority_id, now=later)

    run_at_once(send_again, send_again, prune)
    assert scene.waiting() == {"unknown_material": 20}
    scene.now = later
    prune()
    assert {row.last_received_at for row in scene.rows()} == {later}
    scene.assert_sound()


def test_pruning_while_it_is_replayed_credits_once_or_not_at_all(scene: Scene) -> None:
    speaker = scene.speaker("LATE-0001")
    scene.ingest(*(speaker.events(scene.now, deposit(seq, scene.now, badge=BADGE)) for seq in range(1, 301)))
    scene.add_bin("LATE-0001")
    scene.ask()
    scene.now += KEPT_FOR + datetime.timedelta(days=1)

    def prune() -> None:
        with scene.database.engine("bontri_operator").begin() as connection:
            prune_messages(connection, authority_id=scene.town.authority_id, now=scene.now)

    run_at_once(lambda: scene.replay.run_once(scene.now), prune)
    assert scene.points() in range(301)
    assert scene.points() == scene.events()
    scene.assert_sound()
