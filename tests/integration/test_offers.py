"""Offers: moderated step by step, sold within their stock, time and limits, at one shop or at all."""

import datetime
import threading
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from rewards.citizens import Citizen
from rewards.funders import add_funder
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.offers import (
    OfferLimitReachedError,
    OfferNotOnSaleError,
    OfferSoldOutError,
    OfferStateError,
    OfferTerms,
    OfferUnknownError,
    StockBelowSoldError,
    change_stock,
    draft_offer,
    end_offer,
    list_offers,
    pause_offer,
    publish_offer,
    put_on_sale,
    reject_offer,
    resume_offer,
    submit_offer,
)
from rewards.shops import ShopRevokedError, create_shop, revoke_shop
from rewards.verify import verify
from rewards.vouchers import (
    VoucherAlreadyRedeemedError,
    VoucherOfAnotherShopError,
    cancel_voucher,
    get_voucher,
    issue_voucher,
    look_up_voucher,
    redeem_voucher,
)
from rewards.wallets import get_wallet
from tests.databases import Database
from tests.factories import Town, build_citizen, build_town, deposit

HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)


class Scene:
    """A town with two shops and a citizen of 100 points; everything as the API's role would do it."""

    def __init__(self, database: Database, keyring: Keyring, now: datetime.datetime) -> None:
        self.database, self.keyring, self.now = database, keyring, now
        with database.engine().begin() as connection:
            self.town: Town = build_town(connection, keyring)
            self.citizen: Citizen = build_citizen(connection, self.town, badge="B")
            self.other: Citizen = build_citizen(connection, self.town, badge="C")
            for badge in ("B", "C"):
                deposit(connection, self.town, badge=badge, items=100, now=now)
            self.second_shop = create_shop(
                connection, authority_id=7, name="Boulangerie", address="", insee_code="93066", now=now
            )
        self.terms = OfferTerms("Un pain", 10, 120, self.town.shop.shop_id)

    def owner(self, work: Any, *arguments: Any, **named: Any) -> Any:
        """Do something in a transaction of its own."""
        with self.database.engine().begin() as connection:
            return work(connection, *arguments, authority_id=7, **named)

    def sell(self, **terms: Any) -> UUID:
        offer_id: UUID = self.owner(put_on_sale, replace(self.terms, **terms))
        return offer_id

    def buy(self, offer_id: UUID, *, citizen: Citizen | None = None, at: datetime.datetime | None = None) -> UUID:
        wallet_id = (citizen or self.citizen).wallet_id
        with self.database.engine("bontri_api").begin() as connection:
            return issue_voucher(
                connection,
                self.keyring,
                authority_id=7,
                wallet_id=wallet_id,
                offer_id=offer_id,
                now=at or self.now + HOUR,
            )

    def redeem(self, voucher_id: UUID, shop_id: UUID, *, key: str = "K") -> Any:
        with self.database.engine("bontri_api").begin() as connection:
            return redeem_voucher(
                connection,
                self.keyring,
                authority_id=7,
                shop_id=shop_id,
                code=self.keyring.voucher_code(voucher_id),
                redemption_key=key,
                now=self.now + 2 * HOUR,
            )

    def cancel(self, voucher_id: UUID) -> None:
        with self.database.engine("bontri_api").begin() as connection:
            cancel_voucher(
                connection,
                authority_id=7,
                wallet_id=self.citizen.wallet_id,
                voucher_id=voucher_id,
                now=self.now + 2 * HOUR,
            )

    def points(self) -> int:
        with self.database.engine().connect() as connection:
            return get_wallet(connection, authority_id=7, wallet_id=self.citizen.wallet_id, now=self.now).points

    def balance(self, account_id: UUID) -> int:
        with self.database.engine().connect() as connection:
            held = text("SELECT credits_posted - debits_posted FROM accounts WHERE account_id = :id")
            return int(connection.execute(held, {"id": account_id}).scalar_one())

    def on_sale(self, *, at: datetime.datetime | None = None) -> list[str]:
        with self.database.engine("bontri_api").connect() as connection:
            return [each.title for each in list_offers(connection, authority_id=7, now=at or self.now)]

    def assert_sound(self) -> None:
        assert [each for each in verify(self.database.engine("bontri_reader")).findings if each.violations] == []


@pytest.fixture
def scene(database: Database, keyring: Keyring, now: datetime.datetime) -> Scene:
    return Scene(database, keyring, now)


def test_an_offer_goes_from_a_shops_draft_to_its_end(scene: Scene) -> None:
    at = {"now": scene.now}
    offer_id = scene.owner(draft_offer, scene.terms)
    with pytest.raises(OfferUnknownError):
        scene.buy(offer_id)
    scene.owner(submit_offer, offer_id, **at)
    scene.owner(reject_offer, offer_id, rejected_by="grace", note="whose bread?", **at)
    scene.owner(submit_offer, offer_id, **at)
    scene.owner(publish_offer, offer_id, published_by="grace", **at)
    assert "Un pain" in scene.on_sale()
    voucher_id = scene.buy(offer_id)
    scene.owner(pause_offer, offer_id, **at)
    with pytest.raises(OfferNotOnSaleError):
        scene.buy(offer_id)
    assert "Un pain" not in scene.on_sale()
    scene.owner(resume_offer, offer_id, **at)
    scene.buy(offer_id)
    scene.owner(end_offer, offer_id, **at)
    with pytest.raises(OfferUnknownError):
        scene.buy(offer_id)
    # What was sold stays good.
    assert scene.redeem(voucher_id, scene.town.shop.shop_id).price_points == 10
    scene.assert_sound()


STEPS: dict[str, tuple[Any, dict[str, Any]]] = {
    "submit": (submit_offer, {}),
    "publish": (publish_offer, {"published_by": "grace"}),
    "reject": (reject_offer, {"rejected_by": "grace", "note": "no"}),
    "pause": (pause_offer, {}),
    "resume": (resume_offer, {}),
    "end": (end_offer, {}),
}
ALLOWED = {
    "draft": {"submit", "end"},
    "submitted": {"publish", "reject", "end"},
    "published": {"pause", "end"},
    "paused": {"resume", "end"},
    "ended": set[str](),
}


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize("asked", STEPS)
def test_only_what_follows_on_a_state_is_done(scene: Scene, state: str, asked: str) -> None:
    offer_id = scene.owner(draft_offer, scene.terms)
    at = {"state": state, "paused_by": "authority" if state == "paused" else None}
    put = text("UPDATE offers SET state = :state, paused_by = :paused_by")
    scene.owner(lambda connection, **_: connection.execute(put, at))
    work, named = STEPS[asked]
    if asked in ALLOWED[state]:
        scene.owner(work, offer_id, **named, now=scene.now)
    else:
        with pytest.raises(OfferStateError) as refusal:
            scene.owner(work, offer_id, **named, now=scene.now)
        assert refusal.value.state == state


def test_an_offer_nobody_has_cannot_be_moved(scene: Scene) -> None:
    with pytest.raises(OfferUnknownError):
        scene.owner(submit_offer, new_id(), now=scene.now)
    with pytest.raises(OfferUnknownError):
        scene.owner(change_stock, new_id(), 3)


def test_an_offer_is_sold_in_its_time_only(scene: Scene) -> None:
    offer_id = scene.sell(offered_from=scene.now + DAY, offered_until=scene.now + 2 * DAY)
    for at in (scene.now, scene.now + 2 * DAY):
        with pytest.raises(OfferNotOnSaleError):
            scene.buy(offer_id, at=at)
        assert "Un pain" not in scene.on_sale(at=at)
    scene.buy(offer_id, at=scene.now + DAY)


def test_a_stock_is_sold_to_the_last_and_comes_back_when_cancelled(scene: Scene) -> None:
    offer_id = scene.sell(stock=2)
    first = scene.buy(offer_id)
    scene.buy(offer_id)
    before = scene.points()
    with pytest.raises(OfferSoldOutError):
        scene.buy(offer_id)
    assert scene.points() == before
    assert "Un pain" not in scene.on_sale()
    scene.cancel(first)
    scene.buy(offer_id)
    with pytest.raises(StockBelowSoldError):
        scene.owner(change_stock, offer_id, 1)
    scene.owner(change_stock, offer_id, 3)
    scene.buy(offer_id)
    scene.assert_sound()


def test_what_was_sold_before_there_was_a_stock_counts_and_comes_back(scene: Scene) -> None:
    offer_id = scene.sell()
    first = scene.buy(offer_id)
    scene.buy(offer_id)
    with pytest.raises(StockBelowSoldError):
        scene.owner(change_stock, offer_id, 1)
    scene.owner(change_stock, offer_id, 2)
    with pytest.raises(OfferSoldOutError):
        scene.buy(offer_id)
    scene.cancel(first)
    scene.buy(offer_id)
    scene.owner(change_stock, offer_id, None)
    scene.buy(offer_id)
    scene.assert_sound()


def race_for_stock(scene: Scene, buy: Any) -> list[object]:
    line, outcomes = threading.Barrier(8), []

    def run(number: int) -> None:
        line.wait(10)
        try:
            outcomes.append(buy(scene.citizen if number % 2 else scene.other))
        except OfferSoldOutError:
            outcomes.append(None)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return outcomes


def test_of_many_buyers_as_many_get_it_as_there_are(scene: Scene) -> None:
    offer_id = scene.sell(stock=3)
    outcomes = race_for_stock(scene, lambda citizen: scene.buy(offer_id, citizen=citizen))
    assert sum(outcome is not None for outcome in outcomes) == 3
    scene.assert_sound()


def test_control_buyers_that_look_before_they_take_get_too_much(scene: Scene) -> None:
    offer_id = scene.sell(stock=3)
    counted = {"offer_id": offer_id}
    looked = threading.Barrier(8)

    def careless(_: Citizen) -> bool:
        with scene.database.engine().begin() as connection:
            sold = connection.scalar(text("SELECT sold FROM offers WHERE offer_id = :offer_id"), counted)
            looked.wait(10)
            if sold >= 3:
                raise OfferSoldOutError
            # Counted in a column without the guard of its CHECK.
            connection.execute(text("UPDATE offers SET voucher_valid_days = voucher_valid_days + 1"))
        return True

    assert sum(bool(outcome) for outcome in race_for_stock(scene, careless)) == 8


@pytest.mark.parametrize(
    ("period", "again"),
    [
        ("day", datetime.datetime(2026, 11, 21, 23, tzinfo=datetime.UTC)),
        ("week", datetime.datetime(2026, 11, 22, 23, tzinfo=datetime.UTC)),
        ("month", datetime.datetime(2026, 11, 30, 23, tzinfo=datetime.UTC)),
        ("ever", None),
    ],
)
def test_a_wallet_has_no_more_than_its_share_in_a_period(
    scene: Scene, period: Any, again: datetime.datetime | None
) -> None:
    offer_id = scene.sell(most_per_wallet=2, limit_period=period)
    cancelled = scene.buy(offer_id)
    scene.buy(offer_id)
    with pytest.raises(OfferLimitReachedError) as refusal:
        scene.buy(offer_id)
    assert (refusal.value.most, refusal.value.period, refusal.value.again_at) == (2, period, again)
    # Another wallet has its own share, a cancelled voucher counts no more, and the next period begins anew.
    scene.buy(offer_id, citizen=scene.other)
    scene.cancel(cancelled)
    scene.buy(offer_id)
    if again is not None:
        with pytest.raises(OfferLimitReachedError):
            scene.buy(offer_id, at=again - datetime.timedelta(seconds=1))
        scene.buy(offer_id, at=again)


def test_of_many_purchases_of_one_wallet_at_once_its_share_go_through(scene: Scene) -> None:
    offer_id = scene.sell(most_per_wallet=2, limit_period="day")
    line, bought = threading.Barrier(6), []

    def buy() -> None:
        line.wait(10)
        try:
            bought.append(scene.buy(offer_id))
        except OfferLimitReachedError:
            bought.append(None)

    threads = [threading.Thread(target=buy) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(each is not None for each in bought) == 2


def test_a_voucher_for_all_shops_is_paid_to_the_one_that_redeems_it(scene: Scene) -> None:
    voucher_id = scene.buy(scene.sell(shop_id=None))
    redeemed = scene.redeem(voucher_id, scene.second_shop.shop_id)
    assert redeemed.price_points == 10
    assert scene.balance(scene.second_shop.account_id) == 10
    assert scene.balance(scene.town.shop.account_id) == 0
    assert scene.redeem(voucher_id, scene.second_shop.shop_id).is_repeat
    with pytest.raises(VoucherAlreadyRedeemedError):
        scene.redeem(voucher_id, scene.town.shop.shop_id, key="other")
    with scene.database.engine("bontri_api").connect() as connection:
        own = {"authority_id": 7, "wallet_id": scene.citizen.wallet_id, "now": scene.now}
        assert get_voucher(connection, **own, voucher_id=voucher_id).shop == "Boulangerie"
    scene.assert_sound()


def test_a_voucher_for_all_shops_is_shown_to_each_and_cancelled_like_any(scene: Scene) -> None:
    before = scene.points()
    voucher_id = scene.buy(scene.sell(shop_id=None))
    for shop in (scene.town.shop, scene.second_shop):
        assert look_up(scene, voucher_id, shop.shop_id).shop is None
    scene.cancel(voucher_id)
    assert scene.points() == before
    scene.assert_sound()


def look_up(scene: Scene, voucher_id: UUID, shop_id: UUID) -> Any:
    with scene.database.engine("bontri_api").connect() as connection:
        return look_up_voucher(
            connection,
            scene.keyring,
            authority_id=7,
            shop_id=shop_id,
            code=scene.keyring.voucher_code(voucher_id),
            now=scene.now,
        )


def test_of_two_shops_that_redeem_it_at_once_one_is_paid(scene: Scene) -> None:
    voucher_id = scene.buy(scene.sell(shop_id=None))
    shops = [scene.town.shop, scene.second_shop]
    line, outcomes = threading.Barrier(2), []

    def redeem(number: int) -> None:
        line.wait(10)
        try:
            outcomes.append(scene.redeem(voucher_id, shops[number].shop_id))
        except VoucherAlreadyRedeemedError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=redeem, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(isinstance(outcome, VoucherAlreadyRedeemedError) for outcome in outcomes) == 1
    assert sum(scene.balance(shop.account_id) for shop in shops) == 10
    scene.assert_sound()


def test_a_shop_that_left_redeems_nothing_and_sells_nothing(scene: Scene) -> None:
    for_all, for_one = scene.buy(scene.sell(shop_id=None)), scene.buy(offer_id := scene.sell())
    assert scene.owner(revoke_shop, shop_id=scene.town.shop.shop_id)
    for voucher_id in (for_all, for_one):
        with pytest.raises(ShopRevokedError):
            scene.redeem(voucher_id, scene.town.shop.shop_id)
    with pytest.raises(OfferUnknownError):
        scene.buy(offer_id)
    with pytest.raises(VoucherOfAnotherShopError):
        scene.redeem(for_one, scene.second_shop.shop_id)
    assert scene.redeem(for_all, scene.second_shop.shop_id).price_points == 10


def test_a_voucher_remembers_who_pays_for_it(scene: Scene) -> None:
    sponsor = scene.owner(add_funder, kind="sponsor", name="Verre & Cie")
    scene.buy(scene.sell(funder_id=sponsor))
    scene.buy(scene.sell())
    with scene.database.engine().connect() as connection:
        funders = connection.scalars(
            text("SELECT f.name FROM vouchers v JOIN funders f USING (authority_id, funder_id) ORDER BY v.voucher_id")
        ).all()
    assert funders == ["Verre & Cie", "Plaine-Commune"]


@pytest.mark.parametrize(
    "terms",
    [
        {"price_points": 0},
        {"price_points": -3},
        {"value_cents": -1},
        {"stock": -1},
        {"most_per_wallet": 0, "limit_period": "day"},
        {"most_per_wallet": 1},
        {"limit_period": "decade", "most_per_wallet": 1},
        {"voucher_valid_days": 0},
        {"category": "lottery"},
        {"minimum_purchase_cents": -1},
    ],
)
def test_terms_that_are_none_are_refused_by_the_database(scene: Scene, terms: dict[str, Any]) -> None:
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError):
        scene.sell(**terms)
