"""A wrong credit is taken back by two people; what was spent is the authority's loss, and nothing is changed."""

import datetime
import threading
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from rewards.corrections import (
    Corrected,
    CorrectionDecidedError,
    CorrectionUnknownError,
    SecondPersonRequiredError,
    TransferAlreadyCorrectedError,
    TransferNotCorrectableError,
    TransferUnknownError,
    approve_correction,
    list_corrections,
    reject_correction,
    request_correction,
)
from rewards.errors import RewardsError, violates
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.statements import explain, list_movements
from rewards.verify import verify
from rewards.vouchers import issue_voucher
from tests.citizen_scene import CitizenScene
from tests.databases import Database
from tests.factories import build_town

HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
PARIS = ZoneInfo("Europe/Paris")


@dataclass
class Scene(CitizenScene):
    """A town of tests, a citizen whose badge is B, and an operator's hands on its ledger."""

    more_books = ("corrections", "authority_accounts")

    def ask(self, transfer_id: UUID, *, by: str = "ada") -> UUID:
        with self.database.engine("bontri_operator").begin() as connection:
            return request_correction(
                connection,
                transfer_id,
                **self.tenant,
                reason="bin_fault",
                note="counted twice",
                requested_by=by,
                now=self.now + HOUR,
            )

    def approve(self, correction_id: UUID, *, by: str = "grace", days: int = 0) -> Corrected:
        at = self.now + 2 * HOUR + datetime.timedelta(days=days)
        with self.database.engine("bontri_operator").begin() as connection:
            return approve_correction(connection, correction_id, **self.tenant, decided_by=by, now=at)

    def reject(self, correction_id: UUID, *, by: str = "grace") -> None:
        with self.database.engine("bontri_operator").begin() as connection:
            reject_correction(connection, correction_id, **self.tenant, decided_by=by, now=self.now + 2 * HOUR)

    def assert_sound(self) -> None:
        assert verify(self.database.engine("bontri_reader")).is_sound


@pytest.fixture
def scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    return Scene.build(database, keyring, now)


def test_points_that_are_there_come_back_to_the_bin(scene: Scene) -> None:
    scene.earn(5)
    wrong = scene.earn(8)
    correction_id = scene.ask(wrong)
    assert scene.points() == 13  # nothing moves before somebody else approves
    assert scene.approve(correction_id) == Corrected(taken_points=8, lost_points=0)
    assert scene.points() == 5
    assert (scene.balance("issuing"), scene.balance("loss")) == (-5, 0)
    scene.assert_sound()


def test_points_spent_before_are_the_authoritys_loss_and_shown_as_such(scene: Scene) -> None:
    wrong = scene.earn(12)
    scene.hold(scene.now + HOUR)
    assert scene.approve(scene.ask(wrong)) == Corrected(taken_points=2, lost_points=10)
    assert scene.points() == 0
    assert (scene.balance("issuing"), scene.balance("loss")) == (0, -10)
    scene.assert_sound()


def test_the_very_lot_is_taken_from_first_then_those_that_expire_soonest(scene: Scene) -> None:
    scene.earn(4)
    wrong = scene.earn(6, scene.now + 40 * DAY)
    scene.earn(20, scene.now + 80 * DAY)
    # The voucher takes the oldest lot and all of the second: what is left of ten is taken from the third.
    with scene.database.engine("bontri_api").begin() as connection:
        issue_voucher(
            connection,
            scene.keyring,
            **scene.tenant,
            wallet_id=scene.citizen.wallet_id,
            offer_id=scene.town.offer_id,
            now=scene.now + datetime.timedelta(days=81),
        )
    assert scene.approve(scene.ask(wrong), days=82) == Corrected(taken_points=6, lost_points=0)
    assert scene.points(scene.now + 82 * DAY) == 14
    scene.assert_sound()


def test_nothing_is_taken_from_a_wallet_whose_link_was_cut(scene: Scene) -> None:
    wrong = scene.earn(7)
    correction_id = scene.ask(wrong)
    with scene.database.engine().begin() as connection:
        connection.execute(text("DELETE FROM wallet_accounts"))
    assert scene.approve(correction_id) == Corrected(taken_points=0, lost_points=7)
    scene.assert_sound()


def test_whoever_asks_cannot_approve_but_can_take_it_back(scene: Scene) -> None:
    wrong = scene.earn(8)
    correction_id = scene.ask(wrong, by="ada")
    before = scene.books()
    with pytest.raises(SecondPersonRequiredError):
        scene.approve(correction_id, by="ada")
    assert scene.books() == before
    scene.reject(correction_id, by="ada")
    assert scene.points() == 8
    # A rejected one can be asked for again.
    assert scene.approve(scene.ask(wrong)).taken_points == 8


def test_the_database_itself_asks_for_a_second_person(scene: Scene) -> None:
    """The control: without the guard of the statement the constraint still stands."""
    correction_id = scene.ask(scene.earn(8), by="ada")
    careless = text("UPDATE corrections SET state = 'approved', decided_by = 'ada', decided_at = now()")
    with pytest.raises(IntegrityError) as refusal, scene.database.engine("bontri_operator").begin() as connection:
        connection.execute(careless)
    assert violates(refusal.value, "ck_corrections_approved_by_a_second_person")
    assert scene.approve(correction_id).taken_points == 8


@pytest.mark.parametrize("first", ["approve", "reject"])
@pytest.mark.parametrize("second", ["approve", "reject"])
def test_a_correction_is_decided_once(scene: Scene, first: str, second: str) -> None:
    correction_id = scene.ask(scene.earn(8))
    getattr(scene, first)(correction_id)
    before = scene.books()
    with pytest.raises(CorrectionDecidedError):
        getattr(scene, second)(correction_id)
    assert scene.books() == before


def test_of_many_who_approve_at_once_one_does(scene: Scene) -> None:
    correction_id = scene.ask(scene.earn(8))
    line, outcomes = threading.Barrier(6), []

    def approve(number: int) -> None:
        line.wait(10)
        try:
            outcomes.append(scene.approve(correction_id, by=f"agent {number}"))
        except RewardsError as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=approve, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(map(str, outcomes)) == sorted(map(str, [Corrected(8, 0), *[CorrectionDecidedError] * 5]))
    assert scene.balance("issuing") == 0
    scene.assert_sound()


def test_what_cannot_be_corrected_is_refused(scene: Scene) -> None:
    wrong = scene.earn(20)
    scene.hold(scene.now + HOUR)
    with scene.database.engine().connect() as connection:
        held = connection.scalar(text("SELECT transfer_id FROM transfers WHERE voucher_id IS NOT NULL"))
    before = scene.books()
    with pytest.raises(TransferUnknownError):
        scene.ask(new_id())
    with pytest.raises(TransferNotCorrectableError):
        scene.ask(held)
    with pytest.raises(CorrectionUnknownError):
        scene.approve(new_id())
    assert scene.books() == before
    scene.approve(scene.ask(wrong))
    with pytest.raises(TransferAlreadyCorrectedError):
        scene.ask(wrong)
    with scene.database.engine().connect() as connection:
        reversal = connection.scalar(text("SELECT transfer_id FROM transfers WHERE reason = 'reversal' LIMIT 1"))
    with pytest.raises(TransferNotCorrectableError):
        scene.ask(reversal)


def test_another_authority_cannot_correct_it(scene: Scene) -> None:
    wrong = scene.earn(8)
    with scene.database.engine().begin() as connection:
        build_town(connection, scene.keyring, authority_id=8, slug="elsewhere")
    here, scene.tenant = scene.tenant, {"authority_id": 8}
    with pytest.raises(TransferUnknownError):
        scene.ask(wrong)
    scene.tenant = here
    correction_id = scene.ask(wrong)
    scene.tenant = {"authority_id": 8}
    with pytest.raises(CorrectionUnknownError):
        scene.approve(correction_id)


def test_the_citizen_reads_what_was_taken_and_why(scene: Scene) -> None:
    scene.earn(5)
    scene.approve(scene.ask(scene.earn(8)))
    with scene.database.engine("bontri_api").connect() as connection:
        movements = list_movements(connection, **scene.tenant, wallet_id=scene.citizen.wallet_id, timezone=PARIS)
    assert [(each.kind, each.points) for each in movements] == [
        ("deposit_corrected", -8),
        ("deposit", 8),
        ("deposit", 5),
    ]
    assert sum(each.points for each in movements) == scene.points()
    assert explain(movements[0], timezone=PARIS, language="fr") == (
        "Correction du dépôt du 21 novembre 2026 (8 verres), défaut de la borne : 8 points retirés"
    )
    assert explain(movements[0], timezone=PARIS, language="en") == (
        "Correction of the deposit of 21 November 2026 (8 items of glass), the bin was faulty: 8 points taken back"
    )


def test_corrections_are_listed_open_ones_first_asked_for(scene: Scene) -> None:
    approved, open_ = scene.ask(scene.earn(8)), scene.ask(scene.earn(3))
    scene.approve(approved)
    with scene.database.engine("bontri_reader").connect() as connection:
        assert [each.correction_id for each in list_corrections(connection, **scene.tenant)] == [open_]
        both = list_corrections(connection, **scene.tenant, with_decided=True)
    assert {(each.state, each.points, each.taken_points) for each in both} == {
        ("requested", 3, None),
        ("approved", 8, 8),
    }


@pytest.mark.parametrize(
    "change", ["UPDATE transfers SET points = 1", "DELETE FROM transfers", "DELETE FROM corrections"]
)
def test_nobody_can_change_what_was_recorded(scene: Scene, change: str) -> None:
    scene.ask(scene.earn(8))
    for role in ("bontri_operator", "bontri_api", "bontri_ingest", "bontri_reader"):
        with pytest.raises(ProgrammingError) as refusal, scene.database.engine(role).begin() as connection:  # type: ignore[arg-type]
            connection.execute(text(change))
        assert refusal.value.orig.sqlstate == "42501"
