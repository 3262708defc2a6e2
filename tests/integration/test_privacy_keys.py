"""The encryption key rotates: all that is encrypted follows; until then the key before is needed."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from bontri.reencrypting import Reencrypted, list_found, reencrypt_all, require_keys_of
from rewards.agents import list_agents
from rewards.disputes.opening import WORDS_PURPOSE
from rewards.keyring import Keyring
from rewards.notice_links import make_notices_token, switch_notices_off
from rewards.outbox import post_code, take_letter
from rewards.privacy.reencrypting import SEALED, reencrypt_next
from rewards.privacy.refusals import EncryptionKeyNeededError
from rewards.profiles import change_name, get_profile
from rewards.sessions import seal_label
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town
from tests.ingest_scene import KEYRING, scalar
from tests.operator_commands import environment_of
from tests.races import race

WRITTEN = (
    "INSERT INTO agents VALUES (7, :id, 'Grace', 'd', :email, 'admin', 'active', :now)",
    "UPDATE badges SET label_encrypted = :label",
    "UPDATE contacts SET display_name_encrypted = :name",
    "INSERT INTO disputes (authority_id, dispute_id, citizen_id, transfer_id, reason, words_encrypted, opened_at,"
    " state) VALUES (7, :id, :citizen, :id, 'other', :words, :now, 'open')",
    "INSERT INTO quarantined_messages (authority_id, message_digest, topic, detail, payload_encrypted, received_at,"
    " last_received_at) SELECT a, 'd', 't', '', :payload, :now, :now FROM unnest(ARRAY[0, 7]) AS a",
    "INSERT INTO sessions (authority_id, session_id, citizen_id, token_digest, created_at, expires_at, label_encrypted)"
    " VALUES (7, :id, :citizen, 'd', :now, :now, :label)",
    "INSERT INTO shop_contacts (authority_id, shop_id, email_encrypted) SELECT 7, shop_id, :email FROM shops LIMIT 1",
    "INSERT INTO sign_in_codes (authority_id, sign_in_id, code_digest, expires_at, tries_left, email_encrypted)"
    " VALUES (7, :id, 'd', :now, 5, :email)",
)
COLUMNS = len(SEALED) + 1
"""What is written: one of each, and a quarantined message more, of no authority."""


class Scene:
    """A town with something in every column that is encrypted, under the first key."""

    def __init__(self, database: Database, now: datetime.datetime, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database, self.now, self.monkeypatch = database, now, monkeypatch
        with database.engine().begin() as connection:
            self.town: Town = build_town(connection, KEYRING)
            self.ada = build_citizen(connection, self.town, badge="A", email="ada@example.org")
        self.fill(KEYRING)

    def fill(self, keyring: Keyring) -> None:
        sealed = {
            "email": keyring.encrypt(b"grace@example.org", purpose="email"),
            "label": seal_label(keyring, "red"),
            "name": keyring.encrypt(b"Ada", purpose="name"),
            "words": keyring.encrypt(b"not mine", purpose=WORDS_PURPOSE),
            "payload": keyring.encrypt(b"{}", purpose="quarantine"),
        }
        values = {**sealed, "id": self.ada.citizen_id, "citizen": self.ada.citizen_id, "now": self.now}
        with self.database.engine().begin() as connection:
            for statement in WRITTEN:
                connection.execute(text(statement), values)
            self.post_code(connection, keyring)

    def post_code(self, connection: Any, keyring: Keyring) -> None:
        terms: dict[str, Any] = {"language": None, "good_for": datetime.timedelta(minutes=10), "now": self.now}
        post_code(connection, keyring, "sign_in_code", "ada@example.org", "12345678", authority_id=7, **terms)

    @contextmanager
    def settings(self, number: int, old: int | None = None) -> Iterator[None]:
        """Have commands work with these keys."""
        keys = {"BONTRI_ENCRYPTION_KEY": key_of(number).hex()} if number > 1 else {}
        keys |= {"BONTRI_OLD_ENCRYPTION_KEY": key_of(old).hex()} if old else {}
        with self.monkeypatch.context() as patch:
            environment = environment_of(self.database, BONTRI_ENCRYPTION_KEY_NO=str(number), **keys)
            for name, value in environment.items():
                patch.setenv(name, value)
            yield

    def reencrypt(self, number: int, old: int | None = None) -> Reencrypted:
        with self.settings(number, old):
            return reencrypt_all()

    def starts(self, number: int, old: int | None = None) -> bool:
        """Tell whether processes start with these keys, whatever their role."""
        outcomes = set()
        for role in ("bontri_api", "bontri_ingest", "bontri_operator", "bontri_privacy"):
            try:
                require_keys_of(self.database.url, rotated(number, old), role=role)  # type: ignore[arg-type]
            except EncryptionKeyNeededError:
                outcomes.add(False)
            else:
                outcomes.add(True)
        [outcome] = outcomes
        return outcome


def key_of(number: int) -> bytes:
    return bytes([number]) * 32


def rotated(number: int, old: int | None = None) -> Keyring:
    key, former = key_of(number) if number > 1 else None, key_of(old) if old else None
    return replace(KEYRING, encryption_key=key, encryption_key_no=number, old_encryption_key=former)


@pytest.fixture
def scene(database, now, monkeypatch) -> Scene:
    return Scene(database, now, monkeypatch)


def test_all_that_is_encrypted_follows_the_key_and_then_the_key_before_can_be_dropped(scene: Scene) -> None:
    done = scene.reencrypt(2)
    assert (done.reencrypted, done.encrypted_by_key, done.unreadable) == (COLUMNS, {2: COLUMNS}, {})
    assert scene.reencrypt(2).reencrypted == 0
    # A key is needed until everything was seen to be under another.
    assert [scene.starts(3), scene.starts(3, old=2), scene.starts(4, old=3), scene.starts(1)] == [
        False,
        True,
        False,
        False,
    ]
    with scene.settings(3), pytest.raises(EncryptionKeyNeededError):
        reencrypt_all()
    assert scene.reencrypt(3, old=2).encrypted_by_key == {3: COLUMNS}
    assert [scene.starts(3), scene.starts(2)] == [True, False]
    third = rotated(3)
    with scene.database.engine("bontri_api").connect() as connection:
        own = {"authority_id": 7, "citizen_id": scene.ada.citizen_id}
        profile = get_profile(connection, third, **own)
        letter = take_letter(connection, third, authority_id=7, now=scene.now)
    assert (profile.email, profile.display_name) == ("ada@example.org", "Ada")
    assert letter is not None
    assert (letter.address, letter.facts) == ("ada@example.org", {"code": "12345678"})
    with scene.database.engine("bontri_operator").connect() as connection:
        assert [each.email for each in list_agents(connection, third, authority_id=7)] == ["grace@example.org"]
    # A new authority has nothing older.
    with scene.database.engine().begin() as connection:
        build_town(connection, third, authority_id=8, slug="other")
    assert scene.starts(3)


def test_what_no_key_opens_is_told_and_keeps_the_key_before_needed(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        connection.execute(text("UPDATE disputes SET words_encrypted = repeat('lost', 9)::bytea"))
    done = scene.reencrypt(2)
    assert (done.reencrypted, done.unreadable) == (COLUMNS - 1, {"disputes.words_encrypted": 1})
    assert scalar(scene.database, "SELECT oldest_key_no FROM authorities") == 1
    assert not scene.starts(3)


def test_a_run_that_was_interrupted_goes_on_and_batches_are_bounded(scene: Scene) -> None:
    second, contacts = rotated(2), next(each for each in SEALED if each.name == "contacts.email_encrypted")
    with scene.database.engine().begin() as connection:
        for number in range(4):
            build_citizen(connection, scene.town, email=f"{number}@example.org")
    batches, after = [], None
    for _ in range(2):
        with scene.database.engine("bontri_privacy").begin() as connection:
            bounded = replace(contacts, limit=2)
            batch, after = reencrypt_next(connection, second, bounded, authority_id=7, after=after)
        batches.append(batch.renewed)
    assert batches == [2, 2]
    looked_at: list[tuple[str, int]] = []
    engine = scene.database.engine("bontri_privacy")
    found = list_found(engine, second, [7], lambda column, count: looked_at.append((column, count)))
    assert (found[contacts.name].renewed, found[contacts.name].under) == (1, {1: 1, 2: 4})
    assert (contacts.name, 5) in looked_at


def test_an_address_that_changes_meanwhile_keeps_its_new_value(scene: Scene) -> None:
    """Two runs and somebody who changes a name, at once."""
    names = next(each for each in SEALED if each.name == "contacts.display_name_encrypted")
    second = rotated(2)

    def work(connection: Any, number: int) -> None:
        if number:
            reencrypt_next(connection, second, names, authority_id=7)
        else:
            own = {"authority_id": 7, "citizen_id": scene.ada.citizen_id}
            change_name(connection, second, **own, display_name="Countess")

    race(scene.database.engine(), work, 4)
    with scene.database.engine("bontri_api").connect() as connection:
        profile = get_profile(connection, second, authority_id=7, citizen_id=scene.ada.citizen_id)
    assert profile.display_name == "Countess"


def test_codes_and_links_of_before_are_good_while_the_old_key_is_given(scene: Scene) -> None:
    second, third = rotated(2), rotated(3, old=2)
    token = make_notices_token(second, slug=scene.town.slug, citizen_id=scene.ada.citizen_id)
    with scene.database.engine("bontri_api").begin() as connection:
        connection.execute(
            text(
                "UPDATE outbox SET sent_at = next_try_at, address_encrypted = NULL,"
                " facts_encrypted = NULL WHERE authority_id = 7"
            )
        )
        scene.post_code(connection, second)
        for keyring, is_good in ((rotated(3), False), (third, True)):
            assert switch_notices_off(connection, keyring, token) == is_good
            letter = take_letter(connection, keyring, authority_id=7, now=scene.now)
            assert letter is not None
            assert letter.fault == (None if is_good else "unreadable")
            connection.execute(text("UPDATE outbox SET next_try_at = :now WHERE authority_id = 7"), {"now": scene.now})
