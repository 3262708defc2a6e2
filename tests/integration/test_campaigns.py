"""Campaigns, their budgets, a bin's hour and the welcome, through the real pipeline."""

import datetime
import threading
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, text

from ingest.pipeline import Pipeline
from rewards.ids import new_id
from rewards.schema.tariffs import Campaign
from rewards.statements import explain, list_movements
from rewards.tariffs import add_tariff
from rewards.verify import verify
from rewards.wallets import get_wallet
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town
from tests.ingest_scene import scalar
from tests.speaker import Speaker, deposit, read, tell

PARIS = ZoneInfo("Europe/Paris")
HOUR = datetime.timedelta(hours=1)


class Scene:
    """A town, a pipeline, and a bin that speaks."""

    def __init__(self, database: Database, keyring: Any, now: datetime.datetime) -> None:
        self.database, self.now = database, now
        with database.engine().begin() as connection:
            self.town: Town = build_town(connection, keyring)
            self.citizen = build_citizen(connection, self.town, badge="BADGE")
            build_citizen(connection, self.town, badge="OTHER")
        self.keyring = keyring
        self.pipeline = Pipeline(database.engine("bontri_ingest"), keyring)
        self.speakers = [Speaker(keyring, self.town.slug, bin_id) for bin_id in self.town.bin_ids]

    def tariff(self, **more: Any) -> None:
        """Put another tariff in force a day ago."""
        with self.database.engine().begin() as connection:
            lines: dict[str, Any] = {"glass": ("item", 1), "plastic": ("kilogram", 10)}
            valid_from = self.now - 24 * HOUR
            add_tariff(connection, authority_id=7, name="new", valid_from=valid_from, lines=lines, **more)

    def campaign(self, name: str, **facts: Any) -> str:
        """Publish a campaign that runs from yesterday until tomorrow."""
        campaign_id = new_id()
        with self.database.engine().begin() as connection:
            connection.execute(
                insert(Campaign).values(
                    authority_id=7,
                    campaign_id=campaign_id,
                    name=name,
                    valid_from=self.now - 24 * HOUR,
                    valid_until=self.now + 24 * HOUR,
                    **facts,
                )
            )
        return str(campaign_id)

    def drop(self, *events: dict[str, Any], speaker: int = 0) -> list[dict[str, Any]]:
        """Report events of one bin; return what the receipt says of each."""
        [receipt] = tell(self.pipeline, [self.speakers[speaker].events(self.now, *events)], now=self.now)
        results: list[dict[str, Any]] = read(receipt)["results"]
        return results

    def sentences(self) -> list[str]:
        with self.database.engine("bontri_api").connect() as connection:
            movements = list_movements(connection, authority_id=7, wallet_id=self.citizen.wallet_id, timezone=PARIS)
        return [explain(each, timezone=PARIS, language="fr") for each in movements]

    def points(self) -> int:
        with self.database.engine().connect() as connection:
            own = {"authority_id": 7, "wallet_id": self.citizen.wallet_id}
            return get_wallet(connection, **own, now=self.now).points

    def assert_sound(self) -> None:
        findings = verify(self.database.engine("bontri_reader")).findings
        assert [each for each in findings if each.violations] == []


@pytest.fixture
def scene(database: Database, keyring: Any, now: datetime.datetime) -> Scene:
    return Scene(database, keyring, now)


def test_a_multiplier_is_credited_within_the_cap_and_explained(scene: Scene) -> None:
    scene.tariff(day_cap_points=10)
    scene.campaign("Semaine du tri", multiplier_percent=200, materials=["glass"])
    results = scene.drop(deposit(1, scene.now, items=3, badge="BADGE"), deposit(2, scene.now, items=3, badge="BADGE"))
    assert [each["points"] for each in results] == [6, 4]
    assert sorted(scene.sentences()) == [
        "3 verres × 1 point = 3 points, × 2 « Semaine du tri » = 6 points",
        "3 verres × 1 point = 3 points, × 2 « Semaine du tri » = 6 points ; plafond du jour : 2 points retenus",
    ]
    scene.assert_sound()


def test_of_two_campaigns_the_one_that_gives_more_applies_alone(scene: Scene) -> None:
    scene.campaign("peu", bonus_points=2)
    scene.campaign("beaucoup", multiplier_percent=300)
    results = scene.drop(deposit(1, scene.now, items=5, badge="BADGE"), deposit(2, scene.now, items=1, badge="BADGE"))
    assert [each["points"] for each in results] == [15, 3]


def test_places_days_and_hours_are_those_of_the_deposit(scene: Scene) -> None:
    # A Saturday, ten in the morning; the bins stand in Saint-Denis and Aubervilliers.
    scene.campaign("samedi", bonus_points=5, weekdays=[6], from_time=datetime.time(9), until_time=datetime.time(11))
    scene.campaign("Aubervilliers", bonus_points=7, insee_codes=["93001"])
    here = scene.drop(deposit(1, scene.now, items=1, badge="BADGE"), deposit(2, scene.now - HOUR * 2, badge="BADGE"))
    there = scene.drop(deposit(1, scene.now, items=1, badge="BADGE"), speaker=1)
    assert [each["points"] for each in (*here, *there)] == [6, 1, 8]


def test_a_late_deposit_gets_the_campaign_of_its_time(scene: Scene) -> None:
    scene.campaign("hier", bonus_points=5)
    with scene.database.engine().begin() as connection:
        connection.execute(text("UPDATE campaigns SET stopped_at = :now"), {"now": scene.now - HOUR})
    results = scene.drop(deposit(1, scene.now - HOUR * 2, items=1, badge="BADGE"), deposit(2, scene.now, badge="BADGE"))
    assert [each["points"] for each in results] == [6, 1]


def test_a_budget_is_spent_to_the_last_point_and_not_beyond(scene: Scene) -> None:
    scene.campaign("budget", bonus_points=5, budget_points=12)
    results = scene.drop(*(deposit(seq, scene.now, items=1, badge="BADGE") for seq in range(1, 5)))
    assert [each["points"] for each in results] == [6, 6, 3, 1]
    assert "3 verres" not in scene.sentences()[0]
    assert any("dont le budget est épuisé" in sentence for sentence in scene.sentences())
    assert scalar(scene.database, "SELECT used_points FROM campaigns") == 12
    scene.assert_sound()


def test_caps_give_the_budget_back_what_they_hold_back(scene: Scene) -> None:
    scene.tariff(day_cap_points=8)
    scene.campaign("budget", bonus_points=5, budget_points=12)
    results = scene.drop(*(deposit(seq, scene.now, items=1, badge="BADGE") for seq in range(1, 4)))
    assert [(each["state"], each.get("points")) for each in results] == [
        ("credited", 6),
        ("credited", 2),
        ("capped", None),
    ]
    # Six of the first deposit, of the second two: one by the tariff, one by the campaign.
    assert scalar(scene.database, "SELECT used_points FROM campaigns") == 6
    scene.assert_sound()


def test_writers_at_once_spend_no_more_than_the_budget(scene: Scene) -> None:
    scene.campaign("budget", bonus_points=5, budget_points=23)
    line = threading.Barrier(4)
    credited: list[int] = []

    def report(number: int) -> None:
        pipeline = Pipeline(scene.database.engine("bontri_ingest"), scene.keyring)
        events = [deposit(seq, scene.now, items=1, badge="BADGE") for seq in range(number * 5 + 1, number * 5 + 6)]
        line.wait(10)
        message = scene.speakers[number % 2].events(scene.now, *events)
        [receipt] = tell(pipeline, [message], now=scene.now)
        credited.extend(each["points"] for each in read(receipt)["results"])

    threads = [threading.Thread(target=report, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(credited) == 20 + 23
    scene.assert_sound()


def test_a_bin_gives_no_more_in_an_hour_than_its_cap(scene: Scene) -> None:
    scene.tariff(bin_hour_cap_points=10)
    results = scene.drop(
        deposit(1, scene.now, items=8, badge="BADGE"),
        deposit(2, scene.now, items=8, badge="OTHER"),
        deposit(3, scene.now - HOUR, items=8, badge="OTHER"),
    )
    other_bin = scene.drop(deposit(1, scene.now, items=8, badge="BADGE"), speaker=1)
    assert [each["points"] for each in (*results, *other_bin)] == [8, 2, 8, 8]
    scene.assert_sound()


def test_a_welcome_is_given_once_with_the_first_deposit(scene: Scene) -> None:
    scene.tariff(welcome_points=10)
    scene.drop(deposit(1, scene.now, items=2, badge="BADGE"), deposit(2, scene.now, items=1, badge="BADGE"))
    scene.drop(deposit(3, scene.now, items=4, badge="BADGE"))
    assert scene.points() == 10 + 2 + 1 + 4
    assert "Bienvenue : 10 points offerts pour votre premier dépôt" in scene.sentences()
    assert scalar(scene.database, "SELECT count(*) FROM transfers WHERE reason = 'welcome'") == 1
    scene.assert_sound()


def test_of_two_workers_that_see_a_newcomer_at_once_one_welcomes(scene: Scene) -> None:
    scene.tariff(welcome_points=10)
    line = threading.Barrier(2)

    def report(number: int) -> None:
        pipeline = Pipeline(scene.database.engine("bontri_ingest"), scene.keyring)
        line.wait(10)
        tell(pipeline, [scene.speakers[number].events(scene.now, deposit(1, scene.now, badge="BADGE"))], now=scene.now)

    threads = [threading.Thread(target=report, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert scene.points() == 12
    assert scalar(scene.database, "SELECT count(*) FROM transfers WHERE reason = 'welcome'") == 1


def test_a_campaign_for_first_deposits_counts_once_a_citizen(scene: Scene) -> None:
    scene.campaign("premier", bonus_points=9, is_first_deposit_only=True)
    scene.campaign("tous", bonus_points=1)
    first = scene.drop(deposit(1, scene.now, items=1, badge="BADGE"), deposit(2, scene.now, items=1, badge="BADGE"))
    again = scene.drop(deposit(3, scene.now, items=1, badge="BADGE"), deposit(4, scene.now, items=1, badge="OTHER"))
    assert [each["points"] for each in (*first, *again)] == [10, 2, 2, 10]


def test_what_the_tariff_does_not_reward_a_campaign_does_not_either(scene: Scene) -> None:
    scene.campaign("bonus", bonus_points=5)
    [result] = scene.drop(deposit(1, scene.now, items=0, refused=1, badge="BADGE"))
    assert result["state"] == "counted"
