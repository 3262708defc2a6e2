"""Secrets rotate while everything runs: cards are stored anew when they are used, addresses by a command."""

import datetime
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text

from bontri.settings import SettingsError, read_settings
from ingest.pipeline import Pipeline
from rewards.agents import invite_agent, list_agents
from rewards.badges import renew_badges
from rewards.cards import CardUnknownError, block_card, get_card
from rewards.citizens import BadgeTakenError, Citizen, find_citizen_by_email, pair_badge
from rewards.keyring import Keyring
from rewards.notice_links import make_notices_token, switch_notices_off
from rewards.outbox import Letter, post_code, take_letter
from rewards.privacy import BEFORE_ALL
from rewards.privacy.reencrypting import OWNERS, Secrets, count_secrets, reencrypt_addresses
from rewards.shop_contacts import note_shop_contact
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town
from tests.ingest_scene import scalar
from tests.operator_commands import environment_of
from tests.races import race
from tests.speaker import Speaker, deposit, read, tell

CARD, OTHER_CARD = "04A2B9C1", "04A2B9C2"


class Scene:
    """A town with a card and an address stored under the first secrets, and keyrings of the time of rotation."""

    def __init__(self, database: Database, keyring: Keyring, now: datetime.datetime) -> None:
        self.database, self.old, self.now = database, keyring, now
        self.rotating = replace(
            keyring, badge_pepper=b"q" * 32, badge_pepper_no=2, old_badge_pepper=keyring.badge_pepper
        )
        self.new = replace(self.rotating, old_badge_pepper=None)
        with database.engine().begin() as connection:
            self.town: Town = build_town(connection, keyring)
            self.ada: Citizen = build_citizen(connection, self.town, badge=CARD, email="ada@example.org")
            self.bob: Citizen = build_citizen(connection, self.town, badge=OTHER_CARD, email="bob@example.org")
        self.speaker, self.seqs = Speaker(keyring, self.town.slug, self.town.bin_ids[0]), iter(range(1, 1000))

    def report(self, keyring: Keyring, badge: str = CARD) -> str:
        """Have a worker with these secrets take a deposit; return what the bin is told."""
        pipeline = Pipeline(self.database.engine("bontri_ingest"), keyring)
        message = self.speaker.events(self.now, deposit(next(self.seqs), self.now, badge=badge))
        [receipt] = tell(pipeline, [message], now=self.now)
        return str(read(receipt)["results"][0]["state"])

    def secrets(self) -> Secrets:
        with self.database.engine("bontri_privacy").connect() as connection:
            return count_secrets(connection, authority_id=7)

    def reencrypt(self, keyring: Keyring, limit: int = 500) -> int:
        done = 0
        for table in OWNERS:
            after: UUID | None = BEFORE_ALL
            while after is not None:
                with self.database.engine("bontri_privacy").begin() as connection:
                    count, after = reencrypt_addresses(
                        connection, keyring, table, authority_id=7, after=after, limit=limit
                    )
                done += count
        return done

    def take(self, keyring: Keyring) -> Letter:
        """Take the letter that waits, and leave it where it is."""
        with self.database.engine("bontri_api").connect() as connection:
            taken = take_letter(connection, keyring, authority_id=7, now=self.now)
        assert taken is not None
        return taken


@pytest.fixture
def scene(database, keyring, now) -> Scene:
    return Scene(database, keyring, now)


def test_a_card_is_stored_anew_when_it_is_used(scene: Scene) -> None:
    assert scene.report(scene.old) == "credited"
    assert scene.secrets().cards == {1: 2}
    assert [scene.report(scene.rotating) for _ in range(2)] == ["credited", "credited"]
    assert scene.secrets().cards == {1: 1, 2: 1}
    # The old pepper is thrown away: who used a card meanwhile notices nothing, another one pairs it again.
    assert scene.report(scene.new) == "credited"
    assert scene.report(scene.new, OTHER_CARD) == "counted"
    points = "SELECT sum(a.credits_posted) FROM accounts a WHERE a.kind = 'lot'"
    assert scalar(scene.database, points) == 4


def test_control_without_the_old_pepper_a_card_is_a_stranger_s(scene: Scene) -> None:
    assert scene.report(scene.new) == "counted"
    assert scene.secrets().cards == {1: 2}


def test_over_the_counter_both_peppers_are_known(scene: Scene) -> None:
    with scene.database.engine("bontri_operator").begin() as connection:
        of_town = {"authority_id": 7}
        assert get_card(connection, scene.rotating, **of_town, badge=CARD).citizen == scene.ada
        with pytest.raises(CardUnknownError):
            get_card(connection, scene.new, **of_town, badge=CARD)
        pair_badge(connection, scene.rotating, **of_town, citizen_id=scene.ada.citizen_id, badge=CARD, now=scene.now)
        with pytest.raises(BadgeTakenError):
            pair_badge(
                connection, scene.rotating, **of_town, citizen_id=scene.bob.citizen_id, badge=CARD, now=scene.now
            )
        assert block_card(connection, scene.rotating, **of_town, badge=CARD, now=scene.now)
    assert scene.secrets().cards == {1: 2}
    assert scene.report(scene.rotating) == "counted"  # blocked stays blocked
    assert scene.secrets().cards == {1: 1, 2: 1}


def test_two_workers_store_a_card_anew_once(scene: Scene) -> None:
    digest = scene.rotating.badge_digest(authority_id=7, badge=CARD)
    former = scene.rotating.former_badge(authority_id=7, badge=CARD)
    assert former is not None
    counts: list[int] = []
    engine = scene.database.engine("bontri_ingest")
    race(engine, lambda connection, _: counts.append(renew_badges(connection, {digest: former}, authority_id=7)), 6)
    assert sorted(counts) == [0, 0, 0, 0, 0, 1]
    assert scene.secrets().cards == {1: 1, 2: 1}


def test_with_one_pepper_the_ingest_sends_what_it_sent_before(scene: Scene) -> None:
    """The hot path pays nothing: no statement more, and none that asks for another digest."""
    statements: list[str] = []
    engine = scene.database.engine("bontri_ingest")
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    scene.report(scene.old)
    assert [each for each in statements if "UPDATE badges" in each] == []
    assert sum("FROM badges" in each for each in statements) == 1
    assert scene.old.former_badge(authority_id=7, badge=CARD) is None


def rotate(keyring: Keyring, number: int, *, old: bytes | None = None) -> Keyring:
    return replace(keyring, encryption_key=bytes([number]) * 32, encryption_key_no=number, old_encryption_key=old)


def test_addresses_are_encrypted_under_the_new_key_and_read_under_both(scene: Scene) -> None:
    second = rotate(scene.old, 2)
    letter = (
        "INSERT INTO outbox (authority_id, message_id, citizen_id, kind, facts, created_at, next_try_at)"
        " VALUES (7, gen_random_uuid(), :c, 'points_expiring', '{}', :now, :now)"
    )
    with scene.database.engine().begin() as connection:
        connection.execute(text(letter), {"c": scene.ada.citizen_id, "now": scene.now})
        build_citizen(connection, replace_keyring(scene.town, second), badge="E", email="eve@example.org")

    add_agent_and_shop(scene)
    assert scene.secrets().addresses == {1: 4, 2: 1}
    assert scene.take(second).address == "ada@example.org"
    assert [scene.reencrypt(second, limit=1), scene.reencrypt(second)] == [4, 0]
    assert scene.secrets().addresses == {2: 5}
    assert scene.take(second).address == "ada@example.org"
    assert (scene.take(scene.old).address, scene.take(scene.old).fault) == ("", "unreadable")
    third = rotate(scene.old, 3, old=second.encryption_key)
    assert scene.reencrypt(third) == 5
    assert scene.take(rotate(scene.old, 3)).address == "ada@example.org"
    with scene.database.engine("bontri_operator").connect() as connection:
        [agent] = list_agents(connection, rotate(scene.old, 3), authority_id=7)
    assert agent.email == "grace@example.org"
    with scene.database.engine("bontri_api").connect() as connection:
        found = find_citizen_by_email(connection, third, authority_id=7, email="ada@example.org")
    assert found == scene.ada.citizen_id


def add_agent_and_shop(scene: Scene) -> None:
    """Add addresses of an agent and of a shop, under the first key."""
    agent: dict[str, Any] = {"name": "Grace", "email": "grace@example.org", "role": "admin", "now": scene.now}
    with scene.database.engine("bontri_operator").begin() as connection:
        invite_agent(connection, scene.old, authority_id=7, **agent)
        shop_id = scene.town.shop.shop_id
        for _ in range(2):
            note_shop_contact(connection, scene.old, shop_id, authority_id=7, email="shop@example.org", language=None)


def test_codes_and_links_of_before_are_good_while_the_old_key_is_given(scene: Scene) -> None:
    second = rotate(scene.old, 2)
    third = rotate(scene.old, 3, old=second.encryption_key)
    ten_minutes = datetime.timedelta(minutes=10)
    code = {"authority_id": 7, "language": None, "good_for": ten_minutes, "now": scene.now}
    token = make_notices_token(second, slug=scene.town.slug, citizen_id=scene.ada.citizen_id)
    with scene.database.engine("bontri_api").begin() as connection:
        post_code(connection, second, "sign_in_code", "ada@example.org", "12345678", **code)
        for keyring, is_good in ((rotate(scene.old, 3), False), (third, True)):
            assert switch_notices_off(connection, keyring, token) == is_good
    assert scene.take(rotate(scene.old, 3)).fault == "unreadable"
    assert (scene.take(third).address, scene.take(third).facts) == ("ada@example.org", {"code": "12345678"})


def replace_keyring(town: Town, keyring: Keyring) -> Town:
    return replace(town, keyring=keyring)


def test_keys_and_numbers_that_do_not_fit_are_told(database, monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in (
        {"BONTRI_ENCRYPTION_KEY": "ab" * 32},
        {"BONTRI_ENCRYPTION_KEY_NO": "2"},
        {"BONTRI_OLD_BADGE_PEPPER": "ab" * 32},
        {"BONTRI_BADGE_PEPPER_NO": "0"},
    ):
        with monkeypatch.context() as patch:
            for name, value in environment_of(database, **settings).items():
                patch.setenv(name, value)
            with pytest.raises(SettingsError):
                read_settings().keyring()
