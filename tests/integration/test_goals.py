"""A collective goal is all or nothing: reached by the last point missing, or everything goes back where it was."""

import datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from bontri.jobs.expiring import close_goals_of
from rewards.causes import CauseMissingError, CauseStateError, end_cause
from rewards.expiry import GRACE, expire_points, first_position
from rewards.goals import (
    LEAST_GIVERS,
    ClosedGoal,
    GoalMissingError,
    GoalNotOpenError,
    GoalStateError,
    GoalUnknownError,
    close_if_running,
    give_back,
    list_ended_goals,
    list_goals,
)
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.statements import explain
from rewards.wallets import PointsInsufficientError
from tests.databases import Database
from tests.donation_scene import DAY, PARIS, Scene
from tests.factories import LONG_AGO, build_goal, build_town

SECOND = datetime.timedelta(seconds=1)


@pytest.fixture
def scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    return Scene(database, keyring, now)


def test_the_last_gift_takes_only_what_is_missing_and_reaches_the_goal(scene: Scene) -> None:
    scene.give_to_goal(30)
    assert (scene.goal().state, scene.goal().points, scene.goal().share_percent) == ("open", 30, 30)
    other = scene.join(90)
    scene.give_to_goal(80, wallet_id=other, at=scene.now + DAY)
    goal = scene.goal()
    assert (goal.state, goal.points, goal.share_percent) == ("reached", 100, 100)
    assert goal.reached_at == scene.now + DAY
    assert (scene.points(), scene.points(other)) == (0, 20)
    scene.assert_refused(GoalNotOpenError, lambda: scene.give_to_goal(1, wallet_id=other))
    scene.assert_sound()


def test_what_is_missing_is_enough_to_have(scene: Scene) -> None:
    """Who asks to give more than is missing needs only what is missing."""
    scene.give_to_goal(90, wallet_id=scene.join(90))
    scene.give_to_goal(1000)
    assert (scene.goal().state, scene.points()) == ("reached", 20)


def test_a_goal_that_was_reached_hands_its_points_to_its_cause(scene: Scene) -> None:
    scene.give_to_goal(100, wallet_id=scene.join(100))
    with scene.database.engine("bontri_operator").begin() as connection:
        end_cause(connection, scene.cause_id, **scene.tenant)
    # What was promised is kept, though the cause takes no donations any more.
    assert scene.close() == ClosedGoal("closed", 100)
    assert (scene.held("goal"), scene.held("cause")) == (0, 100)
    assert (scene.goal().state, scene.goal().points) == ("closed", 100)
    assert scene.give_back() == []
    scene.assert_sound()


def test_a_goal_without_a_cause_keeps_its_points(scene: Scene) -> None:
    goal_id = scene.set_goal(10, ends_at=scene.ends_at)
    scene.give_to_goal(10, to=goal_id)
    assert scene.close(goal_id, at=scene.now + DAY) == ClosedGoal("closed", 10)
    assert scene.held("goal") == 10
    scene.assert_sound()


def test_a_goal_that_was_missed_gives_every_point_back_to_its_lot(scene: Scene) -> None:
    later = scene.now + 60 * DAY
    scene.earn(20, at=later)
    before = scene.movements()
    with scene.database.engine().connect() as connection:
        lots = text("SELECT account_id, credits_posted - debits_posted FROM accounts WHERE kind = 'lot' ORDER BY 1")
        held = connection.execute(lots).all()
    scene.give_to_goal(10, at=later)
    scene.give_to_goal(35, at=later + DAY)
    assert scene.points(at=later + DAY) == 5
    assert scene.close() == ClosedGoal("missed", 45)
    assert scene.give_back(limit=1) == [1, 1]
    with scene.database.engine().connect() as connection:
        assert connection.execute(lots).all() == held
    returned, again, *_ = scene.movements()
    assert {(each.kind, each.points) for each in (returned, again)} == {
        ("donation_returned", 10),
        ("donation_returned", 35),
    }
    sentences = {explain(each, timezone=PARIS, language="fr") for each in (returned, again)}
    assert "Objectif commun « An orchard » non atteint : 35 points rendus" in sentences
    assert explain(scene.movements()[2], timezone=PARIS, language="en") == (
        "Collective goal “An orchard”: 35 points given"
    )
    assert [each for each in scene.movements() if each.kind == "deposit"] == before
    assert (scene.goal().state, scene.goal().points, scene.held("goal")) == ("missed", 45, 0)
    scene.assert_sound()


def test_points_that_expired_meanwhile_come_back_for_another_month(scene: Scene) -> None:
    goal_id = scene.set_goal(100, ends_at=scene.over + DAY)
    scene.give_to_goal(20, to=goal_id)
    engine = scene.database.engine("bontri_api")
    with engine.begin() as connection:
        after = first_position(connection, **scene.tenant)
        assert expire_points(connection, **scene.tenant, now=scene.over, after=after).points == 10
    at = scene.over + DAY
    scene.close(goal_id, at=at)
    assert scene.give_back(at=at) == [1]
    assert scene.points(at=at) == 20
    assert scene.points(at=at + GRACE - DAY) == 20
    assert scene.points(at=at + GRACE) == 0
    scene.assert_sound()


def test_a_goal_is_open_from_its_beginning_until_before_its_end(scene: Scene) -> None:
    scene.assert_refused(GoalNotOpenError, lambda: scene.give_to_goal(1, at=LONG_AGO - SECOND))
    scene.assert_refused(GoalNotOpenError, lambda: scene.give_to_goal(1, at=scene.ends_at))
    scene.give_to_goal(1, at=scene.ends_at - SECOND)


def test_what_cannot_be_given_is_refused_and_changes_nothing(scene: Scene, keyring: Keyring) -> None:
    scene.assert_refused(PointsInsufficientError, lambda: scene.give_to_goal(31))
    scene.assert_refused(GoalUnknownError, lambda: scene.give_to_goal(1, to=new_id()))
    scene.assert_refused(GoalUnknownError, lambda: scene.give_to_goal(1, to=scene.cause_id))
    with scene.database.engine().begin() as connection:
        town = build_town(connection, keyring, authority_id=8, slug="elsewhere")
        elsewhere = build_goal(connection, town, target_points=10, ends_at=scene.ends_at)
    scene.assert_refused(GoalUnknownError, lambda: scene.give_to_goal(1, to=elsewhere))
    scene.assert_refused(GoalMissingError, lambda: scene.close(elsewhere))
    scene.assert_refused(CauseMissingError, lambda: scene.set_goal(1, ends_at=scene.ends_at, to_cause_id=new_id()))
    with scene.database.engine("bontri_operator").begin() as connection:
        end_cause(connection, scene.cause_id, **scene.tenant)
    ended = {"ends_at": scene.ends_at, "to_cause_id": scene.cause_id}
    scene.assert_refused(CauseStateError, lambda: scene.set_goal(1, **ended))


def test_a_goal_is_closed_once_also_before_its_end(scene: Scene) -> None:
    scene.give_to_goal(10)
    assert scene.close(at=scene.now) == ClosedGoal("missed", 10)
    scene.assert_refused(GoalStateError, scene.close)
    scene.assert_refused(GoalNotOpenError, lambda: scene.give_to_goal(1))
    assert scene.give_back(at=scene.now) == [1]
    scene.assert_refused(GoalStateError, scene.close)


def test_few_givers_are_not_counted(scene: Scene) -> None:
    """A household's wallet that gave twice is one giver; returning points makes nobody fewer."""
    for _ in range(LEAST_GIVERS - 2):
        scene.give_to_goal(1, wallet_id=scene.join(1))
    scene.give_to_goal(1)
    scene.give_to_goal(1)
    assert (scene.goal().points, scene.goal().givers) == (LEAST_GIVERS, None)
    scene.give_to_goal(1, wallet_id=scene.join(1))
    assert scene.goal().givers == LEAST_GIVERS


def test_goals_that_run_are_listed_and_others_on_demand(scene: Scene) -> None:
    reached = scene.set_goal(10, ends_at=scene.now + DAY)
    scene.give_to_goal(10, to=reached)
    missed = scene.set_goal(10, ends_at=scene.now + DAY)
    scene.close(missed, at=scene.now)

    def listed(at: datetime.datetime, *, with_all: bool = False) -> list[Any]:
        with scene.database.engine("bontri_api").connect() as connection:
            return [each.goal_id for each in list_goals(connection, **scene.tenant, now=at, with_all=with_all)]

    assert listed(scene.now) == [reached, scene.goal_id]
    assert listed(scene.ends_at) == [reached]  # over, though nobody has closed it yet
    assert set(listed(scene.now, with_all=True)) == {reached, missed, scene.goal_id}


def test_the_job_closes_what_is_over_gives_back_what_was_missed_and_finds_nothing_again(scene: Scene) -> None:
    """The job goes by the clock of its machine, so these goals were over long ago."""
    past = LONG_AGO + 30 * DAY
    reached, missed = (scene.set_goal(15, ends_at=past) for _ in range(2))
    scene.give_to_goal(15, to=reached, at=past - DAY)
    scene.give_to_goal(7, to=missed, at=past - DAY)
    engine = scene.database.engine("bontri_api")
    assert close_goals_of(engine, 7) == {"goals": 2, "donations": 1}
    assert (scene.goal(reached).state, scene.goal(missed).state) == ("closed", "missed")
    assert scene.points() == 30 - 15
    assert close_goals_of(engine, 7) == {"goals": 0, "donations": 0}
    scene.assert_sound()


def test_an_interrupted_return_goes_on_where_it_stopped(scene: Scene) -> None:
    for _ in range(3):
        scene.give_to_goal(1)
    scene.close()
    with scene.database.engine("bontri_api").begin() as connection:
        assert give_back(connection, **scene.tenant, now=scene.ends_at, limit=2) == 2
    with scene.database.engine("bontri_api").connect() as connection:  # killed before its commit
        assert give_back(connection, **scene.tenant, now=scene.ends_at) == 1
        connection.rollback()
    scene.assert_sound()
    assert scene.give_back() == [1]
    assert scene.points() == 30


def test_goals_that_are_over_are_found_until_they_are_closed(scene: Scene) -> None:
    engine = scene.database.engine("bontri_api")
    with engine.begin() as connection:
        assert list_ended_goals(connection, **scene.tenant, now=scene.ends_at - SECOND) == []
        assert list_ended_goals(connection, **scene.tenant, now=scene.ends_at) == [scene.goal_id]
        closed = close_if_running(connection, scene.goal_id, **scene.tenant, now=scene.ends_at)
        assert closed == ClosedGoal("missed", 0)
        assert close_if_running(connection, scene.goal_id, **scene.tenant, now=scene.ends_at) is None
        assert list_ended_goals(connection, **scene.tenant, now=scene.ends_at) == []


def test_nobody_at_work_can_move_the_posts_of_a_goal_nor_what_a_cause_is_paid(scene: Scene) -> None:
    changes = (
        "UPDATE goals SET target_points = 1",
        "UPDATE goals SET to_cause_id = NULL",
        "UPDATE causes SET hundred_points_cents = 1000",
        "UPDATE donations SET points = 1",
    )
    for role in ("bontri_api", "bontri_operator"):
        for change in changes:
            with pytest.raises(ProgrammingError) as refusal, scene.database.engine(role).begin() as connection:  # type: ignore[arg-type]
                connection.execute(text(change))
            assert refusal.value.orig.sqlstate == "42501"
