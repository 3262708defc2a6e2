"""Points leave their lots by a transfer when their time is over: once, in small steps, and never in anybody's way."""

import datetime
import json
import threading
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from bontri.jobs.expiring import expire_points_of
from rewards.expiry import GRACE, expire_points, first_position, note_expired
from rewards.lots import expiry_of
from rewards.statements import explain, list_movements
from rewards.verify import verify
from rewards.vouchers import cancel_voucher, expire_vouchers, issue_voucher
from rewards.wallets import PointsInsufficientError, get_wallet
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town, deposit
from tests.ingest_scene import scalar
from tests.operator_commands import succeed

PARIS = ZoneInfo("Europe/Paris")
DAY = datetime.timedelta(days=1)
VALID_MONTHS = 24


class Scene:
    """A town with a citizen; ``over`` is the first day on which points of November 2026 cannot be spent."""

    def __init__(self, database: Database, keyring: Any, now: datetime.datetime) -> None:
        self.database, self.keyring, self.now = database, keyring, now
        with database.engine().begin() as connection:
            self.town: Town = build_town(connection, keyring)
            self.citizen = build_citizen(connection, self.town, badge="B")
        last = expiry_of(now.date().replace(day=1), valid_months=VALID_MONTHS)
        self.over = datetime.datetime.combine(last, datetime.time(0), PARIS)
        self.own = {"authority_id": 7, "wallet_id": self.citizen.wallet_id}

    def earn(self, points: int, *, badge: str = "B", at: datetime.datetime | None = None) -> None:
        with self.database.engine().begin() as connection:
            deposit(connection, self.town, badge=badge, items=points, now=at or self.now)

    def issue(self, at: datetime.datetime) -> Any:
        with self.database.engine("bontri_api").begin() as connection:
            return issue_voucher(connection, self.keyring, **self.own, offer_id=self.town.offer_id, now=at)

    def cancel(self, voucher_id: Any, at: datetime.datetime) -> None:
        with self.database.engine("bontri_api").begin() as connection:
            cancel_voucher(connection, **self.own, voucher_id=voucher_id, now=at)

    def expire(self, at: datetime.datetime, *, limit: int = 500) -> list[tuple[int, int]]:
        """Run the job; return what each batch came to."""
        engine, batches = self.database.engine("bontri_api"), []
        with engine.connect() as connection:
            position = first_position(connection, authority_id=7)
        while True:
            with engine.begin() as connection:
                swept = expire_points(connection, authority_id=7, now=at, after=position, limit=limit)
            if swept.position is None:
                break
            position = swept.position
            batches.append((swept.lots, swept.points))
        with engine.begin() as connection:
            note_expired(connection, authority_id=7, now=at)
        return batches

    def points(self, at: datetime.datetime) -> int:
        with self.database.engine().connect() as connection:
            return get_wallet(connection, **self.own, now=at).points

    def held(self) -> int:
        """What is left in lots, spendable or not."""
        return int(
            scalar(
                self.database,
                "SELECT sum(credits_posted - debits_posted - debits_pending) FROM accounts WHERE kind = 'lot'",
            )
        )

    def expired(self) -> int:
        return int(scalar(self.database, "SELECT credits_posted FROM accounts WHERE kind = 'expired'"))

    def assert_sound(self) -> None:
        assert [each for each in verify(self.database.engine("bontri_reader")).findings if each.violations] == []


@pytest.fixture
def scene(database: Database, keyring: Any, now: datetime.datetime) -> Scene:
    return Scene(database, keyring, now)


def test_points_expire_at_midnight_of_the_authority_and_not_before(scene: Scene) -> None:
    scene.earn(15)
    assert scene.expire(scene.over - datetime.timedelta(seconds=1)) == []
    assert scene.expire(scene.over) == [(1, 15)]
    assert (scene.held(), scene.expired(), scene.points(scene.over)) == (0, 15, 0)
    scene.assert_sound()


def test_a_second_run_finds_nothing_and_a_clock_that_went_back_changes_nothing(scene: Scene) -> None:
    scene.earn(15)
    scene.expire(scene.over)
    assert scene.expire(scene.over) == []
    assert scene.expire(scene.over - 40 * DAY) == []
    assert scalar(scene.database, "SELECT points_expired_on FROM authorities") == scene.over.date()
    assert scene.expired() == 15


def test_an_interrupted_run_goes_on_where_it_stopped(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        for number in range(9):
            build_citizen(connection, scene.town, badge=f"C{number}")
    for number in range(9):
        scene.earn(number + 1, badge=f"C{number}")
    engine = scene.database.engine("bontri_api")
    with engine.begin() as connection:
        position = first_position(connection, authority_id=7)
        assert expire_points(connection, authority_id=7, now=scene.over, after=position, limit=4).lots == 4
    # Killed here: nothing says how far it came, and nothing need to.
    assert [lots for lots, _ in scene.expire(scene.over, limit=4)] == [4, 1]
    assert (scene.held(), scene.expired()) == (0, 45)
    scene.assert_sound()


@pytest.mark.parametrize("switched_off", ["enable_hashjoin", "enable_mergejoin", "enable_nestloop"])
def test_a_batch_is_as_small_as_asked_whatever_the_planner_chooses(scene: Scene, switched_off: str) -> None:
    with scene.database.engine().begin() as connection:
        for number in range(9):
            build_citizen(connection, scene.town, badge=f"C{number}")
    for number in range(9):
        scene.earn(number + 1, badge=f"C{number}")
    with scene.database.engine("bontri_api").begin() as connection:
        # Whichever two of the three ways to join are left.
        connection.execute(text("SET LOCAL enable_material = off"))
        connection.execute(text(f"SET LOCAL {switched_off} = off"))
        position = first_position(connection, authority_id=7)
        assert expire_points(connection, authority_id=7, now=scene.over, after=position, limit=4).lots == 4


def test_what_a_voucher_holds_does_not_expire(scene: Scene) -> None:
    scene.earn(15)
    scene.issue(scene.over - DAY)
    assert scene.expire(scene.over) == [(1, 5)]
    assert scene.expired() == 5
    scene.assert_sound()


@pytest.mark.parametrize("was_swept", [True, False])
def test_points_that_come_back_into_an_expired_lot_can_be_spent_a_while_longer(scene: Scene, was_swept: bool) -> None:
    scene.earn(15)
    voucher_id = scene.issue(scene.over - DAY)
    if was_swept:
        scene.expire(scene.over)
    scene.cancel(voucher_id, scene.over + DAY)
    # Only what the voucher held is back; the rest of the lot is gone whether the job had come by or not.
    assert scene.points(scene.over + DAY) == 10
    assert scene.expired() == 5
    scene.cancel(scene.issue(scene.over + 2 * DAY), scene.over + 3 * DAY)
    assert scene.points(scene.over + DAY + GRACE - DAY) == 10
    assert scene.expire(scene.over + DAY + GRACE) == [(1, 10)]
    assert (scene.held(), scene.expired()) == (0, 15)
    scene.assert_sound()


def test_a_voucher_that_expires_gives_back_with_the_same_grace(scene: Scene) -> None:
    scene.earn(10)
    scene.issue(scene.over - DAY)
    after = scene.over + 40 * DAY
    with scene.database.engine("bontri_api").begin() as connection:
        assert expire_vouchers(connection, authority_id=7, now=after) == 1
    assert scene.points(after) == 10
    assert scene.points(after + GRACE) == 0


def test_the_job_waits_for_nobody_and_comes_back_for_what_was_held(scene: Scene) -> None:
    scene.earn(15)
    with scene.database.engine().begin() as holder:
        holder.execute(text("SELECT 1 FROM accounts WHERE kind = 'lot' FOR UPDATE"))
        assert scene.expire(scene.over) == []
        assert scalar(scene.database, "SELECT points_expired_on FROM authorities") is None
    assert scene.expire(scene.over) == [(1, 15)]
    assert scalar(scene.database, "SELECT points_expired_on FROM authorities") == scene.over.date()


def test_control_a_job_that_waits_is_held_up(scene: Scene) -> None:
    scene.earn(15)
    waiting = text("UPDATE accounts SET debits_posted = credits_posted WHERE kind = 'lot'")
    with scene.database.engine().begin() as holder:
        holder.execute(text("SELECT 1 FROM accounts WHERE kind = 'lot' FOR UPDATE"))
        with scene.database.engine("bontri_api").begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
            with pytest.raises(OperationalError) as refusal:
                connection.execute(waiting)
            connection.rollback()
        assert refusal.value.orig.sqlstate == "55P03"


def test_expiry_and_purchase_at_once_spend_each_point_once(scene: Scene) -> None:
    """The last second: some buy by a clock that is a little behind, while the job is at work."""
    scene.earn(100)
    line, bought, refused = threading.Barrier(5), [], []

    def buy() -> None:
        line.wait(10)
        for _ in range(4):
            try:
                bought.append(scene.issue(scene.over - datetime.timedelta(seconds=1)))
            except PointsInsufficientError:
                refused.append(1)

    def expire() -> None:
        line.wait(10)
        scene.expire(scene.over)
        scene.expire(scene.over)

    threads = [threading.Thread(target=work) for work in (buy, buy, buy, buy, expire)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(bought) * 10 + scene.expired() + scene.held() == 100
    scene.expire(scene.over)
    assert scene.held() == 0
    scene.assert_sound()


def test_the_citizen_reads_what_expired(scene: Scene) -> None:
    scene.earn(15)
    scene.expire(scene.over)
    with scene.database.engine("bontri_api").connect() as connection:
        movements = list_movements(connection, **scene.own, timezone=PARIS)
    assert [(each.kind, each.points) for each in movements] == [("points_expired", -15), ("deposit", 15)]
    assert explain(movements[0], timezone=PARIS, language="fr") == "Fin de validité : 15 points perdus"
    assert sum(each.points for each in movements) == scene.points(scene.over) == 0


def test_the_command_goes_through_all_authorities_and_counts(scene: Scene) -> None:
    scene.earn(15)
    with scene.database.engine().begin() as connection:
        connection.execute(text("UPDATE accounts SET expires_on = '2026-01-01' WHERE kind = 'lot'"))
    told = succeed(scene.database, "jobs", "once", "expire-points", "--json").output
    assert json.loads(told) == {"lots": 1, "points": 15}
    assert succeed(scene.database, "jobs", "once", "expire-points").output == "expire-points: 0 lots, 0 points.\n"
    assert expire_points_of(scene.database.engine("bontri_api"), 7) == {"lots": 0, "points": 0}


def test_a_job_that_may_not_ends_and_leaves_the_points_as_they_were(scene: Scene) -> None:
    scene.earn(15)
    with scene.database.engine().begin() as connection:
        connection.execute(text("UPDATE accounts SET expires_on = '2026-01-01' WHERE kind = 'lot'"))
    with pytest.raises(ProgrammingError, match="permission denied"):
        expire_points_of(scene.database.engine("bontri_reader"), 7)
    assert scene.held() == 15
    assert expire_points_of(scene.database.engine("bontri_api"), 7) == {"lots": 1, "points": 15}
    scene.assert_sound()
