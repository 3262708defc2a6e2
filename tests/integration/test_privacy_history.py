"""Lots at rest: a month whose points are gone is nobody's after a time; what may still move stays its wallet's."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, text

from bontri.jobs.retaining import retain_of
from rewards.goals import donate_to_goal
from rewards.privacy import ErasureRegister
from rewards.privacy.inactivity import list_idle, set_inactivity
from rewards.privacy.resting import cut_resting_lots, set_history
from rewards.statements import list_movements
from rewards.vouchers import redeem_voucher, reverse_redemption
from tests.factories import build_goal
from tests.ingest_scene import scalar
from tests.privacy_scene import DAY, HELD_BY_LOTS, Scene, at_once

YEAR = 366 * DAY
LINKS = "SELECT count(*) FROM wallet_accounts WHERE wallet_id = :wallet_id"


@pytest.fixture
def scene(database, keyring, now, tmp_path) -> Scene:
    """Bob's 100 points of this month, spent but for 10; the card's 100 are left as they are."""
    scene = Scene(database, keyring, now)
    scene.register = ErasureRegister(tmp_path / "erasures.jsonl")
    scene.owner(set_history, 12)
    return scene


def spend(scene: Scene, vouchers: int, *, at: datetime.datetime | None = None) -> list[Any]:
    """Redeem vouchers of 10 points for Bob."""
    offer = scene.sell()
    bought = [scene.buy(offer, at=at) for _ in range(vouchers)]
    for voucher in bought:
        code = {"code": scene.keyring.voucher_code(voucher), "redemption_key": str(voucher)}
        at_till = {"shop_id": scene.town.shop.shop_id, "now": at or scene.now}
        scene.api(redeem_voucher, scene.keyring, **code, **at_till)
    return bought


def links(scene: Scene) -> int:
    return int(scalar(scene.database, LINKS, wallet_id=scene.citizen.wallet_id))


def cut(scene: Scene, *, at: datetime.datetime, limit: int = 1000) -> int:
    """Do as the job does, page by page."""
    done, after = 0, None
    while True:
        behind = {"after": after} if after else {}
        count, after = scene.privacy(cut_resting_lots, now=at, limit=limit, **behind)
        done += count
        if after is None:
            return done


def movements(scene: Scene) -> list[Any]:
    with scene.database.engine("bontri_api").connect() as connection:
        return list_movements(
            connection, authority_id=7, wallet_id=scene.citizen.wallet_id, timezone=scene.town.timezone
        )


def test_a_month_whose_points_are_gone_is_nobody_s_after_a_time_and_every_sum_stays(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    spend(scene, 10)
    later = scene.now + 13 * 31 * DAY
    scene.earn("B", 7, at=later)
    assert cut(scene, at=scene.now + 300 * DAY) == 0
    sums = scalar(scene.database, HELD_BY_LOTS)
    given = scalar(scene.database, "SELECT sum(credits_posted) FROM accounts")
    monkeypatch.setattr("bontri.jobs.retaining.utc_now", lambda: later)
    assert retain_of(scene.database.engine("bontri_privacy"), 7)["links_cut"] == 1
    assert links(scene) == 1
    assert scene.wallet(scene.citizen.wallet_id, at=later).points == 7
    assert [(each.kind, each.points) for each in movements(scene)] == [("deposit", 7)]
    assert scalar(scene.database, HELD_BY_LOTS) == sums
    assert scalar(scene.database, "SELECT sum(credits_posted) FROM accounts") == given
    assert cut(scene, at=later) == 0
    scene.assert_sound()


def test_what_holds_points_or_moved_of_late_stays(scene: Scene) -> None:
    """Ten points are left; then the last voucher is bought late; then the year since begins anew."""
    spend(scene, 9)
    assert cut(scene, at=scene.now + 2 * YEAR, limit=1) == 0
    spend(scene, 1, at=scene.now + 200 * DAY)
    assert cut(scene, at=scene.now + 500 * DAY) == 0
    assert cut(scene, at=scene.now + 201 * DAY + YEAR) == 1
    scene.assert_sound()


def test_what_was_given_to_a_goal_that_may_give_it_back_stays(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        goal = build_goal(connection, scene.town, target_points=500, ends_at=scene.now + 3 * YEAR)
    scene.api(donate_to_goal, goal, wallet_id=scene.citizen.wallet_id, points=100, now=scene.now)
    assert cut(scene, at=scene.now + 2 * YEAR) == 0
    with scene.database.engine().begin() as connection:
        connection.execute(text("UPDATE goals SET state = 'missed', ended_at = ends_at"))
    assert cut(scene, at=scene.now + 2 * YEAR) == 0
    with scene.database.engine().begin() as connection:
        connection.execute(text("UPDATE donations SET returned_at = donated_at"))
    assert cut(scene, at=scene.now + 2 * YEAR) == 1


def test_nobody_is_idle_earlier_because_of_a_link_that_was_cut(scene: Scene) -> None:
    spend(scene, 10)
    scene.owner(set_inactivity, 36)
    assert cut(scene, at=scene.now + 2 * YEAR) == 0
    assert cut(scene, at=scene.now + 4 * YEAR) == 1
    assert scene.privacy(list_idle, now=scene.now + 2 * YEAR).to_warn == []


def test_a_redemption_taken_back_at_that_moment_is_never_lost_without_a_link_to_say_whose_it_is(scene: Scene) -> None:
    """Whichever is first: the points are Bob's again, or the lot was nobody's when they came."""
    [first, *_] = spend(scene, 10)
    later = scene.now + 400 * DAY

    def reverse(connection: Connection) -> None:
        reverse_redemption(connection, first, authority_id=7, reason="mistake", reversed_by="ada", now=later)

    def rest(connection: Connection) -> None:
        cut_resting_lots(connection, authority_id=7, now=later)

    works: list[tuple[Any, Callable[[Connection], object]]] = [("bontri_api", reverse)]
    works += [("bontri_privacy", rest)] * 3
    assert set(at_once(scene, works)) == {"done"}
    assert (links(scene), scene.wallet(scene.citizen.wallet_id, at=later).points) in ((1, 10), (0, 0))
    assert scalar(scene.database, HELD_BY_LOTS) == 110
    scene.assert_sound()


def test_control_without_the_second_look_a_lot_is_cut_that_has_points_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The redemption is taken back between the list and the cut; what decides is the guard of the cut."""
    [first, *_] = spend(scene, 10)
    later = scene.now + 400 * DAY
    outcomes = []
    blind = "DELETE FROM wallet_accounts WHERE authority_id = :authority_id AND account_id = ANY(:account_ids)"
    for statement in (None, text(blind)):
        with monkeypatch.context() as patch, scene.database.engine().connect() as connection:
            if statement is not None:
                patch.setattr("rewards.privacy.resting.CUT", statement)

            def lock(connection: Connection, _: Any, **__: Any) -> None:
                reverse_redemption(connection, first, authority_id=7, reason="mistake", reversed_by="a", now=later)

            patch.setattr("rewards.privacy.resting.lock_accounts", lock)
            outcomes.append(cut_resting_lots(connection, authority_id=7, now=later)[0])
            connection.rollback()
    assert outcomes == [0, 1]
