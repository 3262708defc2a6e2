"""Every route against every principal, and one authority against another."""

import pytest

from tests.api_client import Api, assert_problem, start_api
from tests.databases import Database

SOME_ID = "0190a0b0-0000-7000-8000-000000000000"
PERIOD = "from=2026-11-01&to=2026-11-30"
ROUTES = [
    ("citizen", "GET", "/citizen/wallet"),
    ("citizen", "GET", "/citizen/statement"),
    ("citizen", "GET", "/citizen/offers"),
    ("citizen", "GET", "/citizen/vouchers"),
    ("citizen", "POST", "/citizen/vouchers"),
    ("citizen", "GET", f"/citizen/vouchers/{SOME_ID}"),
    ("citizen", "GET", f"/citizen/vouchers/{SOME_ID}/qr.svg"),
    ("citizen", "POST", f"/citizen/vouchers/{SOME_ID}/cancellation"),
    ("shop", "POST", "/shop/vouchers/lookup"),
    ("shop", "POST", "/shop/redemptions"),
    ("authority", "GET", f"/authority/figures/deposits?{PERIOD}"),
    ("citizen", "DELETE", "/citizen/session"),
]


@pytest.fixture
def api(database: Database, keyring, now) -> Api:
    return start_api(database, keyring, now)


def test_each_route_is_open_to_its_audience_alone(api: Api):
    before = api.ledger()
    for audience, method, path in ROUTES:
        assert_problem(api.call(None, method, path), 401, "credentials_missing")
        for token in ("nonsense", f"{api.town.slug}.nonsense", "é.é", "\x00.x", "."):
            headers = {"Authorization": f"Bearer {token}"}
            assert_problem(api.call(None, method, path, headers=headers), 401, "credentials_refused")
        for other in api.tokens.keys() - {audience}:
            assert_problem(api.call(other, method, path), 403, "audience_wrong")
    assert api.ledger() == before
    for audience, method, path in ROUTES:
        assert api.call(audience, method, path).status_code not in (401, 403)


def test_one_authority_sees_and_moves_nothing_of_another(database: Database, keyring, now):
    here, there = start_api(database, keyring, now, town_no=1), start_api(database, keyring, now, town_no=2)
    here.earn(25)
    voucher = here.buy()
    before = here.ledger()
    path = f"/citizen/vouchers/{voucher['voucher_id']}"
    assert there.call("citizen", "GET", "/citizen/wallet").json["points"] == 0
    assert there.call("citizen", "GET", "/citizen/statement").json["movements"] == []
    assert there.call("citizen", "GET", "/citizen/vouchers").json["vouchers"] == []
    assert_problem(there.call("citizen", "GET", path), 404, "voucher_unknown")
    assert_problem(there.call("citizen", "POST", f"{path}/cancellation", key="k"), 404, "voucher_unknown")
    order = {"offer_id": str(here.town.offer_id)}
    assert_problem(there.call("citizen", "POST", "/citizen/vouchers", key="k", json=order), 404, "offer_unknown")
    for route in ("vouchers/lookup", "redemptions"):
        entered = {"code": voucher["code"]}
        assert_problem(there.call("shop", "POST", f"/shop/{route}", key="k", json=entered), 404, "voucher_unknown")
    figures = there.call("authority", "GET", f"/authority/figures/deposits?{PERIOD}").json
    assert (figures["rows"], figures["total"]["active_citizens"]) == ([], 0)
    assert here.ledger() == before
    # The token names its authority: the same secret behind another name is nobody's.
    secret = here.tokens["citizen"].partition(".")[2]
    assert_problem(here.call(f"town-2.{secret}", "GET", "/citizen/wallet"), 401, "credentials_refused")
