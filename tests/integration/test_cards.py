"""Cards over the counter and at the till: blocked, replaced, claimed; and the vouchers of people without a phone."""

import datetime
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection

from rewards.cards import (
    CardBlockedError,
    CardUnknownError,
    CitizenUnknownError,
    block_card,
    claim_card,
    get_citizen,
    get_citizen_by_email,
    replace_card,
)
from rewards.citizens import BadgeTakenError, Citizen
from rewards.households import WalletChangedError, WalletSharedError, merge_wallets
from rewards.ids import new_id
from rewards.vouchers import (
    CardsLockedError,
    Redemption,
    Voucher,
    VoucherAlreadyRedeemedError,
    VoucherOfAnotherShopError,
    VoucherUnknownError,
    list_vouchers_of_card,
    redeem_by_card,
    take_card_try,
)
from rewards.wallets import get_wallet
from tests.factories import build_citizen, deposit
from tests.ingest_scene import scalar
from tests.integration.test_offers import Scene as Shops

MINUTE = datetime.timedelta(minutes=1)


class Scene(Shops):
    """The shops' town: cards B and C, with 100 points each and nobody registered, and Eve, registered with card E."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        with self.database.engine().begin() as connection:
            self.eve: Citizen = build_citizen(connection, self.town, badge="E", email="eve@example.org")
            deposit(connection, self.town, badge="E", items=7, now=self.now)

    def counter(self, work: Callable[..., Any], **named: Any) -> Any:
        """Do something as the town hall does."""
        with self.database.engine("bontri_operator").begin() as connection:
            return work(connection, self.keyring, authority_id=7, **named)

    def replace(self, lost: str, new: str) -> int:
        points: int = self.counter(replace_card, lost_badge=lost, new_badge=new, made_by="ada", now=self.now)
        return points

    def claim(self, badge: str, citizen: Citizen) -> int:
        points: int = self.counter(claim_card, badge=badge, citizen=citizen, made_by="ada", now=self.now)
        return points

    def held(self, citizen: Citizen) -> int:
        with self.database.engine().connect() as connection:
            return get_wallet(connection, authority_id=7, wallet_id=citizen.wallet_id, now=self.now).points

    def deposit(self, badge: str, items: int = 3) -> str:
        with self.database.engine().begin() as connection:
            return deposit(connection, self.town, badge=badge, items=items, now=self.now).state

    def list_of(self, badge: str, *, shop_id: UUID | None = None, at: datetime.datetime | None = None) -> list[Voucher]:
        """Do as a till does: take a try, then read the card."""
        shop: dict[str, Any] = {"authority_id": 7, "shop_id": shop_id or self.town.shop.shop_id, "now": at or self.now}
        engine = self.database.engine("bontri_api")
        with engine.begin() as connection:
            take_card_try(connection, **shop)
        with engine.begin() as connection:
            return list_vouchers_of_card(connection, self.keyring, **shop, badge=badge)

    def redeem_with(self, badge: str, voucher_id: UUID, *, shop_id: UUID | None = None, key: str = "K") -> Redemption:
        with self.database.engine("bontri_api").begin() as connection:
            return redeem_by_card(
                connection,
                self.keyring,
                authority_id=7,
                shop_id=shop_id or self.town.shop.shop_id,
                badge=badge,
                voucher_id=voucher_id,
                redemption_key=key,
                now=self.now + MINUTE,
            )


@pytest.fixture
def scene(database, keyring, now) -> Scene:
    return Scene(database, keyring, now)


def version(scene: Scene) -> int:
    return int(scalar(scene.database, "SELECT holders_version FROM authorities"))


def test_a_lost_card_is_blocked_and_a_new_one_stands_in_for_it(scene: Scene) -> None:
    told = version(scene)
    assert scene.replace("B", "NEW") == 0
    assert version(scene) > told
    assert (scene.deposit("B"), scene.deposit("NEW")) == ("counted", "credited")
    assert scene.held(scene.citizen) == 103
    told = version(scene)
    assert scene.replace("B", "NEW") == 0
    assert version(scene) == told
    scene.assert_sound()


def test_a_new_card_that_was_used_before_brings_its_points(scene: Scene) -> None:
    assert scene.replace("B", "C") == 100
    assert scene.deposit("C") == "credited"
    assert scene.held(scene.citizen) == 203
    assert scene.replace("B", "C") == 0
    assert scalar(scene.database, "SELECT count(*) FROM citizens WHERE state = 'blocked'") == 1
    scene.assert_sound()


def test_a_card_can_be_claimed_once_by_a_registered_citizen(scene: Scene) -> None:
    assert scene.claim("C", scene.eve) == 100
    assert scene.claim("C", scene.eve) == 0
    assert scene.held(scene.eve) == 107
    with pytest.raises(BadgeTakenError):
        scene.claim("C", scene.citizen)
    assert scalar(scene.database, "SELECT count(*) FROM citizens WHERE first_credited_on IS NULL") == 0
    scene.assert_sound()


def refused(scene: Scene, work: Callable[[], object]) -> type[Exception]:
    """Return the refusal, after which nothing has changed."""
    count = "SELECT string_agg(CAST(x AS text), ' ') FROM (SELECT * FROM {} ORDER BY 1, 2) x"
    tables = ("badges", "citizens", "wallets", "transfers", "authorities")
    before = [scalar(scene.database, count.format(table)) for table in tables]
    with pytest.raises(Exception) as refusal:  # noqa: PT011 (its type is the caller's to look at)
        work()
    assert [scalar(scene.database, count.format(table)) for table in tables] == before
    return refusal.type


def test_what_the_counter_refuses_changes_nothing(scene: Scene) -> None:
    scene.counter(block_card, badge="B", now=scene.now)
    assert not scene.counter(block_card, badge="B", now=scene.now)
    pair = {"from_wallet_id": scene.citizen.wallet_id, "to_wallet_id": scene.other.wallet_id}
    assert refused(scene, lambda: scene.counter(block_card, badge="X", now=scene.now)) is CardUnknownError
    assert refused(scene, lambda: scene.replace("X", "NEW")) is CardUnknownError
    assert refused(scene, lambda: scene.replace("C", "B")) is CardBlockedError
    assert refused(scene, lambda: scene.replace("C", "C")) is CardBlockedError
    assert refused(scene, lambda: scene.replace("C", "E")) is BadgeTakenError
    assert refused(scene, lambda: scene.counter(get_citizen_by_email, email="x@example.org")) is CitizenUnknownError
    nobody = {"authority_id": 7, "citizen_id": new_id()}
    with scene.database.engine("bontri_operator").connect() as connection:
        assert refused(scene, lambda: get_citizen(connection, **nobody)) is CitizenUnknownError
    with scene.database.engine("bontri_operator").begin() as connection:
        merge_wallets(connection, authority_id=7, **pair, made_by="ada", now=scene.now)
    assert refused(scene, lambda: scene.claim("C", scene.eve)) is WalletSharedError
    scene.assert_sound()


def test_of_two_who_claim_a_card_at_once_one_gets_it(scene: Scene) -> None:
    line, outcomes = threading.Barrier(2), []
    with scene.database.engine().begin() as connection:
        zoe = build_citizen(connection, scene.town, email="zoe@example.org")

    def claim(citizen: Citizen) -> None:
        with scene.database.engine("bontri_operator").connect() as connection:
            line.wait(30)
            try:
                points = claim_card(
                    connection, scene.keyring, authority_id=7, badge="C", citizen=citizen, made_by="x", now=scene.now
                )
                connection.commit()
                outcomes.append(points)
            except (WalletChangedError, BadgeTakenError):
                outcomes.append(0)

    threads = [threading.Thread(target=claim, args=[each]) for each in (zoe, scene.eve)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == [0, 100]
    assert sorted(scene.held(each) for each in (zoe, scene.eve)) in ([0, 107], [7, 100])
    scene.assert_sound()


def test_the_till_sees_what_a_card_can_use_there_and_redeems_one(scene: Scene) -> None:
    here, anywhere = scene.buy(scene.sell()), scene.buy(scene.sell(shop_id=None))
    elsewhere = scene.buy(scene.sell(shop_id=scene.second_shop.shop_id))
    spent = scene.buy(scene.sell())
    scene.redeem(spent, scene.town.shop.shop_id, key="scanned")
    assert {each.voucher_id for each in scene.list_of("B")} == {here, anywhere}
    assert {each.voucher_id for each in scene.list_of("B", shop_id=scene.second_shop.shop_id)} == {elsewhere, anywhere}
    assert scene.redeem_with("B", here).price_points == 10
    assert scene.redeem_with("B", here).is_repeat
    with pytest.raises(VoucherAlreadyRedeemedError):
        scene.redeem_with("B", here, key="other")
    with pytest.raises(VoucherOfAnotherShopError):
        scene.redeem_with("B", elsewhere, key="third")
    with pytest.raises(VoucherUnknownError):
        scene.redeem_with("C", anywhere, key="fourth")
    assert [each.voucher_id for each in scene.list_of("B")] == [anywhere]
    scene.assert_sound()


def test_a_till_learns_nothing_of_cards_but_what_they_can_use_there(scene: Scene) -> None:
    voucher_id = scene.buy(scene.sell())
    scene.counter(block_card, badge="B", now=scene.now)
    assert [scene.list_of(badge) for badge in ("B", "C", "UNKNOWN")] == [[], [], []]
    with pytest.raises(VoucherUnknownError):
        scene.redeem_with("B", voucher_id)
    assert not {"name", "email", "points", "wallet_id", "citizen_id"} & set(Voucher.__dataclass_fields__)
    scene.replace("B", "NEW")
    assert [each.voucher_id for each in scene.list_of("NEW")] == [voucher_id]


def test_ten_cards_without_a_redemption_lock_the_shop_for_ten_minutes_and_no_other(scene: Scene) -> None:
    for _ in range(3):
        voucher_id = scene.buy(scene.sell())
        scene.list_of("B")
        scene.redeem_with("B", voucher_id, key=str(voucher_id))
    for number in range(10):
        scene.list_of(f"GUESS-{number}")
    with pytest.raises(CardsLockedError):
        scene.list_of("B")
    assert scene.list_of("B", shop_id=scene.second_shop.shop_id) == []
    assert scene.list_of("B", at=scene.now + 11 * MINUTE) == []


def test_a_repeated_redemption_gives_no_try_back(scene: Scene) -> None:
    voucher_id = scene.buy(scene.sell())
    scene.list_of("B")
    for _ in range(3):
        scene.redeem_with("B", voucher_id)
    for number in range(10):
        scene.list_of(f"GUESS-{number}")
    with pytest.raises(CardsLockedError):
        scene.list_of("B")


def count_looks(scene: Scene, take: Callable[[Connection], object]) -> int:
    """Let twenty read cards at once; return how many were let through."""
    line, looked = threading.Barrier(20), []
    engine = scene.database.engine("bontri_api")

    def look() -> None:
        line.wait(30)
        try:
            with engine.begin() as connection:
                take(connection)
            looked.append(1)
        except CardsLockedError:
            pass

    threads = [threading.Thread(target=look) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return len(looked)


def test_many_cards_read_at_once_have_no_more_than_ten_tries(scene: Scene) -> None:
    shop = {"authority_id": 7, "shop_id": scene.town.shop.shop_id, "now": scene.now}
    assert count_looks(scene, lambda connection: take_card_try(connection, **shop)) == 10
