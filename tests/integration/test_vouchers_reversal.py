"""A redemption is taken back once: by its shop on the same day, by the authority later; the points go home."""

import datetime
import threading
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from rewards.errors import OverdraftError, RewardsError
from rewards.ids import new_id
from rewards.ledger import Transfer, open_authority_account, record_transfers
from rewards.statements import explain, list_movements
from rewards.vouchers import (
    ReversalTooLateError,
    VoucherNotRedeemedError,
    VoucherOfAnotherShopError,
    VoucherReversedError,
    VoucherUnknownError,
    reverse_redemption,
)
from tests.integration.test_offers import HOUR, Scene

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def scene(database, keyring, now) -> Scene:
    return Scene(database, keyring, now)


def reverse(scene: Scene, voucher_id: UUID, *, shop_id: UUID | None = None, hours: float = 3) -> None:
    with scene.database.engine("bontri_api").begin() as connection:
        reverse_redemption(
            connection,
            voucher_id,
            authority_id=7,
            reason="goods_returned",
            reversed_by="till 1",
            now=scene.now + hours * HOUR,
            shop_id=shop_id,
        )


def redeemed(scene: Scene, **terms: Any) -> UUID:
    """Sell a voucher and redeem it at the first shop, at noon in Paris."""
    voucher_id = scene.buy(scene.sell(**terms))
    scene.redeem(voucher_id, scene.town.shop.shop_id)
    return voucher_id


@pytest.mark.parametrize("is_for_all", [False, True])
def test_points_go_back_to_the_lots_they_came_from(scene: Scene, is_for_all: bool) -> None:
    before = scene.points()
    voucher_id = redeemed(scene, **({"shop_id": None} if is_for_all else {}))
    assert scene.balance(scene.town.shop.account_id) == 10
    reverse(scene, voucher_id, shop_id=scene.town.shop.shop_id)
    assert (scene.points(), scene.balance(scene.town.shop.account_id)) == (before, 0)
    with scene.database.engine("bontri_api").connect() as connection:
        movements = list_movements(connection, authority_id=7, wallet_id=scene.citizen.wallet_id, timezone=PARIS)
    assert [(each.kind, each.points) for each in movements[:3]] == [
        ("voucher_reversed", 10),
        ("voucher_redeemed", 0),
        ("voucher_issued", -10),
    ]
    assert sum(each.points for each in movements) == before
    assert explain(movements[0], timezone=PARIS, language="fr") == (
        "Bon « Un pain » : utilisation chez Librairie annulée, 10 points rendus"
    )
    scene.assert_sound()


def test_a_shop_can_on_its_own_day_and_the_authority_later(scene: Scene) -> None:
    voucher_id = redeemed(scene)
    # Redeemed at noon: until midnight in Paris.
    with pytest.raises(ReversalTooLateError):
        reverse(scene, voucher_id, shop_id=scene.town.shop.shop_id, hours=14)
    reverse(scene, voucher_id, hours=24 * 40)
    scene.assert_sound()


def test_a_voucher_is_taken_back_once_and_never_redeemed_again(scene: Scene) -> None:
    voucher_id = redeemed(scene)
    reverse(scene, voucher_id)
    with pytest.raises(VoucherNotRedeemedError):
        reverse(scene, voucher_id)
    with pytest.raises(VoucherReversedError):
        scene.redeem(voucher_id, scene.town.shop.shop_id, key="again")
    # The till that asks again with its key is told what happened then.
    assert scene.redeem(voucher_id, scene.town.shop.shop_id).is_repeat


def test_who_cannot_take_it_back_is_told_why(scene: Scene) -> None:
    voucher_id = redeemed(scene)
    with pytest.raises(VoucherUnknownError):
        reverse(scene, new_id())
    with pytest.raises(VoucherOfAnotherShopError):
        reverse(scene, voucher_id, shop_id=scene.second_shop.shop_id)
    with pytest.raises(VoucherNotRedeemedError):
        reverse(scene, scene.buy(scene.sell()), shop_id=scene.town.shop.shop_id)
    scene.assert_sound()


def test_of_many_who_take_it_back_at_once_one_does(scene: Scene) -> None:
    before = scene.points()
    voucher_id = redeemed(scene)
    line, outcomes = threading.Barrier(5), []

    def run() -> None:
        line.wait(10)
        try:
            reverse(scene, voucher_id)
            outcomes.append(None)
        except RewardsError as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(map(str, outcomes)) == sorted(map(str, [None, *[VoucherNotRedeemedError] * 4]))
    assert scene.points() == before
    scene.assert_sound()


def test_points_a_shop_no_longer_has_are_not_taken_from_it(scene: Scene) -> None:
    voucher_id = redeemed(scene)
    with scene.database.engine().begin() as connection:
        loss = open_authority_account(connection, "loss", authority_id=7, now=scene.now)
        paid_out = Transfer(scene.town.shop.account_id, loss, 4, reason="adjustment")
        record_transfers(connection, [paid_out], authority_id=7, now=scene.now)
    with pytest.raises(OverdraftError):
        reverse(scene, voucher_id)
    with scene.database.engine().connect() as connection:
        assert connection.scalar(text("SELECT status FROM vouchers")) == "redeemed"


def test_what_comes_back_into_a_lot_that_is_over_can_be_spent_a_while_longer(
    scene: Scene, now: datetime.datetime
) -> None:
    voucher_id = redeemed(scene)
    with scene.database.engine().begin() as connection:
        connection.execute(text("UPDATE accounts SET expires_on = '2026-11-22' WHERE kind = 'lot'"))
    reverse(scene, voucher_id, hours=48)
    with scene.database.engine().connect() as connection:
        [until] = connection.scalars(
            text(
                "SELECT a.expires_on FROM accounts a JOIN wallet_accounts w USING (authority_id, account_id)"
                " WHERE w.wallet_id = :wallet_id AND a.credits_posted > a.debits_posted"
            ),
            {"wallet_id": scene.citizen.wallet_id},
        )
    assert until == datetime.date(2026, 12, 23)
    scene.assert_sound()
