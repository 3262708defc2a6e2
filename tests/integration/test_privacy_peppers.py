"""The pepper of cards rotates while everything runs: a card is stored anew when it is used."""

import datetime
from dataclasses import replace

import pytest
from sqlalchemy import event

from bontri.settings import SettingsError, read_settings
from ingest.pipeline import Pipeline
from rewards.badges import renew_badges
from rewards.cards import CardUnknownError, block_card, get_card
from rewards.cards.own import claim_own_card
from rewards.citizens import BadgeTakenError, Citizen, pair_badge
from rewards.keyring import Keyring
from rewards.privacy.reencrypting import count_peppers
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

    def cards(self) -> dict[int, int]:
        """Count the cards under each pepper."""
        with self.database.engine("bontri_privacy").connect() as connection:
            return dict(count_peppers(connection, authority_id=7))


@pytest.fixture
def scene(database, keyring, now) -> Scene:
    return Scene(database, keyring, now)


def test_a_card_is_stored_anew_when_it_is_used(scene: Scene) -> None:
    assert scene.report(scene.old) == "credited"
    assert scene.cards() == {1: 2}
    assert [scene.report(scene.rotating) for _ in range(2)] == ["credited", "credited"]
    assert scene.cards() == {1: 1, 2: 1}
    # The old pepper is thrown away: who used a card meanwhile notices nothing, another one pairs it again.
    assert scene.report(scene.new) == "credited"
    assert scene.report(scene.new, OTHER_CARD) == "counted"
    points = "SELECT sum(a.credits_posted) FROM accounts a WHERE a.kind = 'lot'"
    assert scalar(scene.database, points) == 4


def test_control_without_the_old_pepper_a_card_is_a_stranger_s(scene: Scene) -> None:
    assert scene.report(scene.new) == "counted"
    assert scene.cards() == {1: 2}


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
    assert scene.cards() == {1: 2}
    assert scene.report(scene.rotating) == "counted"  # blocked stays blocked
    assert scene.cards() == {1: 1, 2: 1}


def test_a_citizen_claims_a_card_that_was_used_under_the_former_pepper(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        build_citizen(connection, scene.town, badge="LOOSE")
    assert scene.report(scene.old, "LOOSE") == "credited"
    of_ada = {"authority_id": 7, "citizen_id": scene.ada.citizen_id}
    with scene.database.engine("bontri_api").begin() as connection:
        claimed = [
            claim_own_card(connection, scene.rotating, **of_ada, badge=badge, label="La rouge", now=scene.now)
            for badge in ("LOOSE", CARD)
        ]
    assert [each.points > 0 for each in claimed] == [True, False]
    owner = "SELECT citizen_id FROM badges WHERE card_id = :card_id"
    assert {scalar(scene.database, owner, card_id=each.card_id) for each in claimed} == {scene.ada.citizen_id}


def test_two_workers_store_a_card_anew_once(scene: Scene) -> None:
    digest = scene.rotating.badge_digest(authority_id=7, badge=CARD)
    former = scene.rotating.former_badge(authority_id=7, badge=CARD)
    assert former is not None
    counts: list[int] = []
    engine = scene.database.engine("bontri_ingest")
    race(engine, lambda connection, _: counts.append(renew_badges(connection, {digest: former}, authority_id=7)), 6)
    assert sorted(counts) == [0, 0, 0, 0, 0, 1]
    assert scene.cards() == {1: 1, 2: 1}


def test_with_one_pepper_the_ingest_sends_what_it_sent_before(scene: Scene) -> None:
    """The hot path pays nothing: no statement more, and none that asks for another digest."""
    statements: list[str] = []
    engine = scene.database.engine("bontri_ingest")
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    scene.report(scene.old)
    assert [each for each in statements if "UPDATE badges" in each] == []
    assert sum("FROM badges" in each for each in statements) == 1
    assert scene.old.former_badge(authority_id=7, badge=CARD) is None


def test_keys_and_numbers_that_do_not_fit_are_told(database, monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in (
        {"BONTRI_ENCRYPTION_KEY": "ab" * 32},
        {"BONTRI_ENCRYPTION_KEY_NO": "2"},
        {"BONTRI_OLD_BADGE_PEPPER": "ab" * 32},
        {"BONTRI_BADGE_PEPPER_NO": "0"},
        {
            "BONTRI_ENCRYPTION_KEY": "ab" * 32,
            "BONTRI_ENCRYPTION_KEY_NO": "2",
            "BONTRI_OLD_ENCRYPTION_KEY": "cd" * 32,
        },
    ):
        with monkeypatch.context() as patch:
            for name, value in environment_of(database, **settings).items():
                patch.setenv(name, value)
            with pytest.raises(SettingsError):
                read_settings().keyring()
