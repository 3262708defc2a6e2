"""The standing invariants: they hold on a busy database, and each one notices the damage it is there for."""

import datetime
from typing import Any

import pytest

from ingest.pipeline import Pipeline
from rewards.invariants import INVARIANTS
from rewards.keyring import Keyring
from rewards.verify import SAMPLES, verify
from tests.databases import Database
from tests.speaker import Speaker, deposit, read, tell
from tests.verify_damages import DAMAGES, MORE_DAMAGE
from tests.verify_scene import OTHER_BADGE, Scene, build_scene


@pytest.fixture
def scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    return build_scene(database, keyring, now)


def test_a_busy_database_is_sound_and_counted(scene: Scene) -> None:
    verification = scene.verify()
    assert verification.is_sound
    assert [finding.invariant for finding in verification.findings] == list(INVARIANTS) * 2
    assert verification.counts["plaine-commune"] == verification.counts["grand-lyon"]
    counts = verification.counts["plaine-commune"]
    assert counts["events"] == 25
    assert counts["vouchers"] == 5
    assert counts["lost_events"] == 4  # second bin: 1 to 4
    assert counts["missing_events"] == 2 + 3  # first bin: 20, 21; second bin: 5, 6, 10
    assert counts["quarantined_messages"] == 3  # two events in one message, the garbage, the conflict


def test_an_empty_database_is_sound(database: Database) -> None:
    verification = verify(database.engine("bontri_reader"))
    assert verification.is_sound
    assert verification.findings == []


def test_every_invariant_has_a_control_below() -> None:
    assert set(DAMAGES) == set(INVARIANTS)


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_damage_by_hand_is_found_by_its_invariant_and_by_no_other(scene: Scene, invariant: str) -> None:
    damage, expected = DAMAGES[invariant]
    damage(scene)
    assert scene.broken() == expected
    verification = scene.verify()
    assert not verification.is_sound
    [finding] = [each for each in verification.findings if each.violations and each.invariant == invariant]
    assert 0 < len(finding.samples) <= SAMPLES


@pytest.mark.parametrize("damage", MORE_DAMAGE)
def test_other_damage_is_found_too(scene: Scene, damage: str) -> None:
    statement, expected = MORE_DAMAGE[damage]
    scene.damage(statement)
    assert scene.broken() == expected


def test_work_under_way_is_seen_whole_or_not_at_all(scene: Scene) -> None:
    """A transaction that commits between two queries of a verification must not look like damage."""
    speaker = Speaker(scene.keyring, scene.town.slug, scene.town.bin_ids[0])
    pipeline = Pipeline(scene.database.engine("bontri_ingest"), scene.keyring)
    seqs = iter(range(100, 200))
    engine = scene.database.engine("bontri_reader")
    interruptions = []

    class Interrupting:
        """An engine whose connections let a deposit commit before every query but the first."""

        def connect(self) -> Any:
            connection = engine.connect()
            execute = connection.execute

            def interrupt(statement: Any, *arguments: Any) -> Any:
                if "SET LOCAL" not in str(statement):
                    message = speaker.events(scene.now, deposit(next(seqs), scene.now, badge=OTHER_BADGE))
                    [receipt] = tell(pipeline, [message], now=scene.now)
                    interruptions.append(read(receipt)["upto"])
                return execute(statement, *arguments)

            connection.execute = interrupt  # type: ignore[method-assign]
            return connection

    assert verify(Interrupting()).is_sound  # type: ignore[arg-type]
    assert len(interruptions) > 5
    assert scene.verify().is_sound
