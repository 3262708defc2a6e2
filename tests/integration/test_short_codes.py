"""Short codes: good at one shop, for ten minutes; five wrong ones, and only scanning helps."""

import datetime
import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import text

from rewards.vouchers import (
    ShortCodeLockedError,
    ShortCodeUnknownError,
    VoucherAlreadyRedeemedError,
    VoucherOfAnotherShopError,
    VoucherUnknownError,
    make_short_code,
    redeem_by_short_code,
    take_try,
)
from tests.integration.test_offers import Scene

MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def scene(database, keyring, now) -> Scene:
    return Scene(database, keyring, now)


def make(scene: Scene, voucher_id: UUID, *, shop_id: UUID | None = None, wallet_id: UUID | None = None) -> str:
    with scene.database.engine("bontri_api").begin() as connection:
        code, expires_at = make_short_code(
            connection,
            scene.keyring,
            authority_id=7,
            wallet_id=wallet_id or scene.citizen.wallet_id,
            voucher_id=voucher_id,
            shop_id=shop_id or scene.town.shop.shop_id,
            now=scene.now,
        )
    assert expires_at == scene.now + 10 * MINUTE
    assert len(code) == 6
    return code


def type_in(
    scene: Scene, code: str, *, shop_id: UUID | None = None, at: datetime.datetime | None = None, key: str = "K"
) -> int:
    """Do as a till does: take a try, then redeem."""
    engine = scene.database.engine("bontri_api")
    shop = {"authority_id": 7, "shop_id": shop_id or scene.town.shop.shop_id, "now": at or scene.now + MINUTE}
    with engine.begin() as connection:
        take_try(connection, **shop)
    with engine.begin() as connection:
        return redeem_by_short_code(connection, scene.keyring, **shop, code=code, redemption_key=key).price_points


def test_a_typed_code_redeems_its_voucher_once(scene: Scene) -> None:
    code = make(scene, scene.buy(scene.sell()))
    assert type_in(scene, f" {code[:3].lower()}-{code[3:]} ") == 10
    assert type_in(scene, code) == 10  # the same key: told again
    with pytest.raises(VoucherAlreadyRedeemedError):
        type_in(scene, code, key="other")
    assert scene.balance(scene.town.shop.account_id) == 10
    scene.assert_sound()


def test_it_is_good_at_one_shop_for_ten_minutes_and_only_the_newest(scene: Scene) -> None:
    voucher_id = scene.buy(scene.sell(shop_id=None))
    former = make(scene, voucher_id)
    code = make(scene, voucher_id)
    for wrong in (
        lambda: type_in(scene, code, shop_id=scene.second_shop.shop_id),
        lambda: type_in(scene, former),
        lambda: type_in(scene, code, at=scene.now + 10 * MINUTE),
    ):
        with pytest.raises(ShortCodeUnknownError):
            wrong()
    assert type_in(scene, code) == 10


def test_who_may_not_have_one_is_told_why(scene: Scene) -> None:
    voucher_id = scene.buy(scene.sell())
    with pytest.raises(VoucherOfAnotherShopError):
        make(scene, voucher_id, shop_id=scene.second_shop.shop_id)
    with pytest.raises(VoucherUnknownError):
        make(scene, voucher_id, wallet_id=scene.other.wallet_id)
    scene.redeem(voucher_id, scene.town.shop.shop_id)
    with pytest.raises(VoucherAlreadyRedeemedError):
        make(scene, voucher_id)


def test_five_wrong_codes_lock_the_shop_for_ten_minutes_and_no_other(scene: Scene) -> None:
    code = make(scene, scene.buy(scene.sell(shop_id=None)))
    for _ in range(5):
        with pytest.raises(ShortCodeUnknownError):
            type_in(scene, "000000")
    with pytest.raises(ShortCodeLockedError):
        type_in(scene, code)
    with pytest.raises(ShortCodeUnknownError):
        type_in(scene, code, shop_id=scene.second_shop.shop_id)
    again = scene.now + 11 * MINUTE
    with pytest.raises(ShortCodeUnknownError):
        type_in(scene, "000000", at=again)


def test_right_codes_use_no_tries_up(scene: Scene) -> None:
    for number in range(8):
        assert type_in(scene, make(scene, scene.buy(scene.sell())), key=f"K{number}") == 10


def guess_at_once(take: Callable[[], object]) -> int:
    """Let twenty guess at once; return how many codes were looked at."""
    line, looked = threading.Barrier(20), []

    def guess() -> None:
        line.wait(10)
        try:
            take()
            looked.append(1)
        except ShortCodeLockedError:
            pass

    threads = [threading.Thread(target=guess) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return len(looked)


def test_many_guesses_at_once_have_no_more_than_five_tries(scene: Scene) -> None:
    engine = scene.database.engine("bontri_api")
    shop = {"authority_id": 7, "shop_id": scene.town.shop.shop_id, "now": scene.now}

    def take() -> None:
        with engine.begin() as connection:
            take_try(connection, **shop)

    assert guess_at_once(take) == 5


def test_control_tries_counted_after_the_guess_let_them_all_through(scene: Scene) -> None:
    engine, seen = scene.database.engine("bontri_api"), threading.Barrier(20)
    count = text("SELECT coalesce(sum(tries), 0) FROM short_code_tries")

    def look_first() -> None:
        with engine.connect() as connection:
            tries = connection.scalar(count)
        seen.wait(10)
        if tries >= 5:
            raise ShortCodeLockedError(1)

    assert guess_at_once(look_first) == 20


def test_no_code_is_stored(scene: Scene) -> None:
    code = make(scene, scene.buy(scene.sell()))
    with scene.database.engine().connect() as connection:
        assert code not in str(connection.execute(text("SELECT CAST(c AS text) FROM short_codes c")).all())
