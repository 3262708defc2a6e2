"""Many givers at once: a wallet gives what it has, a goal takes what it misses. Controls show the damage."""

import datetime
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, text

from rewards.database import open_engine
from rewards.donations import donate_to_cause
from rewards.errors import RewardsError
from rewards.expiry import expire_points
from rewards.goals import close_if_running, donate_to_goal, give_back
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.ledger import Transfer, record_transfers
from rewards.ledger.sweeping import FIRST
from rewards.verify import verify
from rewards.wallets import get_wallet
from tests.databases import Database
from tests.donation_scene import DAY, Scene
from tests.races import race

THREADS = 8


@pytest.fixture
def scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    return Scene(database, keyring, now)


@pytest.fixture
def engine(database: Database):
    engine = open_engine(database.url, role="bontri_api", pool_size=THREADS, authority_id=7)
    yield engine
    engine.dispose()


def test_a_wallet_raced_for_gives_only_what_it_has(scene: Scene, engine: Engine) -> None:
    """To a cause and to a goal at once, which lock their accounts in one order."""
    own = {**scene.tenant, "wallet_id": scene.ada, "points": 7, "now": scene.now}

    def give(connection: Connection, number: int) -> object:
        if number % 2:
            return donate_to_cause(connection, scene.cause_id, **own)
        return donate_to_goal(connection, scene.goal_id, **own)

    assert race(engine, give, THREADS) == {"done": 4, "points_insufficient": THREADS - 4}
    assert (scene.points(), scene.held("cause") + scene.held("goal")) == (2, 28)
    scene.assert_sound()


@pytest.mark.parametrize(("has_check", "given"), [(True, 21), (False, 7 * THREADS)])
def test_control_without_the_lock_the_check_alone_forbids_overspending(
    scene: Scene, engine: Engine, *, has_check: bool, given: int
) -> None:
    with scene.database.engine().begin() as connection:
        connection.execute(text("UPDATE accounts SET debits_posted = 7 WHERE kind = 'lot'"))  # 23 are left
        cause = connection.scalar(text("SELECT account_id FROM causes"))
        if not has_check:
            connection.execute(text("ALTER TABLE accounts DROP CONSTRAINT ck_accounts_no_overdraft"))
    everyone_looked = threading.Barrier(THREADS)

    def look_then_give(connection: Connection, _: int) -> None:
        wallet = get_wallet(connection, **scene.tenant, wallet_id=scene.ada, now=scene.now)
        everyone_looked.wait(30)
        if wallet.points >= 7:
            gift = Transfer(wallet.lots[0].account_id, cause, 7, reason="donation", cause_id=new_id())
            record_transfers(connection, [gift], **scene.tenant, now=scene.now)

    race(engine, look_then_give, THREADS)
    assert scene.held("cause") == given


def test_a_goal_raced_for_takes_exactly_its_target(scene: Scene, engine: Engine) -> None:
    goal_id = scene.set_goal(50, ends_at=scene.ends_at)
    wallets = [scene.join(20) for _ in range(THREADS)]

    def give(connection: Connection, number: int) -> object:
        asked = {**scene.tenant, "wallet_id": wallets[number], "points": 20, "now": scene.now}
        return donate_to_goal(connection, goal_id, **asked)

    assert race(engine, give, THREADS) == {"done": 3, "goal_not_open": THREADS - 3}
    assert (scene.goal(goal_id).state, scene.goal(goal_id).points) == ("reached", 50)
    assert sum(scene.points(each) for each in wallets) == 20 * THREADS - 50
    scene.assert_sound()


def test_control_looking_first_takes_more_than_the_target(scene: Scene, engine: Engine) -> None:
    goal_id = scene.set_goal(20, ends_at=scene.ends_at)
    with scene.database.engine().connect() as connection:
        goal = connection.execute(text("SELECT account_id FROM goals WHERE goal_id = :id"), {"id": goal_id}).scalar()
        issuing = connection.scalar(text("SELECT issuing_account_id FROM bins LIMIT 1"))
    everyone_looked = threading.Barrier(THREADS)

    def look_then_give(connection: Connection, _: int) -> None:
        held = connection.scalar(text("SELECT credits_posted FROM accounts WHERE account_id = :id"), {"id": goal})
        everyone_looked.wait(30)
        if held + 20 <= 20:
            gift = Transfer(issuing, goal, 20, reason="donation", cause_id=new_id())
            record_transfers(connection, [gift], **scene.tenant, now=scene.now)

    race(engine, look_then_give, THREADS)
    assert scene.held("goal") == 20 * THREADS
    findings = {each.invariant for each in verify(scene.database.engine("bontri_reader")).findings if each.violations}
    assert "goals_hold_what_was_given_to_them" in findings


def test_a_goal_closed_by_many_at_once_while_it_is_given_to_loses_no_point(scene: Scene, engine: Engine) -> None:
    """Either a gift comes before the end and goes back, or the goal refuses it; one of the closers closes."""
    wallets = [scene.join(20) for _ in range(THREADS)]
    closed: list[object] = []

    def work(connection: Connection, number: int) -> None:
        if number % 2:
            asked = {**scene.tenant, "wallet_id": wallets[number], "points": 5, "now": scene.now}
            donate_to_goal(connection, scene.goal_id, **asked)
        else:
            closed.append(close_if_running(connection, scene.goal_id, **scene.tenant, now=scene.now))

    race(engine, work, THREADS)
    assert [getattr(each, "state", None) for each in closed if each is not None] == ["missed"]
    donations = scene.goal().points // 5
    returned: list[int | None] = []
    race(engine, lambda connection, _: returned.append(give_back(connection, **scene.tenant, now=scene.now)), THREADS)
    assert sum(each or 0 for each in returned) == donations
    assert scene.give_back() == []
    assert [scene.points(each) for each in wallets] == [20] * THREADS
    scene.assert_sound()


def test_all_kinds_of_work_at_once_neither_deadlock_nor_lose_a_point(scene: Scene, engine: Engine) -> None:
    """At ``over`` lots expire while points come back into them; goals are met by those who close them."""
    wallets = [scene.ada, *(scene.join(40) for _ in range(2))]
    goals = [scene.set_goal(25, ends_at=scene.over + 9 * DAY, to_cause_id=scene.cause_id) for _ in range(6)]
    tenant = scene.tenant

    def work(number: int) -> None:
        chance = random.Random(number)
        for _ in range(12):
            own = {**tenant, "wallet_id": chance.choice(wallets), "points": chance.randint(1, 6), "now": scene.now}
            kind = chance.choice(("cause", "goal", "goal", "close", "return", "expire"))
            try:
                with engine.begin() as connection:
                    if kind == "cause":
                        donate_to_cause(connection, scene.cause_id, **own)
                    elif kind == "goal":
                        donate_to_goal(connection, chance.choice(goals), **own)
                    elif kind == "close":
                        close_if_running(connection, chance.choice(goals), **tenant, now=scene.now)
                    elif kind == "return":
                        give_back(connection, **tenant, now=scene.over, limit=2)
                    else:
                        expire_points(connection, **tenant, now=scene.over, after=FIRST, limit=1)
            except RewardsError:
                pass

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    scene.give_back(at=scene.over)
    kinds = ("lot", "cause", "goal", "expired")
    assert sum(scene.held(kind) for kind in kinds) == 30 + 2 * 40
    scene.assert_sound()


def test_control_a_return_without_its_guard_pays_twice(scene: Scene, engine: Engine) -> None:
    """Donations noted by nobody are given back by everybody; the account of the goal alone would stop it."""
    other = scene.set_goal(100, ends_at=scene.ends_at)
    scene.give_to_goal(10)
    scene.give_to_goal(5, to=other)
    scene.close()
    scene.give_back()
    with scene.database.engine().begin() as connection:
        connection.execute(text("UPDATE donations SET returned_at = NULL"))
        connection.execute(text("ALTER TABLE accounts DROP CONSTRAINT ck_accounts_no_overdraft"))
    with engine.begin() as connection:
        assert give_back(connection, **scene.tenant, now=scene.now) == 1
    assert scene.points() == 30 - 5 + 10
