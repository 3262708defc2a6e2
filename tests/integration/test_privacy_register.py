"""The register of erasures: written before anything is erased, and applied again after a restore."""

from typing import Any
from uuid import UUID

import pytest

from rewards.privacy import (
    ErasureRegister,
    ErasureRegisterFaultyError,
    erase_citizen,
    list_unknown_erasures,
)
from tests.privacy_scene import Scene


@pytest.fixture
def scene(database, keyring, now, tmp_path) -> Scene:
    scene = Scene(database, keyring, now)
    scene.register = ErasureRegister(tmp_path / "erasures.jsonl")
    return scene


class Register(ErasureRegister):
    """A register that fails, as a full disk does."""

    def add(self, *arguments: Any, **named: Any) -> list[UUID]:
        raise OSError(28, "No space left on device")


def test_nothing_is_erased_that_could_not_be_registered(scene: Scene, tmp_path) -> None:
    before = scene.rows_about(scene.citizen)
    scene.register, kept = Register(tmp_path / "x"), scene.register
    with pytest.raises(OSError, match="No space"):
        scene.erase(scene.citizen)
    scene.register = kept
    assert scene.rows_about(scene.citizen) == before
    assert scene.wallet(scene.citizen.wallet_id).points == 100


def test_a_torn_line_of_the_register_is_told_and_nothing_is_changed(scene: Scene, tmp_path) -> None:
    path = tmp_path / "torn.jsonl"
    scene.register = ErasureRegister(path)
    scene.erase(scene.other)
    with path.open("a") as file:
        file.write('{"authority_id": 7, "citiz')
    with pytest.raises(ErasureRegisterFaultyError, match="line 2"):
        scene.erase(scene.citizen)
    assert scene.wallet(scene.citizen.wallet_id).points == 100
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_register_erases_whom_a_restore_brought_back(scene: Scene) -> None:
    """The backup is from before the erasure: here, the transaction that is rolled back after it was registered."""
    with scene.database.engine("bontri_privacy").connect() as connection:
        named = {"authority_id": 7, "asked_by": "citizen", "now": scene.now}
        erase_citizen(connection, scene.keyring, scene.register, scene.citizen.citizen_id, **named)
        connection.rollback()
    assert scene.wallet(scene.citizen.wallet_id).points == 100
    registered = [each.citizen_id for each in scene.register.read()]
    back = scene.privacy(list_unknown_erasures, registered)
    assert back == [scene.citizen.citizen_id]
    assert scene.erase(scene.citizen).points == 100
    assert scene.privacy(list_unknown_erasures, registered) == []
    assert len(scene.register.read()) == 1
    scene.assert_sound()
