"""Expired points are given back by two people, once, and can be spent for thirty days at least."""

import datetime
import threading
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from rewards.corrections import (
    Corrected,
    CorrectionDecidedError,
    ExpiredPointsCorrectedError,
    LotWithoutWalletError,
    Reinstated,
    SecondPersonRequiredError,
    TransferAlreadyCorrectedError,
    TransferNotCorrectableError,
    TransferNotReinstatableError,
    TransferUnknownError,
    approve_correction,
    deciding,
    list_corrections,
    reject_correction,
    request_correction,
    request_reinstatement,
)
from rewards.errors import RewardsError
from rewards.expiry import GRACE, expire_points, first_position
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.statements import explain, list_movements
from rewards.verify import verify
from tests.citizen_scene import CitizenScene
from tests.databases import Database

DAY = datetime.timedelta(days=1)
PARIS = ZoneInfo("Europe/Paris")


@dataclass
class Scene(CitizenScene):
    """A citizen who let points expire; ``later`` is when that is looked at."""

    more_books = ("corrections",)

    @property
    def later(self) -> datetime.datetime:
        return self.now + 800 * DAY

    def expire(self, at: datetime.datetime) -> UUID:
        """Run the job; return the newest expiry."""
        with self.database.engine("bontri_api").begin() as connection:
            position = first_position(connection, **self.tenant)
            expire_points(connection, **self.tenant, now=at, after=position)
            newest = text("SELECT transfer_id FROM transfers WHERE reason = 'expiry' ORDER BY recorded_at DESC LIMIT 1")
            return UUID(str(connection.scalar(newest)))

    def ask(self, transfer_id: UUID, *, by: str = "ada") -> UUID:
        said: dict[str, Any] = {"reason": "outage", "note": "no till worked", "requested_by": by}
        with self.database.engine("bontri_operator").begin() as connection:
            return request_reinstatement(connection, transfer_id, **self.tenant, **said, now=self.later)

    def ask_back(self, transfer_id: UUID) -> UUID:
        said: dict[str, Any] = {"reason": "bin_fault", "note": "twice", "requested_by": "ada"}
        with self.database.engine("bontri_operator").begin() as connection:
            return request_correction(connection, transfer_id, **self.tenant, **said, now=self.later)

    def approve(self, correction_id: UUID, *, by: str = "grace", at: datetime.datetime | None = None) -> Any:
        decision: dict[str, Any] = {"decided_by": by, "now": at or self.later}
        with self.database.engine("bontri_operator").begin() as connection:
            return approve_correction(connection, correction_id, **self.tenant, **decision)

    def assert_sound(self) -> None:
        findings = verify(self.database.engine("bontri_reader"), now=self.later).findings
        assert [each for each in findings if each.violations] == []


@pytest.fixture
def scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    return Scene.build(database, keyring, now)


def test_expired_points_come_back_for_thirty_days_and_then_expire_again(scene: Scene) -> None:
    scene.earn(15, scene.now)
    expiry = scene.expire(scene.later)
    correction_id = scene.ask(expiry)
    assert scene.points(scene.later) == 0
    assert scene.approve(correction_id) == Reinstated(15)
    assert (scene.points(scene.later), scene.balance("expired")) == (15, 0)
    assert (scene.points(scene.later + GRACE - DAY), scene.points(scene.later + GRACE)) == (15, 0)
    scene.assert_sound()
    again = scene.expire(scene.later + GRACE)
    assert again != expiry
    assert scene.balance("expired") == 15
    # What expired a second time is another expiry; it too can be given back.
    assert scene.approve(scene.ask(again), at=scene.later + GRACE) == Reinstated(15)
    scene.assert_sound()


def test_two_expiries_of_one_lot_each_come_back_for_thirty_days(scene: Scene) -> None:
    scene.earn(15, scene.now)
    first = scene.expire(scene.later)
    with scene.database.engine().begin() as connection:
        connection.execute(text("UPDATE accounts SET expires_on = '2030-01-01' WHERE kind = 'lot'"))
    scene.earn(4, scene.now)
    second = scene.expire(datetime.datetime(2030, 1, 1, 12, tzinfo=datetime.UTC))
    at = datetime.datetime(2030, 1, 2, 12, tzinfo=datetime.UTC)
    for expiry in (second, first):
        scene.approve(scene.ask(expiry), at=at)
        at += 20 * DAY
    assert scene.points(at - 20 * DAY + GRACE - DAY) == 19
    scene.assert_sound()


def test_the_citizen_reads_that_and_why(scene: Scene) -> None:
    scene.earn(15, scene.now)
    scene.approve(scene.ask(scene.expire(scene.later)))
    with scene.database.engine("bontri_api").connect() as connection:
        own = {**scene.tenant, "wallet_id": scene.citizen.wallet_id}
        movements = list_movements(connection, **own, timezone=PARIS)
    back = next(each for each in movements if each.kind == "points_reinstated")
    assert sum(each.points for each in movements) == 15
    assert explain(back, timezone=PARIS, language="fr") == "Points expirés rendus, panne du service : 15 points"
    assert explain(back, timezone=PARIS, language="en") == "Expired points given back, the service was down: 15 points"
    with scene.database.engine("bontri_reader").connect() as connection:
        [told] = list_corrections(connection, **scene.tenant, with_decided=True)
    assert (told.kind, told.points, told.taken_points) == ("reinstatement", 15, None)


def test_what_cannot_be_given_back_is_refused_and_changes_nothing(scene: Scene) -> None:
    credit = scene.earn(15, scene.now)
    expiry = scene.expire(scene.later)
    correction_id = scene.ask(expiry, by="ada")
    before = scene.books()
    for transfer_id, refusal in (
        (new_id(), TransferUnknownError),
        (credit, TransferNotReinstatableError),
        (expiry, TransferAlreadyCorrectedError),
    ):
        with pytest.raises(refusal):
            scene.ask(transfer_id)
    with pytest.raises(SecondPersonRequiredError):
        scene.approve(correction_id, by="ada")
    with pytest.raises(TransferNotCorrectableError):
        scene.ask_back(expiry)
    with scene.database.engine().begin() as connection:
        connection.execute(text("DELETE FROM wallet_accounts"))
    with pytest.raises(LotWithoutWalletError):
        scene.approve(correction_id)
    assert scene.books() == before
    with scene.database.engine("bontri_operator").begin() as connection:
        reject_correction(connection, correction_id, **scene.tenant, decided_by="ada", now=scene.later)
    with pytest.raises(LotWithoutWalletError):
        scene.ask(expiry)


def test_a_credit_that_expired_unspent_is_taken_from_what_expired_and_is_no_loss(scene: Scene) -> None:
    wrong, right = scene.earn(15, scene.now), scene.earn(5, scene.now)
    scene.earn(30, scene.later)  # can be spent, and is left alone
    expiry = scene.expire(scene.later)
    assert scene.approve(scene.ask_back(wrong)) == Corrected(0, 0, expired_points=15)
    assert (scene.points(scene.later), scene.balance("loss"), scene.balance("expired")) == (30, 0, 5)
    scene.assert_sound()
    # Of the 20 that expired 15 were never the citizen's: 5 come back, and nothing twice.
    assert scene.approve(scene.ask(expiry)) == Reinstated(5)
    assert scene.approve(scene.ask_back(right)) == Corrected(5, 0, expired_points=0)
    assert scene.points(scene.later) == 30
    scene.assert_sound()


def test_what_corrections_have_taken_whole_is_not_given_back(scene: Scene) -> None:
    wrong = scene.earn(15, scene.now)
    expiry = scene.expire(scene.later)
    scene.approve(scene.ask_back(wrong))
    correction_id = scene.ask(expiry)
    before = scene.books()
    with pytest.raises(ExpiredPointsCorrectedError):
        scene.approve(correction_id)
    assert scene.books() == before


def test_what_was_spent_of_a_lot_that_expired_is_still_a_loss(scene: Scene) -> None:
    wrong = scene.earn(15, scene.now)
    scene.hold(scene.now)
    scene.expire(scene.later)
    assert scene.approve(scene.ask_back(wrong)) == Corrected(0, 10, expired_points=5)
    scene.assert_sound()


def approve_at_once(scene: Scene, correction_id: UUID) -> list[str]:
    line, outcomes = threading.Barrier(6), []

    def approve(number: int) -> None:
        line.wait(10)
        try:
            outcomes.append(str(scene.approve(correction_id, by=f"agent {number}")))
        except RewardsError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=approve, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


def test_of_many_who_approve_at_once_one_does(scene: Scene) -> None:
    scene.earn(15, scene.now)
    outcomes = approve_at_once(scene, scene.ask(scene.expire(scene.later)))
    assert sorted(outcomes) == sorted([str(Reinstated(15)), *[CorrectionDecidedError.code] * 5])
    assert scene.points(scene.later) == 15
    scene.assert_sound()


def test_control_without_the_guard_points_are_given_back_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting what is left of the lot alone does not tell a second reinstatement from a second expiry."""
    scene.earn(15, scene.now)
    correction_id = scene.ask(scene.expire(scene.later))
    scene.approve(correction_id)
    over = scene.later + GRACE
    scene.expire(over)
    with pytest.raises(CorrectionDecidedError):
        scene.approve(correction_id, at=over)
    careless = text(str(deciding.DECIDE).replace("AND state = 'requested'", ""))
    monkeypatch.setattr(deciding, "DECIDE", careless)
    scene.approve(correction_id, at=over)
    findings = verify(scene.database.engine("bontri_reader")).findings
    assert "reinstatements_give_back_what_expired" in {each.invariant for each in findings if each.violations}
