"""Households: wallets merged and parted by transfers, joined by two consents; nothing is lost, whoever is at it too."""

import datetime
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, text

from rewards import wallets
from rewards.badges import find_holders
from rewards.cards import get_card
from rewards.citizens import Citizen
from rewards.corrections import approve_correction, request_correction
from rewards.errors import RewardsError
from rewards.households import (
    HouseholdTooSoonError,
    InvitationLockedError,
    InvitationUnknownError,
    Merged,
    Share,
    ShareTooLargeError,
    WalletNotSharedError,
    WalletSharedError,
    accept_invitation,
    invite_to_wallet,
    leave_household,
    merge_wallets,
    splitting,
    take_invitation_try,
)
from rewards.ledger import Transfer, record_transfers
from rewards.lots import lot_month_of, open_lots
from rewards.offers import OfferLimitReachedError
from rewards.statements import explain, list_movements
from rewards.vouchers import (
    cancel_voucher,
    get_voucher,
    issue_voucher,
    list_vouchers,
    redeem_voucher,
    reverse_redemption,
)
from rewards.wallets import Wallet, get_wallet
from tests.factories import build_citizen, deposit
from tests.ingest_scene import scalar
from tests.integration.test_offers import Scene as Shops

DAY, MINUTE = datetime.timedelta(days=1), datetime.timedelta(minutes=1)
PARIS = ZoneInfo("Europe/Paris")


class Scene(Shops):
    """The shops' town: two citizens with 100 points each, and what households do, as the API's role does it."""

    def api(self, work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with self.database.engine("bontri_api").begin() as connection:
            return work(connection, *arguments, authority_id=7, **named)

    def merge(self, from_: Citizen, into: Citizen, *, at: datetime.datetime | None = None) -> Merged:
        pair = {"from_wallet_id": from_.wallet_id, "to_wallet_id": into.wallet_id}
        merged: Merged = self.api(merge_wallets, **pair, made_by="ada", now=at or self.now)
        return merged

    def leave(self, citizen: Citizen, wallet_id: UUID, **named: Any) -> Share:
        share: Share = self.api(
            leave_household, citizen.citizen_id, wallet_id=wallet_id, made_by="ada", now=self.now, **named
        )
        return share

    def wallet(self, wallet_id: UUID, *, at: datetime.datetime | None = None) -> Wallet:
        wallet: Wallet = self.api(get_wallet, wallet_id=wallet_id, now=at or self.now)
        return wallet

    def earn(self, badge: str, points: int, *, at: datetime.datetime | None = None) -> None:
        with self.database.engine().begin() as connection:
            deposit(connection, self.town, badge=badge, items=points, now=at or self.now)

    def tell(self, wallet_id: UUID, language: Any = "en") -> list[tuple[int, str]]:
        movements = self.api(list_movements, wallet_id=wallet_id, timezone=PARIS)
        return [(each.points, explain(each, timezone=PARIS, language=language)) for each in movements]


@pytest.fixture
def scene(database, keyring, now) -> Scene:
    return Scene(database, keyring, now)


def test_merged_wallets_are_one_and_their_points_keep_their_expiry(scene: Scene) -> None:
    ada, bob = scene.citizen, scene.other
    scene.earn("C", 30, at=scene.now - 40 * DAY)
    expiries = {lot.expires_on for each in (ada, bob) for lot in scene.wallet(each.wallet_id).lots}
    assert scene.merge(bob, ada) == Merged(ada.wallet_id, 130, is_repeat=False)
    shared = scene.wallet(ada.wallet_id)
    assert [(lot.points, lot.expires_on) for lot in shared.lots if lot.points] == list(
        zip((30, 200), sorted(expiries), strict=True)
    )
    scene.earn("B", 5)
    scene.earn("C", 6)
    assert scene.wallet(ada.wallet_id).points == 241
    assert scalar(scene.database, "SELECT count(*) FROM citizens WHERE wallet_id = :id", id=ada.wallet_id) == 2
    for again in (scene.merge(bob, ada), scene.merge(ada, bob)):
        assert (again.points, again.is_repeat) == (0, True)
    told = scene.tell(ada.wallet_id)
    assert (0, "Wallets put together: 130 points brought in, shared from now on") in told
    assert sum(points for points, _ in told) == 241
    assert (0, "Porte-monnaie réunis : 130 points apportés, à partager désormais") in scene.tell(ada.wallet_id, "fr")
    scene.assert_sound()


def test_a_wallet_merged_on_takes_those_merged_into_it_along(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        eve = build_citizen(connection, scene.town, badge="E")
    scene.earn("E", 7)
    voucher_id = scene.buy(scene.sell(), citizen=scene.other)
    scene.merge(scene.other, scene.citizen)
    scene.merge(scene.citizen, eve)
    assert (scene.wallet(eve.wallet_id).points, scene.wallet(eve.wallet_id).pending_points) == (197, 10)
    scene.api(cancel_voucher, wallet_id=eve.wallet_id, voucher_id=voucher_id, now=scene.now + DAY)
    assert scene.wallet(eve.wallet_id).points == 207 == sum(points for points, _ in scene.tell(eve.wallet_id))
    scene.assert_sound()


def test_what_vouchers_held_comes_back_to_the_shared_wallet(scene: Scene) -> None:
    ada, bob, offer = scene.citizen, scene.other, scene.sell(most_per_wallet=3, limit_period="ever")
    cancelled, redeemed = (scene.buy(offer, citizen=bob) for _ in range(2))
    scene.merge(bob, ada)
    own = {"wallet_id": ada.wallet_id, "now": scene.now + DAY}
    assert {each.voucher_id for each in scene.api(list_vouchers, **own)} == {cancelled, redeemed}
    assert scene.api(get_voucher, **own, voucher_id=redeemed).status == "issued"
    scene.redeem(redeemed, scene.town.shop.shop_id)
    scene.api(cancel_voucher, **own, voucher_id=cancelled)
    assert scene.wallet(ada.wallet_id).points == 190
    reversal = {"reason": "mistake", "reversed_by": "grace", "now": scene.now + DAY}
    scene.api(reverse_redemption, redeemed, **reversal)
    assert scene.wallet(ada.wallet_id).points == 200 == sum(points for points, _ in scene.tell(ada.wallet_id))
    for _ in range(3):
        scene.buy(offer)
    with pytest.raises(OfferLimitReachedError):
        scene.buy(offer)
    scene.assert_sound()


def test_a_correction_takes_from_the_wallet_the_points_went_to(scene: Scene) -> None:
    credit = scalar(
        scene.database,
        "SELECT t.transfer_id FROM transfers t JOIN wallet_accounts w ON w.account_id = t.credit_account_id"
        " WHERE w.wallet_id = :id",
        id=scene.other.wallet_id,
    )
    scene.merge(scene.other, scene.citizen)
    with scene.database.engine("bontri_operator").begin() as connection:
        facts = {"authority_id": 7, "now": scene.now}
        asked = request_correction(connection, credit, **facts, reason="fraud", note="x", requested_by="ada")
        corrected = approve_correction(connection, asked, **facts, decided_by="grace")
    assert (corrected.taken_points, scene.wallet(scene.citizen.wallet_id).points) == (100, 100)
    scene.assert_sound()


def race(scene: Scene, works: list[Callable[[Connection], object]]) -> Counter[str]:
    """Do all at the same instant, each in a transaction of its own; count what came of it."""
    line, engine = threading.Barrier(len(works)), scene.database.engine("bontri_api")

    def run(work: Callable[[Connection], object]) -> str:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            line.wait(30)
            try:
                done = work(connection)
            except RewardsError as refusal:
                connection.rollback()
                return refusal.code
            connection.commit()
            return "repeat" if isinstance(done, Merged) and done.is_repeat else "done"

    with ThreadPoolExecutor(len(works)) as pool:
        return Counter(pool.map(run, works))


def merge_both_ways(scene: Scene, times: int = 1) -> Counter[str]:
    ways = [(scene.citizen, scene.other), (scene.other, scene.citizen)] * times

    def merging_(from_: Citizen, into: Citizen) -> Callable[[Connection], object]:
        pair = {"from_wallet_id": from_.wallet_id, "to_wallet_id": into.wallet_id}
        return lambda connection: merge_wallets(connection, authority_id=7, **pair, made_by="x", now=scene.now)

    return race(scene, [merging_(*way) for way in ways])


def test_merges_in_opposite_directions_make_one_wallet(scene: Scene) -> None:
    assert merge_both_ways(scene, 4) == {"done": 1, "repeat": 7}
    kept = scalar(scene.database, "SELECT wallet_id FROM wallets WHERE merged_into IS NULL")
    assert scene.wallet(kept).points == 200
    assert scalar(scene.database, "SELECT count(*) FROM citizens WHERE wallet_id = :id", id=kept) == 2
    scene.assert_sound()


def test_control_merges_that_look_first_close_both_wallets(scene: Scene) -> None:
    looked, ids = threading.Barrier(2), (scene.citizen.wallet_id, scene.other.wallet_id)

    def look_then_merge(from_: UUID, into: UUID) -> Callable[[Connection], object]:
        def work(connection: Connection) -> None:
            is_open = connection.scalar(text("SELECT bool_and(merged_into IS NULL) FROM wallets"))
            looked.wait(30)
            if is_open:
                values = {"from": from_, "into": into}
                connection.execute(text("UPDATE wallets SET merged_into = :into WHERE wallet_id = :from"), values)

        return work

    assert race(scene, [look_then_merge(*ids), look_then_merge(*reversed(ids))]) == {"done": 2}
    assert [scene.wallet(each).points for each in ids] == [200, 200]
    with pytest.raises(AssertionError, match="merged_wallets_lead_to_open_ones"):
        scene.assert_sound()


def credit_while_merging(scene: Scene) -> None:
    """A worker finds out whose a badge is, the wallets are merged, and only then it opens a lot and credits it."""
    with scene.database.engine("bontri_ingest").connect() as worker:
        later = scene.now + 60 * DAY
        month = lot_month_of(later.date())
        digest = scene.keyring.badge_digest(authority_id=7, badge="C")
        [holder] = find_holders(worker, [digest], authority_id=7, lot_month=month).values()
        scene.merge(scene.other, scene.citizen, at=later)
        lots = open_lots(worker, [holder.wallet_id], authority_id=7, lot_month=month, valid_months=24, now=later)
        issuing = worker.scalar(text("SELECT issuing_account_id FROM bins WHERE authority_id = 7 LIMIT 1"))
        credit = Transfer(str(issuing), lots[holder.wallet_id], 9, reason="adjustment")
        record_transfers(worker, [credit], authority_id=7, now=later)
        worker.commit()


def test_a_deposit_credited_to_a_merged_wallet_is_the_shared_one_s(scene: Scene) -> None:
    credit_while_merging(scene)
    assert scene.wallet(scene.citizen.wallet_id).points == 209
    scene.assert_sound()


def test_control_without_the_link_such_a_deposit_is_nobody_s(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = str(wallets.LIST_LOTS).replace(wallets.WALLETS_OF, "ARRAY[CAST(:wallet_id AS uuid)]")
    monkeypatch.setattr(wallets, "LIST_LOTS", text(alone))
    credit_while_merging(scene)
    assert scene.wallet(scene.citizen.wallet_id).points == 200


def test_merging_while_all_else_goes_on_loses_no_point(scene: Scene) -> None:
    offer, bob = scene.sell(), scene.other
    vouchers = [scene.buy(offer, citizen=bob) for _ in range(4)]
    tenant, at = {"authority_id": 7}, scene.now + DAY
    code = scene.keyring.voucher_code

    def buy(wallet_id: UUID) -> Callable[[Connection], object]:
        facts = {**tenant, "wallet_id": wallet_id, "offer_id": offer, "now": at}
        return lambda connection: issue_voucher(connection, scene.keyring, **facts)

    def redeem(voucher_id: UUID) -> Callable[[Connection], object]:
        facts = {**tenant, "shop_id": scene.town.shop.shop_id, "now": at, "redemption_key": str(voucher_id)}
        return lambda connection: redeem_voucher(connection, scene.keyring, **facts, code=code(voucher_id))

    def earn(badge: str) -> Callable[[Connection], object]:
        return lambda _: scene.earn(badge, 5, at=at)

    def merge(from_: Citizen, into: Citizen) -> Callable[[Connection], object]:
        pair = {"from_wallet_id": from_.wallet_id, "to_wallet_id": into.wallet_id}
        return lambda connection: merge_wallets(connection, **tenant, **pair, made_by="x", now=at)

    works = [
        *(merge(bob, scene.citizen), merge(scene.citizen, bob)),
        *(redeem(voucher_id) for voucher_id in vouchers[:2]),
        *(buy(each.wallet_id) for each in (bob, scene.citizen)),
        *(earn(badge) for badge in "BC"),
    ]
    done = race(scene, works)
    assert set(done) <= {"done", "repeat", "points_insufficient"}
    kept = scalar(scene.database, "SELECT wallet_id FROM wallets WHERE merged_into IS NULL")
    bought = scalar(scene.database, "SELECT count(*) FROM vouchers") - 4
    assert scene.wallet(kept).points == 210 - 40 - 10 * bought
    assert scene.wallet(kept).pending_points == 20 + 10 * bought
    assert scene.balance(scene.town.shop.account_id) == 20
    scene.assert_sound()


def test_who_leaves_takes_an_equal_share_of_every_month(scene: Scene) -> None:
    scene.earn("C", 31, at=scene.now - 40 * DAY)
    scene.merge(scene.other, scene.citizen)
    held = scene.buy(scene.sell())
    share = scene.leave(scene.other, scene.citizen.wallet_id)
    assert share.points == 110  # of 231 less the 10 a voucher holds; the odd one stays
    mine, theirs = scene.wallet(share.wallet_id), scene.wallet(scene.citizen.wallet_id)
    assert [lot.points for lot in mine.lots] == [11, 99]
    assert [lot.points for lot in theirs.lots if lot.points] == [10, 101]
    assert {lot.expires_on for lot in mine.lots} == {lot.expires_on for lot in theirs.lots}
    assert scene.api(list_vouchers, wallet_id=share.wallet_id, now=scene.now) == []
    scene.api(cancel_voucher, wallet_id=scene.citizen.wallet_id, voucher_id=held, now=scene.now + DAY)
    scene.earn("C", 4)
    assert scene.wallet(share.wallet_id).points == 114
    assert scene.tell(share.wallet_id)[-1] == (110, "Your share on leaving the household: 110 points")
    assert (-110, "A member left the household: 110 points went along") in scene.tell(scene.citizen.wallet_id)
    assert scene.tell(share.wallet_id, "fr")[-1][1] == "Votre part en quittant le foyer : 110 points"
    assert (scene.wallet(scene.citizen.wallet_id).points, sum(points for points, _ in scene.tell(share.wallet_id))) == (
        121,
        114,
    )
    with pytest.raises(WalletNotSharedError):
        scene.leave(scene.other, share.wallet_id)
    scene.assert_sound()


def test_points_of_a_month_that_expire_on_two_days_stay_apart(scene: Scene) -> None:
    """As when an authority has changed in mid-month how long points are valid."""
    with scene.database.engine().begin() as connection:
        connection.execute(
            text(
                "UPDATE accounts SET expires_on = '2027-06-01' WHERE account_id ="
                " (SELECT account_id FROM wallet_accounts WHERE wallet_id = :id)"
            ),
            {"id": scene.other.wallet_id},
        )
    assert scene.merge(scene.other, scene.citizen).points == 0
    shared = scene.wallet(scene.citizen.wallet_id)
    assert [(lot.points, lot.expires_on.year) for lot in shared.lots] == [(100, 2027), (100, 2028)]
    share = scene.leave(scene.other, scene.citizen.wallet_id)
    assert [(lot.points, lot.expires_on.year) for lot in scene.wallet(share.wallet_id).lots] == [(100, 2027)]
    assert scene.wallet(scene.citizen.wallet_id).points == 100
    scene.assert_sound()


def test_members_may_agree_on_another_share_but_not_on_more_than_there_is(scene: Scene) -> None:
    scene.merge(scene.other, scene.citizen)
    before = scalar(scene.database, "SELECT count(*) FROM transfers")
    with pytest.raises(ShareTooLargeError):
        scene.leave(scene.other, scene.citizen.wallet_id, points=201)
    assert scalar(scene.database, "SELECT count(*) FROM transfers") == before
    assert scalar(scene.database, "SELECT count(*) FROM wallets") == 2
    assert scene.leave(scene.other, scene.citizen.wallet_id, points=0).points == 0
    assert scene.wallet(scene.citizen.wallet_id).points == 200
    scene.assert_sound()


def leave_at_once(scene: Scene) -> Counter[str]:
    scene.merge(scene.other, scene.citizen)

    def leaving(citizen: Citizen) -> Callable[[Connection], object]:
        facts = {"authority_id": 7, "wallet_id": scene.citizen.wallet_id, "made_by": "x", "now": scene.now}
        return lambda connection: leave_household(connection, citizen.citizen_id, **facts)

    return race(scene, [leaving(scene.citizen), leaving(scene.other)])


def test_of_two_who_leave_at_once_the_second_is_alone_and_stays(scene: Scene) -> None:
    assert leave_at_once(scene) == {"done": 1, "wallet_not_shared": 1}
    scene.assert_sound()


def test_control_without_the_lock_both_leave_and_what_is_left_is_nobody_s(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, count = threading.Barrier(2), splitting.count_members

    def count_together(*arguments: Any, **named: Any) -> int:
        members = count(*arguments, **named)
        counted.wait(30)
        return members

    monkeypatch.setattr(splitting, "lock_wallets", lambda *_, **__: None)
    monkeypatch.setattr(splitting, "count_members", count_together)
    assert leave_at_once(scene) == {"done": 2}
    assert scene.wallet(scene.citizen.wallet_id).points == 50
    assert (
        scalar(scene.database, "SELECT count(*) FROM citizens WHERE wallet_id = :id", id=scene.citizen.wallet_id) == 0
    )


def invite(scene: Scene, *, at: datetime.datetime | None = None) -> str:
    code, expires_at = scene.api(
        invite_to_wallet, scene.keyring, wallet_id=scene.citizen.wallet_id, now=at or scene.now
    )
    assert (len(code), expires_at) == (8, (at or scene.now) + 10 * MINUTE)
    return str(code)


def accept(scene: Scene, code: str, citizen: Citizen | None = None, *, at: datetime.datetime | None = None) -> Merged:
    """Do as the app does: take a try, then join."""
    who, now = citizen or scene.other, at or scene.now + MINUTE
    scene.api(take_invitation_try, citizen_id=who.citizen_id, now=now)
    joined: Merged = scene.api(
        accept_invitation, scene.keyring, citizen_id=who.citizen_id, wallet_id=who.wallet_id, code=code, now=now
    )
    return joined


def current(scene: Scene, badge: str) -> Citizen:
    with scene.database.engine("bontri_api").connect() as connection:
        return get_card(connection, scene.keyring, authority_id=7, badge=badge).citizen


def test_a_code_lets_one_citizen_join_once(scene: Scene) -> None:
    former, code = invite(scene), invite(scene)
    for wrong in (
        lambda: accept(scene, former),
        lambda: accept(scene, code, at=scene.now + 10 * MINUTE),
        lambda: accept(scene, code, scene.citizen),
    ):
        with pytest.raises(InvitationUnknownError):
            wrong()
    assert accept(scene, f" {code[:4].lower()}-{code[4:]}") == Merged(scene.citizen.wallet_id, 100, is_repeat=False)
    assert accept(scene, code, current(scene, "C")).is_repeat
    with scene.database.engine().begin() as connection:
        eve = build_citizen(connection, scene.town, badge="E")
    with pytest.raises(InvitationUnknownError):
        accept(scene, code, eve)
    with scene.database.engine().connect() as connection:
        assert code not in str(connection.execute(text("SELECT CAST(i AS text) FROM wallet_invitations i")).all())
    scene.assert_sound()


def test_five_wrong_codes_lock_a_citizen_out_for_ten_minutes(scene: Scene) -> None:
    code = invite(scene)
    for _ in range(5):
        with pytest.raises(InvitationUnknownError):
            accept(scene, "00000000")
    with pytest.raises(InvitationLockedError) as locked:
        accept(scene, code)
    assert locked.value.retry_after_s == 600
    assert scene.wallet(scene.other.wallet_id).points == 100
    again = scene.now + 12 * MINUTE
    assert not accept(scene, invite(scene, at=again), at=again).is_repeat


def test_nobody_takes_others_along_unasked_or_comes_back_at_once(scene: Scene) -> None:
    with scene.database.engine().begin() as connection:
        eve = build_citizen(connection, scene.town, badge="E")
    scene.merge(eve, scene.other)
    with pytest.raises(WalletSharedError):
        accept(scene, invite(scene))
    scene.leave(scene.other, scene.other.wallet_id)
    alone = current(scene, "C")
    code = invite(scene)
    with pytest.raises(HouseholdTooSoonError):
        accept(scene, code, alone)
    assert scene.wallet(scene.citizen.wallet_id).points == 100
    later = scene.now + 31 * DAY
    assert accept(scene, invite(scene, at=later), alone, at=later).points == 50
    scene.assert_sound()
