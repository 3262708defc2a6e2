"""Erasure: nothing that names a citizen is left, no sum changes, whoever is at it too, and after a restore as well."""

import datetime
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from rewards.badges import find_holders
from rewards.cards import CardUnknownError, CitizenUnknownError, claim_card, get_card
from rewards.citizens import Citizen, register_citizen
from rewards.disputes.opening import WORDS_PURPOSE
from rewards.errors import RewardsError
from rewards.goals import close_goal, donate_to_goal, give_back
from rewards.households import invite_to_wallet, leave_household, merge_wallets
from rewards.ids import new_id
from rewards.ledger import Transfer, record_transfers
from rewards.letter_wishes import change_letter_wishes
from rewards.lots import lot_month_of
from rewards.outbox import take_letter
from rewards.privacy import (
    Erased,
    ErasureRegister,
    ErasureRegisterFaultyError,
    erase_citizen,
    erasing,
    finish_erasure,
    list_unfinished,
    list_unknown_erasures,
)
from rewards.privacy.identity import OF_CITIZENS
from rewards.reviews import lapse_reviews, set_review_rules
from rewards.schema import Base
from rewards.sign_ins import begin_sign_in
from rewards.suspicion import ReviewRules
from rewards.verify import INVARIANTS
from rewards.vouchers import cancel_voucher, issue_voucher, redeem_voucher, reverse_redemption
from tests.factories import Town, build_citizen, build_goal, build_town, deposit, open_session_for
from tests.ingest_scene import scalar
from tests.integration.test_households import Scene as Households

DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)


class Scene(Households):
    """The households' town, with a register of erasures beside it."""

    register: ErasureRegister

    def privacy(self, work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with self.database.engine("bontri_privacy").begin() as connection:
            return work(connection, *arguments, authority_id=7, **named)

    def erase(self, citizen: Citizen, *, at: datetime.datetime | None = None) -> Erased:
        erased: Erased = self.privacy(
            erase_citizen,
            self.keyring,
            self.register,
            citizen.citizen_id,
            asked_by="citizen",
            now=at or self.now + 3 * HOUR,
        )
        return erased

    def finish(self, *, at: datetime.datetime) -> int:
        """Do as the job does."""
        left = self.privacy(list_unfinished, now=at)
        return sum(self.privacy(finish_erasure, citizen_id, now=at) for citizen_id in left)

    def state_of_deposit(self, badge: str) -> str:
        with self.database.engine().begin() as connection:
            return deposit(connection, self.town, badge=badge, items=1, now=self.now + 4 * HOUR).state

    def own_balance(self, kind: str) -> int:
        held = (
            "SELECT a.credits_posted - a.debits_posted FROM accounts a JOIN authority_accounts o"
            " USING (authority_id, account_id) WHERE o.kind = :kind"
        )
        return int(scalar(self.database, held, kind=kind))

    def rows_about(self, citizen: Citizen) -> dict[str, int]:
        """Count the rows that name a citizen or their wallet, by table; the citizen's own left out."""
        ids = {"citizen_id": citizen.citizen_id, "wallet_id": citizen.wallet_id, "principal_id": citizen.citizen_id}
        counts: Counter[str] = Counter()
        with self.database.engine().connect() as connection:
            for name, table in Base.metadata.tables.items():
                for column, value in ids.items():
                    if column in table.columns and name not in ("citizens", "wallets"):
                        found = text(f"SELECT count(*) FROM {name} WHERE {column} = :value")
                        counts[name] += connection.scalar(found, {"value": value}) or 0
        return dict(+counts)


@pytest.fixture
def scene(database, keyring, now, tmp_path) -> Scene:
    scene = Scene(database, keyring, now)
    scene.register = ErasureRegister(tmp_path / "erasures.jsonl")
    return scene


def live(scene: Scene) -> Citizen:
    """Register Eve, who leaves a row in every table that can name her."""
    with scene.database.engine().begin() as connection:
        eve = build_citizen(connection, scene.town, badge="E", email="eve@example.org")
        open_session_for(connection, scene.town, "eve@example.org", now=scene.now)
        begin_sign_in(connection, scene.keyring, authority_id=7, email="eve@example.org", now=scene.now)
        invite_to_wallet(connection, scene.keyring, authority_id=7, wallet_id=eve.wallet_id, now=scene.now)
        change_letter_wishes(connection, authority_id=7, citizen_id=eve.citizen_id, language="en")
        words = scene.keyring.encrypt(b"not mine", purpose=WORDS_PURPOSE)
        own = {"a": 7, "c": eve.citizen_id, "w": eve.wallet_id, "id": new_id(), "now": scene.now, "words": words}
        for statement in (
            "INSERT INTO cap_usages VALUES (:a, :c, 'day', '2026-11-21', 9, 9, 9)",
            "INSERT INTO invitation_tries VALUES (:a, :c, 1, :now)",
            "INSERT INTO idempotent_requests VALUES (:a, :c, 'key', 'x', '{}', :now)",
            "INSERT INTO expiry_warnings VALUES (:a, :w, '2026-12-01', :now)",
            "INSERT INTO disputes (authority_id, dispute_id, citizen_id, transfer_id, reason, words_encrypted,"
            " opened_at, state) VALUES (:a, :id, :c, :id, 'other', :words, :now, 'open')",
            "INSERT INTO outbox (authority_id, message_id, citizen_id, kind, facts, created_at, next_try_at)"
            " VALUES (:a, :id, :c, 'points_expiring', '{}', :now, :now)",
        ):
            connection.execute(text(statement), own)
    for days, items in ((70, 40), (40, 30), (0, 20)):
        scene.earn("E", items, at=scene.now - days * DAY)
    return eve


def test_whatever_names_a_citizen_goes_and_every_sum_stays(scene: Scene) -> None:
    eve = live(scene)
    offer = scene.sell()
    held, redeemed = (scene.buy(offer, citizen=eve) for _ in range(2))
    scene.redeem(redeemed, scene.town.shop.shop_id)
    assert set(scene.rows_about(eve)) == {
        *OF_CITIZENS,
        "wallet_accounts",
        "wallet_invitations",
        "expiry_warnings",
        "idempotent_requests",
    }
    given = scalar(scene.database, "SELECT sum(credits_posted) FROM accounts WHERE kind = 'issuing'")
    assert scene.erase(eve) == Erased(1, 80, 1, has_left_household=False, is_finished=False, is_repeat=False)
    assert (scene.own_balance("forfeited"), scene.balance(scene.town.shop.account_id)) == (80, 10)
    assert scalar(scene.database, "SELECT sum(credits_posted) FROM accounts WHERE kind = 'issuing'") == given
    assert scalar(scene.database, "SELECT status FROM vouchers WHERE voucher_id = :id", id=held) == "cancelled"
    with scene.database.engine("bontri_api").begin() as connection:
        letter = take_letter(connection, scene.keyring, authority_id=7, now=scene.now + 3 * HOUR)
    assert letter is not None
    assert (letter.kind, letter.address, letter.language) == ("account_erased", "eve@example.org", "en")
    assert (letter.citizen_id, letter.good_until) == (None, scene.now + 27 * HOUR)
    # A worker may still know the lot of this month.
    assert scene.rows_about(eve) == {"wallet_accounts": 1}
    assert scene.state_of_deposit("E") == "counted"
    assert scene.finish(at=scene.now + 12 * HOUR) == 0
    assert scene.finish(at=scene.now + 2 * DAY) == 1
    assert scene.rows_about(eve) == {}
    assert scalar(scene.database, "SELECT count(*) FROM citizens WHERE citizen_id = :id", id=eve.citizen_id) == 0
    scene.assert_sound()


def test_every_table_that_refers_to_citizens_is_emptied_of_them() -> None:
    referring = {
        name
        for name, table in Base.metadata.tables.items()
        if any(key.column.table.name == "citizens" for key in table.foreign_keys)
    }
    assert referring == set(OF_CITIZENS)


def test_an_erased_citizen_cannot_be_found_and_may_come_back_as_another(scene: Scene) -> None:
    eve = live(scene)
    scene.erase(eve)
    with scene.database.engine().begin() as connection:
        with pytest.raises(CardUnknownError):
            get_card(connection, scene.keyring, authority_id=7, badge="E")
        again = register_citizen(
            connection, scene.keyring, authority_id=7, badges=["E"], email="eve@example.org", now=scene.now
        )
    assert again.citizen_id != eve.citizen_id
    assert scene.wallet(again.wallet_id).points == 0
    scene.finish(at=scene.now + 2 * DAY)
    assert scene.state_of_deposit("E") == "credited"
    scene.assert_sound()


def test_a_key_that_was_lost_keeps_nobody_from_being_erased(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        eve = build_citizen(connection, scene.town, email="eve@example.org")
    scene.keyring = replace(scene.keyring, storage_key=b"x" * 32)
    assert scene.erase(eve).citizens == 1
    assert scalar(scene.database, "SELECT count(*) FROM contacts") == 0
    assert scalar(scene.database, "SELECT count(*) FROM outbox") == 0


def test_erasing_again_changes_nothing(scene: Scene) -> None:
    scene.erase(scene.citizen)
    again = scene.erase(scene.citizen)
    assert (again.citizens, again.points, again.is_repeat) == (0, 0, True)
    assert len(scene.register.read()) == 1
    scene.finish(at=scene.now + 2 * DAY)
    gone = scene.erase(scene.citizen)
    assert (gone.is_repeat, gone.is_finished) == (True, True)
    with pytest.raises(CitizenUnknownError):
        scene.privacy(erase_citizen, scene.keyring, scene.register, new_id(), asked_by="ada", now=scene.now)
    assert scene.own_balance("forfeited") == 100
    scene.assert_sound()


def test_who_shares_a_wallet_leaves_it_whole(scene: Scene) -> None:
    scene.merge(scene.other, scene.citizen)
    voucher = scene.buy(scene.sell())
    erased = scene.erase(scene.other)
    assert (erased.points, erased.vouchers, erased.has_left_household, erased.is_finished) == (0, 0, True, True)
    assert scene.wallet(scene.citizen.wallet_id).points == 190
    assert scalar(scene.database, "SELECT status FROM vouchers WHERE voucher_id = :id", id=voucher) == "issued"
    assert scene.finish(at=scene.now + 2 * DAY) == 1
    # Then the last one.
    assert scene.erase(scene.citizen, at=scene.now + 3 * DAY).points == 200
    scene.assert_sound()


def test_cards_once_claimed_go_with_the_citizen_who_claimed_them(scene: Scene) -> None:
    claim = {"badge": "C", "citizen": scene.citizen, "made_by": "ada", "now": scene.now}
    with scene.database.engine("bontri_operator").begin() as connection:
        claim_card(connection, scene.keyring, authority_id=7, **claim)
    erased = scene.erase(scene.citizen)
    assert (erased.citizens, erased.points) == (2, 200)
    assert {each.citizen_id for each in scene.register.read()} == {scene.citizen.citizen_id, scene.other.citizen_id}
    assert scene.finish(at=scene.now + 2 * DAY) >= 1
    assert scalar(scene.database, "SELECT count(*) FROM citizens") == 0
    scene.assert_sound()


def test_a_credit_in_review_is_taken_when_the_review_has_ended(scene: Scene) -> None:
    scene.owner(set_review_rules, ReviewRules(over_items=50))
    scene.earn("B", 60)
    assert scene.erase(scene.citizen).points == 100
    assert scene.finish(at=scene.now + 2 * DAY) == 0
    with scene.database.engine("bontri_operator").begin() as connection:
        assert lapse_reviews(connection, authority_id=7, now=scene.now + 8 * DAY).points == 60
    assert scene.finish(at=scene.now + 8 * DAY) == 1
    assert scene.own_balance("forfeited") == 160
    scene.assert_sound()


def test_what_comes_back_after_an_erasure_is_nobody_s_and_expires(scene: Scene) -> None:
    redeemed = scene.buy(scene.sell())
    scene.redeem(redeemed, scene.town.shop.shop_id)
    with scene.database.engine().begin() as connection:
        goal = build_goal(connection, scene.town, target_points=500, ends_at=scene.now + 9 * DAY)
    scene.api(donate_to_goal, goal, wallet_id=scene.citizen.wallet_id, points=30, now=scene.now)
    assert scene.erase(scene.citizen).points == 60
    scene.finish(at=scene.now + 2 * DAY)
    scene.api(reverse_redemption, redeemed, reason="mistake", reversed_by="ada", now=scene.now + 3 * DAY)
    scene.api(close_goal, goal, now=scene.now + 3 * DAY)
    scene.api(give_back, now=scene.now + 3 * DAY)
    left = "SELECT sum(credits_posted - debits_posted) FROM accounts a WHERE kind = 'lot' AND NOT EXISTS"
    nobody_s = f"{left} (SELECT FROM wallet_accounts w WHERE w.account_id = a.account_id)"
    assert scalar(scene.database, nobody_s) == 40
    scene.assert_sound()


def credit_late(scene: Scene) -> None:
    """A worker knows whose a badge is and their lot; the citizen is erased; then it credits a deposit."""
    with scene.database.engine("bontri_ingest").connect() as worker:
        digest = scene.keyring.badge_digest(authority_id=7, badge="B")
        month = lot_month_of(scene.now.date())
        [holder] = find_holders(worker, [digest], authority_id=7, lot_month=month).values()
        assert holder.lot_account_id is not None
        scene.erase(scene.citizen)
        issuing = worker.scalar(text("SELECT issuing_account_id FROM bins WHERE authority_id = 7 LIMIT 1"))
        credit = Transfer(str(issuing), holder.lot_account_id, 9, reason="adjustment")
        record_transfers(worker, [credit], authority_id=7, now=scene.now)
        worker.commit()


HELD_BY_LOTS = "SELECT coalesce(sum(credits_posted - debits_posted), 0) FROM accounts WHERE kind = 'lot'"


def test_a_deposit_of_the_second_of_an_erasure_is_taken_a_day_later(scene: Scene) -> None:
    credit_late(scene)
    assert scalar(scene.database, HELD_BY_LOTS) == 109
    scene.finish(at=scene.now + 2 * DAY)
    assert (scalar(scene.database, HELD_BY_LOTS), scene.own_balance("forfeited")) == (100, 109)
    scene.assert_sound()


def test_control_cut_at_once_the_lot_keeps_a_late_deposit(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = erasing.take_out
    monkeypatch.setattr(erasing, "take_out", lambda *args, **named: whole(*args, **{**named, "is_final": True}))
    credit_late(scene)
    scene.finish(at=scene.now + 2 * DAY)
    assert (scalar(scene.database, HELD_BY_LOTS), scene.own_balance("forfeited")) == (109, 100)


def at_once(scene: Scene, works: list[tuple[str, Callable[[Connection], object]]]) -> Counter[str]:
    """Do all at the same instant, each as a role, in a transaction of its own; count what came of it."""
    line = threading.Barrier(len(works))

    def run(work: tuple[str, Callable[[Connection], object]]) -> str:
        role, do = work
        with scene.database.engine(role).connect() as connection:  # type: ignore[arg-type]
            connection.execute(text("SELECT 1"))
            line.wait(30)
            try:
                do(connection)
            except RewardsError as refusal:
                connection.rollback()
                return refusal.code
            connection.commit()
            return "done"

    with ThreadPoolExecutor(len(works)) as pool:
        return Counter(pool.map(run, works))


def test_an_erasure_among_redemptions_deposits_and_merges_loses_nothing(scene: Scene) -> None:
    offer = scene.sell()
    vouchers = [scene.buy(offer) for _ in range(3)]
    eve = live(scene)
    now = scene.now + 3 * HOUR
    own = {"authority_id": 7, "wallet_id": scene.citizen.wallet_id, "now": now}

    def erase(connection: Connection) -> None:
        named = {"authority_id": 7, "asked_by": "citizen", "now": now}
        erase_citizen(connection, scene.keyring, scene.register, scene.citizen.citizen_id, **named)

    def redeem(number: int) -> Callable[[Connection], object]:
        return lambda connection: redeem_voucher(
            connection,
            scene.keyring,
            authority_id=7,
            shop_id=scene.town.shop.shop_id,
            code=scene.keyring.voucher_code(vouchers[number]),
            redemption_key=f"K{number}",
            now=now,
        )

    def merge(from_: Citizen, into: Citizen) -> Callable[[Connection], object]:
        pair = {"from_wallet_id": from_.wallet_id, "to_wallet_id": into.wallet_id}
        return lambda connection: merge_wallets(connection, authority_id=7, **pair, made_by="x", now=now)

    works: list[tuple[str, Callable[[Connection], object]]] = [
        ("bontri_privacy", erase),
        ("bontri_privacy", erase),
        ("bontri_api", redeem(0)),
        ("bontri_api", redeem(1)),
        ("bontri_api", lambda connection: cancel_voucher(connection, **own, voucher_id=vouchers[2])),
        ("bontri_api", lambda connection: issue_voucher(connection, scene.keyring, **own, offer_id=offer)),
        ("bontri_api", merge(eve, scene.citizen)),
        ("owner", lambda connection: deposit(connection, scene.town, badge="B", items=7, now=now)),
    ]
    done = at_once(scene, works)
    assert set(done) <= {"done", "points_insufficient", "voucher_cancelled", "wallet_changed", "voucher_unknown"}, done
    scene.erase(scene.citizen, at=now)
    scene.finish(at=scene.now + 2 * DAY)
    scene.assert_sound()
    assert scene.rows_about(scene.citizen).keys() <= {"wallet_accounts", "expiry_warnings"}
    kept = scalar(scene.database, "SELECT count(*) FROM citizens WHERE state = 'erased'")
    assert kept == 0


class Register(ErasureRegister):
    """A register that fails, as a full disk does."""

    def add(self, *arguments: Any, **named: Any) -> list[UUID]:
        raise OSError(28, "No space left on device")


def test_nothing_is_erased_that_could_not_be_registered(scene: Scene, tmp_path) -> None:
    before = scene.rows_about(scene.citizen)
    scene.register, kept = Register(tmp_path / "x"), scene.register
    with pytest.raises(OSError, match="No space"):
        scene.erase(scene.citizen)
    scene.register = kept
    assert scene.rows_about(scene.citizen) == before
    assert scene.wallet(scene.citizen.wallet_id).points == 100


def test_a_torn_line_of_the_register_is_told_and_nothing_is_changed(scene: Scene, tmp_path) -> None:
    path = tmp_path / "torn.jsonl"
    scene.register = ErasureRegister(path)
    scene.erase(scene.other)
    with path.open("a") as file:
        file.write('{"authority_id": 7, "citiz')
    with pytest.raises(ErasureRegisterFaultyError, match="line 2"):
        scene.erase(scene.citizen)
    assert scene.wallet(scene.citizen.wallet_id).points == 100
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_register_erases_whom_a_restore_brought_back(scene: Scene) -> None:
    """The backup is from before the erasure: here, the transaction that is rolled back after it was registered."""
    with scene.database.engine("bontri_privacy").connect() as connection:
        named = {"authority_id": 7, "asked_by": "citizen", "now": scene.now}
        erase_citizen(connection, scene.keyring, scene.register, scene.citizen.citizen_id, **named)
        connection.rollback()
    assert scene.wallet(scene.citizen.wallet_id).points == 100
    registered = [each.citizen_id for each in scene.register.read()]
    back = scene.privacy(list_unknown_erasures, registered)
    assert back == [scene.citizen.citizen_id]
    assert scene.erase(scene.citizen).points == 100
    assert scene.privacy(list_unknown_erasures, registered) == []
    assert len(scene.register.read()) == 1
    scene.assert_sound()


def test_only_the_role_for_it_may_erase(scene: Scene) -> None:
    for role in ("bontri_api", "bontri_operator", "bontri_reader", "bontri_ingest"):
        with scene.database.engine(role).connect() as connection, pytest.raises(Exception, match="permission denied"):  # type: ignore[arg-type]
            connection.execute(text("DELETE FROM wallet_accounts WHERE authority_id = 7"))
    with scene.database.engine("bontri_privacy").connect() as connection:
        for table in ("events", "transfers", "vouchers", "accounts", "wallet_changes"):
            with pytest.raises(Exception, match="permission denied"), connection.begin_nested():
                connection.execute(text(f"DELETE FROM {table} WHERE authority_id = 7"))


steps = st.lists(
    st.tuples(st.sampled_from(("earn", "buy", "cancel", "merge", "leave", "erase", "finish")), st.integers(0, 2)),
    min_size=4,
    max_size=16,
)
FOUND = (Phase.explicit, Phase.generate)
"""A history costs a tenth of a second: making a failing one shorter would take minutes."""

SUMS = """
    SELECT CASE WHEN kind IN ('issuing', 'bonus') THEN 'given' ELSE 'held' END AS what,
           sum(credits_posted - debits_posted) FROM accounts GROUP BY 1
"""
HELD = (
    "every_authority_balances",
    "account_counters_equal_their_transfers",
    "merged_wallets_lead_to_open_ones",
    "wallet_changes_equal_their_transfers",
    "vouchers_are_in_exactly_one_state",
    "forfeitures_empty_lots_into_their_account",
)


class History:
    """Three citizens and what they do; refused is what cannot be done, as to somebody who is erased."""

    def __init__(
        self,
        connection: Connection,
        town: Town,
        citizens: list[Citizen],
        register: ErasureRegister,
        now: datetime.datetime,
    ) -> None:
        self.connection, self.town, self.citizens = connection, town, citizens
        self.keyring, self.register, self.now = town.keyring, register, now
        self.earned, self.vouchers, self.erasures = 0, list[UUID](), list[int]()

    def own(self) -> dict[str, Any]:
        return {"authority_id": 7, "now": self.now}

    def wallet(self, number: int) -> dict[str, Any]:
        found = text("SELECT wallet_id FROM citizens WHERE citizen_id = :id")
        wallet_id = self.connection.scalar(found, {"id": self.citizens[number % 3].citizen_id})
        return {**self.own(), "wallet_id": wallet_id or new_id()}

    def do(self, what: str, number: int) -> None:
        self.now += DAY
        try:
            with self.connection.begin_nested():
                getattr(self, what)(number)
        except RewardsError:
            pass

    def earn(self, number: int) -> None:
        self.earned += deposit(self.connection, self.town, badge="ABC"[number], items=25, now=self.now).points

    def buy(self, number: int) -> None:
        offer = {"offer_id": self.town.offer_id}
        self.vouchers.append(issue_voucher(self.connection, self.keyring, **self.wallet(number), **offer))

    def cancel(self, number: int) -> None:
        if self.vouchers:
            cancel_voucher(self.connection, **self.wallet(number), voucher_id=self.vouchers.pop())

    def leave(self, number: int) -> None:
        leave_household(self.connection, self.citizens[number].citizen_id, **self.wallet(number), made_by="x")

    def merge(self, number: int) -> None:
        ids = [self.wallet(each)["wallet_id"] for each in (number, number + 1)]
        pair = {"from_wallet_id": ids[0], "to_wallet_id": ids[1]}
        merge_wallets(self.connection, **pair, **self.own(), made_by="x")

    def erase(self, number: int) -> None:
        citizen_id = self.citizens[number].citizen_id
        erased = erase_citizen(
            self.connection, self.keyring, self.register, citizen_id, **self.own(), asked_by="citizen"
        )
        self.erasures.append(erased.points)

    def finish(self, _number: int) -> None:
        for citizen_id in list_unfinished(self.connection, **self.own()):
            finish_erasure(self.connection, citizen_id, **self.own())


def test_after_any_history_an_erasure_changes_no_sum(database, keyring, now, tmp_path) -> None:
    erasures: list[int] = []
    with database.engine().begin() as connection:
        town = build_town(connection, keyring)
        citizens = [build_citizen(connection, town, badge=badge) for badge in "ABC"]

    @settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), phases=FOUND)
    @given(steps)
    def hold(history: list[tuple[str, int]]) -> None:
        register = ErasureRegister(tmp_path / f"{new_id()}.jsonl")
        with database.engine().connect() as connection:
            lives = History(connection, town, citizens, register, now - 200 * DAY)
            for what, number in [("earn", 0), ("earn", 1), ("earn", 2), *history]:
                lives.do(what, number)
            for name in HELD:
                assert connection.execute(text(INVARIANTS[name]), {"authority_id": 7}).all() == [], name
            sums = {what: int(points) for what, points in connection.execute(text(SUMS))}
            assert sums == {"given": -lives.earned, "held": lives.earned}
            erasures.extend(lives.erasures)
            connection.rollback()

    hold()
    assert sum(points > 0 for points in erasures) > 3
