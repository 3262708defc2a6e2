"""A till looks a voucher up and redeems it, once."""

import pytest
from sqlalchemy import text

from rewards.api_keys import create_api_key, revoke_api_key
from rewards.instants import write_instant
from rewards.shops import create_shop, revoke_shop
from tests.api_client import Api, assert_problem, start_api
from tests.databases import Database
from tests.factories import build_key


@pytest.fixture
def api(database: Database, keyring, now) -> Api:
    api = start_api(database, keyring, now)
    api.earn(30)
    return api


def redeem(api: Api, code: str, *, key: str = "till-1", who: str = "shop"):
    return api.call(who, "POST", "/shop/redemptions", key=key, json={"code": code})


def attempts(api: Api) -> list[str]:
    with api.owner.connect() as connection:
        return list(connection.scalars(text("SELECT outcome FROM redemption_attempts ORDER BY attempt_id")))


def test_voucher_is_looked_up_then_redeemed(api: Api):
    voucher = api.buy()
    found = api.call("shop", "POST", "/shop/vouchers/lookup", json={"code": voucher["code"]})
    assert (found.status_code, found.json["status"], found.json["title"]) == (200, "issued", "Un carnet")
    assert "code" not in found.json
    answer = redeem(api, voucher["code"])
    assert answer.status_code == 201
    assert answer.json == {
        "voucher_id": voucher["voucher_id"],
        "title": "Un carnet",
        "price_points": 10,
        "value_cents": 300,
        "redeemed_at": write_instant(api.now),
        "is_repeat": False,
    }
    assert api.call("citizen", "GET", f"/citizen/vouchers/{voucher['voucher_id']}").json["status"] == "redeemed"
    assert attempts(api) == ["redeemed"]


def test_repeat_is_answered_again_and_another_key_is_refused_and_recorded(api: Api):
    voucher = api.buy()
    first = redeem(api, voucher["code"]).json
    before = api.ledger()
    assert redeem(api, voucher["code"]).json == first | {"is_repeat": True}
    assert_problem(redeem(api, voucher["code"], key="till-2"), 409, "voucher_already_redeemed")
    assert api.ledger() == before
    assert attempts(api) == ["redeemed", "voucher_already_redeemed"]


def test_key_of_another_redemption_is_a_conflict(api: Api):
    first, second = api.buy("a"), api.buy("b")
    redeem(api, first["code"])
    before = api.ledger()
    assert_problem(redeem(api, second["code"]), 422, "idempotency_key_reused")
    assert api.ledger() == before


def test_unknown_and_foreign_vouchers_are_refused_and_recorded(api: Api):
    voucher = api.buy()
    with api.owner.begin() as connection:
        shop = create_shop(
            connection,
            authority_id=api.town.authority_id,
            name="Café",
            address="3",
            insee_code="93001",
            now=api.now,
        )
        api.tokens["café"] = build_key(connection, api.town, shop_id=shop.shop_id)
    before = api.ledger()
    assert_problem(redeem(api, "town-1.NOTHING"), 404, "voucher_unknown")
    assert_problem(redeem(api, voucher["code"], who="café"), 403, "voucher_of_another_shop")
    assert_problem(
        api.call("café", "POST", "/shop/vouchers/lookup", json={"code": voucher["code"]}),
        403,
        "voucher_of_another_shop",
    )
    assert api.ledger() == before
    assert attempts(api) == ["voucher_unknown", "voucher_of_another_shop"]


def test_revoked_key_and_key_of_a_revoked_shop_are_refused_at_once(api: Api):
    voucher = api.buy()
    tenant = {"authority_id": api.town.authority_id}
    with api.owner.begin() as connection:
        facts = {**tenant, "audience": "shop", "shop_id": api.town.shop.shop_id, "label": "till", "now": api.now}
        key = create_api_key(connection, api.town.keyring, **facts)
    assert api.call(key.secret, "POST", "/shop/vouchers/lookup", json={"code": "x"}).status_code == 404
    with api.owner.begin() as connection:
        assert revoke_api_key(connection, **tenant, api_key_id=key.api_key_id, now=api.now)
    assert_problem(redeem(api, voucher["code"], who=key.secret), 401, "credentials_refused")
    with api.owner.begin() as connection:
        assert revoke_shop(connection, **tenant, shop_id=api.town.shop.shop_id)
    assert_problem(redeem(api, voucher["code"]), 401, "credentials_refused")
    assert api.call("citizen", "GET", "/citizen/offers").json["items"] == []
