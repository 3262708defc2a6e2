"""A suspicious deposit is credited pending: it posts itself after seven days unless somebody decides before, once."""

import datetime
import threading
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from rewards import deposits
from rewards.corrections import TransferInReviewError, TransferNotCorrectableError, request_correction
from rewards.deposits import Outcome
from rewards.errors import PendingAlreadyEndedError, RewardsError, violates
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.pipelining import execute_pipelined
from rewards.reviews import (
    ReviewDecidedError,
    ReviewUnknownError,
    approve_review,
    lapse_reviews,
    lapsing,
    list_reviews,
    reject_review,
    set_review_rules,
)
from rewards.reviews.holding import OPEN_REVIEWS, REVIEWED_WITHIN
from rewards.reviews.lapsing import Lapsed
from rewards.statements import explain, list_movements
from rewards.suspicion import NO_REVIEWS, ReviewRules
from rewards.verify import verify
from rewards.vouchers import issue_voucher
from rewards.wallets import PointsInsufficientError, Wallet, get_wallet
from tests.citizen_scene import CitizenScene
from tests.databases import Database
from tests.factories import deposit

HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
PARIS = ZoneInfo("Europe/Paris")
CAP_POINTS = 60
RULES = ReviewRules(over_items=20, over_mass_g=5_000, holds_doubtful_clocks=True)


@dataclass
class Scene(CitizenScene):
    """A town that holds deposits of more than 20 items, a citizen whose badge is B."""

    more_books = ("reviews", "cap_usages")

    def drop(self, items: int, **more: Any) -> Outcome:
        with self.database.engine("bontri_ingest").begin() as connection:
            return deposit(connection, self.town, items=items, **{"badge": "B", "now": self.now, **more})

    def held(self) -> list[UUID]:
        with self.database.engine("bontri_reader").connect() as connection:
            return [each.transfer_id for each in list_reviews(connection, **self.tenant)]

    def approve(self, transfer_id: UUID, *, by: str = "ada") -> int:
        with self.database.engine("bontri_operator").begin() as connection:
            return approve_review(connection, transfer_id, **self.tenant, decided_by=by, now=self.now + HOUR)

    def reject(self, transfer_id: UUID, *, by: str = "ada") -> int:
        said: dict[str, Any] = {"reason": "bin_fault", "note": "rain", "decided_by": by}
        with self.database.engine("bontri_operator").begin() as connection:
            return reject_review(connection, transfer_id, **self.tenant, **said, now=self.now + HOUR)

    def lapse(self, at: datetime.datetime, *, limit: int = 200) -> Lapsed:
        with self.database.engine("bontri_operator").begin() as connection:
            return lapse_reviews(connection, **self.tenant, now=at, limit=limit)

    def wallet(self, at: datetime.datetime | None = None) -> Wallet:
        with self.database.engine("bontri_api").connect() as connection:
            return get_wallet(connection, **self.tenant, wallet_id=self.citizen.wallet_id, now=at or self.now)

    def sentences(self, language: Any) -> list[tuple[str, int, str]]:
        """Return kind, points and sentence of every movement, newest first."""
        own = {**self.tenant, "wallet_id": self.citizen.wallet_id}
        with self.database.engine("bontri_api").connect() as connection:
            found = list_movements(connection, **own, timezone=PARIS)
        return [(each.kind, each.points, explain(each, timezone=PARIS, language=language)) for each in found]

    def assert_sound(self, at: datetime.datetime | None = None) -> None:
        findings = verify(self.database.engine("bontri_reader"), now=at or self.now).findings
        assert [each for each in findings if each.violations] == []


@pytest.fixture
def scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    scene = Scene.build(database, keyring, now, day_cap_points=CAP_POINTS)
    with database.engine("bontri_operator").begin() as connection:
        set_review_rules(connection, RULES, **scene.tenant)
    return scene


def test_a_suspicious_deposit_is_credited_pending_and_cannot_be_spent(scene: Scene) -> None:
    assert scene.drop(20) == Outcome("credited", 20)
    assert scene.drop(21) == Outcome("pending")
    assert scene.drop(0, material="plastic", mass_g=5_001) == Outcome("pending")
    # What nobody holds, and what a cap holds back whole, waits for nobody.
    assert scene.drop(200, badge=None) == Outcome("counted")
    assert (scene.wallet().points, scene.wallet().in_review_points) == (20, 40)
    assert scene.drop(200) == Outcome("capped")
    with scene.database.engine("bontri_api").begin() as connection:
        own = {**scene.tenant, "wallet_id": scene.citizen.wallet_id, "offer_id": scene.town.offer_id}
        issue_voucher(connection, scene.keyring, **own, now=scene.now)
        issue_voucher(connection, scene.keyring, **own, now=scene.now)
        with pytest.raises(PointsInsufficientError):
            issue_voucher(connection, scene.keyring, **own, now=scene.now)
    scene.assert_sound()


def test_a_time_nobody_knows_is_held_only_where_asked_for(scene: Scene) -> None:
    before_it_stood = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    assert scene.drop(1, occurred_at=before_it_stood) == Outcome("pending")
    with scene.database.engine().begin() as connection:
        set_review_rules(connection, ReviewRules(over_items=20), **scene.tenant)
    assert scene.drop(1, occurred_at=before_it_stood) == Outcome("credited", 1)
    with scene.database.engine().begin() as connection:
        set_review_rules(connection, NO_REVIEWS, **scene.tenant)
    assert scene.drop(30) == Outcome("credited", 30)
    assert len(scene.held()) == 1  # what is in review already stays there


def test_only_a_batch_with_a_suspicious_deposit_executes_a_statement_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[list[Any]] = []

    def execute(connection: Any, writes: Any) -> Any:
        written.append([each.statement for each in writes])
        return execute_pipelined(connection, writes)

    monkeypatch.setattr(deposits, "execute_pipelined", execute)
    scene.drop(21)
    scene.drop(1)
    with scene.database.engine().begin() as connection:
        set_review_rules(connection, NO_REVIEWS, **scene.tenant)
    scene.drop(21)
    held, normal, without_rules = written
    assert held == [OPEN_REVIEWS, *normal]
    assert without_rules == normal


def test_a_person_posts_it_and_the_citizen_reads_so(scene: Scene) -> None:
    scene.drop(21)
    assert scene.sentences("fr") == [
        (
            "deposit_pending",
            0,
            "21 verres × 1 point = 21 points ; 21 points à vérifier (dépôt très important), confirmés au plus tard le"
            " 28 novembre 2026",
        )
    ]
    [transfer_id] = scene.held()
    assert scene.approve(transfer_id) == 21
    assert (scene.wallet().points, scene.wallet().in_review_points, scene.held()) == (21, 0, [])
    assert scene.sentences("en")[0] == (
        "deposit_posted",
        21,
        "Deposit of 21 November 2026 (21 items of glass) checked: 21 points",
    )
    scene.assert_sound()


def test_a_person_rejects_it_and_the_citizen_reads_why(scene: Scene) -> None:
    scene.drop(21)
    used = scene.books()[-1]
    [transfer_id] = scene.held()
    assert scene.reject(transfer_id) == 21
    assert (scene.wallet().points, scene.wallet().in_review_points) == (0, 0)
    assert scene.books()[-1] == used  # no cap is given back, as with corrections
    assert scene.sentences("fr")[0] == (
        "deposit_voided",
        0,
        "Dépôt du 21 novembre 2026 (21 verres) vérifié et refusé, défaut de la borne : 21 points non crédités",
    )
    with scene.database.engine("bontri_reader").connect() as connection:
        [told] = list_reviews(connection, **scene.tenant, with_decided=True)
    assert (told.state, told.decided_by, told.reason, told.note, told.items) == (
        *("rejected", "ada", "bin_fault", "rain"),
        21,
    )
    scene.assert_sound()


def test_a_repeat_is_told_what_its_first_copy_was_told(scene: Scene) -> None:
    scene.drop(21)
    [transfer_id] = scene.held()
    for decide in (lambda: None, lambda: scene.approve(transfer_id)):
        decide()
        scene.town.seqs = iter([1])  # type: ignore[assignment]
        assert scene.drop(21) == Outcome("pending", is_repeat=True)
    assert scene.wallet().points == 21


def test_what_nobody_looks_at_posts_itself_after_seven_days_and_not_before(scene: Scene) -> None:
    for items in (21, 22):
        scene.drop(items)
    over = scene.now + REVIEWED_WITHIN
    assert scene.lapse(over - datetime.timedelta(seconds=1)) == Lapsed(0, 0)
    # Interrupted after a batch of one: the next run goes on, and a third finds nothing.
    assert [scene.lapse(over, limit=1), scene.lapse(over), scene.lapse(over)] == [
        *(Lapsed(1, 21), Lapsed(1, 22)),
        Lapsed(0, 0),
    ]
    assert scene.wallet().points == 43
    assert [kind for kind, _, _ in scene.sentences("fr")].count("deposit_posted") == 2
    scene.assert_sound(over + DAY)


def test_a_review_nobody_ended_is_a_finding_a_day_later(scene: Scene) -> None:
    scene.drop(21)
    scene.assert_sound(scene.now + 8 * DAY)
    findings = verify(scene.database.engine("bontri_reader"), now=scene.now + 8 * DAY + HOUR).findings
    assert [each.invariant for each in findings if each.violations] == ["no_review_is_long_overdue"]


def test_what_is_posted_into_a_lot_that_is_over_can_be_spent_for_thirty_days(scene: Scene) -> None:
    scene.drop(10)
    scene.drop(21)
    with scene.database.engine().begin() as connection:
        connection.execute(text("UPDATE accounts SET expires_on = '2026-11-25' WHERE kind = 'lot'"))
    over = scene.now + REVIEWED_WITHIN
    assert scene.lapse(over) == Lapsed(1, 21)
    wallet = scene.wallet(over)
    assert (wallet.points, wallet.lots[0].expires_on) == (21, datetime.date(2026, 12, 28))
    scene.assert_sound(over)


@pytest.mark.parametrize("first", ["approve", "reject", "lapse"])
def test_a_review_is_decided_once(scene: Scene, first: str) -> None:
    scene.drop(21)
    [transfer_id] = scene.held()
    over = scene.now + REVIEWED_WITHIN
    {"approve": scene.approve, "reject": scene.reject, "lapse": lambda _: scene.lapse(over)}[first](transfer_id)
    before = scene.books()
    for decide in (scene.approve, scene.reject):
        with pytest.raises(ReviewDecidedError):
            decide(transfer_id)
    assert scene.lapse(over) == Lapsed(0, 0)
    assert scene.books() == before


def test_what_is_not_in_review_is_refused_and_what_is_cannot_be_corrected(scene: Scene) -> None:
    scene.drop(1)
    scene.drop(21)
    [transfer_id] = scene.held()
    with scene.database.engine().connect() as connection:
        credited = connection.scalar(text("SELECT transfer_id FROM transfers WHERE phase = 'single'"))
    before = scene.books()
    for unknown in (new_id(), credited):
        with pytest.raises(ReviewUnknownError):
            scene.approve(unknown)
    ask: dict[str, Any] = {**scene.tenant, "reason": "fraud", "note": "x", "requested_by": "ada", "now": scene.now}
    with scene.database.engine("bontri_operator").connect() as connection:
        with pytest.raises(TransferInReviewError):
            request_correction(connection, transfer_id, **ask)
        connection.rollback()
        scene.reject(transfer_id)
        with pytest.raises(TransferNotCorrectableError):
            request_correction(connection, transfer_id, **ask)
    elsewhere, scene.tenant = scene.tenant, {"authority_id": 8}
    with pytest.raises(ReviewUnknownError):
        scene.approve(transfer_id)
    scene.tenant = elsewhere
    assert scene.books()[1][: len(before[1])] == before[1]  # type: ignore[index]


def test_what_was_posted_can_still_be_corrected_by_two(scene: Scene) -> None:
    scene.drop(21)
    [transfer_id] = scene.held()
    scene.approve(transfer_id)
    with scene.database.engine("bontri_operator").begin() as connection:
        assert request_correction(
            connection, transfer_id, **scene.tenant, reason="fraud", note="x", requested_by="ada", now=scene.now
        )


def race(scene: Scene, transfer_id: UUID) -> list[str]:
    """Have two approve, two reject and two jobs lapse one credit at once; return what came of each."""
    line, outcomes = threading.Barrier(6), []
    over = scene.now + REVIEWED_WITHIN

    def act(work: Any) -> None:
        line.wait(10)
        try:
            done = work()
            outcomes.append("done" if done not in (0, Lapsed(0, 0)) else "nothing")
        except RewardsError as error:
            outcomes.append(error.code)

    work = [lambda: scene.approve(transfer_id), lambda: scene.reject(transfer_id), lambda: scene.lapse(over)] * 2
    threads = [threading.Thread(target=act, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


def test_of_many_who_decide_at_once_one_does(scene: Scene) -> None:
    for items in (21, 22, 23):
        scene.drop(items, now=scene.now + items * DAY)
    for transfer_id in scene.held():
        outcomes = race(scene, transfer_id)
        assert len(outcomes) == 6
        # A job may have taken one of the others beside it.
        assert outcomes.count("done") >= 1
        assert set(outcomes) <= {"done", "nothing", "review_decided"}
    with scene.database.engine().connect() as connection:
        endings = text("SELECT pending_id, count(*) FROM transfers WHERE pending_id IS NOT NULL GROUP BY 1")
        assert {row[1] for row in connection.execute(endings)} <= {1}
    scene.assert_sound()


def test_the_job_and_the_ingest_share_bins_and_lots_without_a_deadlock(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        connection.execute(text("UPDATE tariffs SET day_cap_points = NULL"))
    for bin_no in (0, 1) * 6:
        scene.drop(21, bin_no=bin_no, now=scene.now + bin_no * DAY, occurred_at=scene.now - 9 * DAY)
    over, faults = scene.now + 30 * DAY, []
    posted: list[Lapsed] = []

    def act(work: Any) -> None:
        try:
            for _ in range(12):
                work()
        except Exception as fault:  # noqa: BLE001 (whatever it is, the test tells)
            faults.append(fault)

    threads = [
        threading.Thread(target=act, args=(work,))
        for work in (
            lambda: scene.drop(1, bin_no=0),
            lambda: scene.drop(1, bin_no=1),
            lambda: posted.append(scene.lapse(over, limit=2)),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert scene.lapse(over) == Lapsed(0, 0)
    assert sum(each.reviews for each in posted) == 12
    scene.assert_sound(over)


def test_control_without_the_guard_and_the_key_behind_it_a_rejected_credit_is_posted_too(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for items in (21, 39):
        scene.drop(items)
    first, _ = scene.held()
    scene.reject(first)
    careless = text(str(lapsing.LOCK_DUE).replace("AND state = 'open' ", ""))
    monkeypatch.setattr(lapsing, "LOCK_DUE", careless)
    over = scene.now + REVIEWED_WITHIN
    with pytest.raises(PendingAlreadyEndedError):
        scene.lapse(over, limit=1)
    with scene.database.engine().begin() as connection:
        connection.execute(text("DROP INDEX uq_transfers_pending"))
    assert scene.lapse(over, limit=1) == Lapsed(1, 21)
    assert scene.wallet().points == 21
    findings = verify(scene.database.engine("bontri_reader")).findings
    assert "reviews_are_in_exactly_one_state" in {each.invariant for each in findings if each.violations}


def test_the_database_wants_to_know_who_decides_and_why(scene: Scene) -> None:
    scene.drop(21)
    for change, rule in (
        ("state = 'approved', decided_at = due_at", "decided_by_somebody"),
        ("state = 'rejected', decided_at = due_at, decided_by = 'ada'", "rejected_for_a_reason"),
        ("state = 'lapsed'", "decided_at_some_time"),
    ):
        with pytest.raises(IntegrityError) as refusal, scene.database.engine("bontri_operator").begin() as connection:
            connection.execute(text(f"UPDATE reviews SET {change}"))
        assert violates(refusal.value, f"ck_reviews_{rule}")
