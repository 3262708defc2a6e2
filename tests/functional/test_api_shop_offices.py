"""A shop's back office: which key is calling, keys that change hands, offers that are moderated, statements."""

import csv
import datetime
import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from rewards.api_keys import create_api_key, get_api_key, replace_api_key
from rewards.instants import write_instant
from rewards.keyring import Keyring
from rewards.offers import pause_offer, publish_offer, reject_offer
from rewards.settlement import lock_statement
from rewards.shops import create_shop
from tests.api_client import Api, assert_problem, start_api
from tests.databases import DatabasePool
from tests.factories import build_key

NOW = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
DECEMBER = datetime.datetime(2026, 12, 7, 9, 0, tzinfo=datetime.UTC)
KEYRING = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)
TERMS = {"title": "Un pain", "price_points": 20, "value_cents": 150, "stock": 5}
KEYS = iter(range(10_000))


@pytest.fixture(scope="module")
def town(databases: DatabasePool) -> Iterator[Api]:
    with databases.lend() as database:
        api = start_api(database, KEYRING, NOW)
        api.earn(100)
        with api.owner.begin() as connection:
            facts = {"authority_id": 1, "name": "Café", "address": "3", "insee_code": "93001", "now": NOW}
            cafe = create_shop(connection, **facts)
            api.tokens["café"] = build_key(connection, api.town, shop_id=cafe.shop_id)
            api.tokens["office"] = build_key(connection, api.town, scopes=["offers", "staff"])
        yield api


@pytest.fixture
def api(town: Api) -> Api:
    town.now = NOW
    return town


def post(api: Api, path: str, body: Any = None, *, who: str = "shop", key: str | None = None):
    return api.call(who, "POST", path, key=key or f"k{next(KEYS)}", json=body)


def edit(api: Api, method: str, path: str, body: Any, *, of: str | None = None, who: str = "shop"):
    etag = api.call(who, "GET", of or path).headers["ETag"]
    return api.call(who, method, path, json=body, headers={"If-Match": etag})


def everything(api: Api) -> list[Any]:
    with api.owner.connect() as connection:
        tables = ("api_keys", "offers", "shops", "shop_staff", "settlements")
        return [connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")).all() for table in tables]


def decide(api: Api, step: Any, offer: dict[str, Any], **by: str) -> None:
    with api.owner.begin() as connection:
        step(connection, offer["offer_id"], authority_id=1, now=api.now, **by)


def test_a_till_sees_which_key_it_uses_and_what_bounds_it(api: Api):
    me = api.call("office", "GET", "/shop/me").json
    assert (me["shop"]["name"], me["shop"]["commune"]) == ("Librairie", "Saint-Denis")
    assert (me["key"]["label"], me["key"]["scopes"], me["key"]["expires_at"]) == ("test", ["offers", "staff"], None)
    assert me["authority"] == {"slug": "town-1", "timezone": "Europe/Paris"}
    assert me["limits"]["pins"] == {"most": 5, "window_s": 600}
    assert me["limits"]["cards"] == {"most": 10, "window_s": 600}
    assert "secret" not in str(me)


def test_a_shop_changes_what_it_may_of_itself_and_only_what_it_has_seen(api: Api):
    before = everything(api)
    assert_problem(api.call("shop", "PATCH", "/shop/details", json={"phone": "1"}), 428, "precondition_required")
    stale = {"If-Match": '"stale"'}
    assert_problem(
        api.call("shop", "PATCH", "/shop/details", json={"phone": "1"}, headers=stale), 412, "precondition_failed"
    )
    assert_problem(edit(api, "PATCH", "/shop/details", {"name": "Another"}), 422, "request_invalid")
    assert everything(api) == before
    changed = edit(api, "PATCH", "/shop/details", {"phone": "+33 1 23", "opening_hours": "Mon–Sat\n9–19"})
    assert (changed.json["phone"], changed.json["opening_hours"]) == ("+33 1 23", "Mon–Sat\n9–19")
    seen = api.call("shop", "GET", "/shop/details")
    assert (seen.json, seen.headers["ETag"]) == (changed.json, changed.headers["ETag"])
    again = api.call("shop", "GET", "/shop/details", headers={"If-None-Match": seen.headers["ETag"]})
    assert again.status_code == 304


def test_keys_are_made_replaced_with_an_overlap_and_revoked_within_the_moment(api: Api):
    made = post(api, "/shop/keys", {"label": "till 2", "scopes": ["redeem"]}, key="till-2")
    assert made.status_code == 201
    again = post(api, "/shop/keys", {"label": "till 2", "scopes": ["redeem"]}, key="till-2")
    assert again.json == made.json | {"secret": None}
    lookup = {"code": "town-1.NOTHING"}
    assert_problem(api.call(made.json["secret"], "POST", "/shop/vouchers/lookup", json=lookup), 404, "voucher_unknown")
    assert_problem(api.call(made.json["secret"], "GET", "/shop/keys"), 403, "scope_missing")
    path = f"/shop/keys/{made.json['api_key_id']}"
    new = post(api, f"{path}/replacement", {"overlap_hours": 2}).json
    assert_problem(post(api, f"{path}/replacement", {}), 404, "api_key_unknown")
    for secret in (made.json["secret"], new["secret"]):
        assert api.call(secret, "GET", "/shop/me").status_code == 200
    api.now += datetime.timedelta(hours=2)
    assert_problem(api.call(made.json["secret"], "GET", "/shop/me"), 401, "credentials_refused")
    assert api.call(new["secret"], "GET", "/shop/me").status_code == 200
    new_path = f"/shop/keys/{new['api_key_id']}"
    assert_problem(api.call("café", "DELETE", new_path), 404, "api_key_unknown")
    assert api.call("shop", "DELETE", new_path).status_code == 204
    assert_problem(api.call(new["secret"], "GET", "/shop/me"), 401, "credentials_refused")
    assert_problem(api.call("shop", "DELETE", new_path), 404, "api_key_unknown")
    listed = api.call("shop", "GET", "/shop/keys").json["items"]
    assert [each["label"] for each in listed[:2]] == ["till 2", "till 2"]
    assert api.call("café", "GET", "/shop/keys").json["items"][0]["label"] == "test"
    assert len(api.call("café", "GET", "/shop/keys").json["items"]) == 1


def test_a_key_is_replaced_once_by_four_at_once(api: Api):
    made = post(api, "/shop/keys", {"label": "raced", "scopes": ["redeem"]}).json
    facts = {"authority_id": 1, "api_key_id": made["api_key_id"], "now": api.now}
    outcomes = api.race(lambda connection, _: replace_api_key(connection, KEYRING, **facts), threads=4)
    assert outcomes == {"done": 1, "api_key_unknown": 3}


def test_control_a_key_that_is_looked_at_first_is_replaced_by_all(api: Api):
    made = post(api, "/shop/keys", {"label": "raced", "scopes": ["redeem"]}).json
    looked = threading.Barrier(4)

    def look_then_write(connection: Connection, _: int) -> None:
        key = get_api_key(connection, made["api_key_id"], authority_id=1)
        looked.wait(10)
        assert key.expires_at is None
        facts = {"authority_id": 1, "audience": "shop", "shop_id": key.shop_id, "label": key.label, "now": api.now}
        create_api_key(connection, KEYRING, **facts)

    assert api.race(look_then_write, threads=4) == {"done": 4}


def test_a_key_makes_and_replaces_none_that_is_good_for_more_than_itself(api: Api):
    till = post(api, "/shop/keys", {"label": "till 3", "scopes": ["redeem"]}).json
    before = everything(api)
    order = {"label": "more", "scopes": ["staff", "redeem"]}
    assert_problem(post(api, "/shop/keys", order, who="office"), 403, "api_key_scopes_exceeded")
    path = f"/shop/keys/{till['api_key_id']}/replacement"
    assert_problem(post(api, path, {}, who="office"), 403, "api_key_scopes_exceeded")
    assert everything(api) == before
    assert post(api, "/shop/keys", {"label": "less", "scopes": ["staff"]}, who="office").status_code == 201


def test_a_key_that_ends_makes_and_replaces_none(api: Api):
    with api.owner.begin() as connection:
        ending = build_key(connection, api.town)
        connection.execute(
            text("UPDATE api_keys SET expires_at = :then WHERE secret_digest = :digest"),
            {"then": api.now + datetime.timedelta(days=1), "digest": KEYRING.secret_digest("api_key", ending)},
        )
    till = post(api, "/shop/keys", {"label": "till 4", "scopes": ["redeem"]}).json
    before = everything(api)
    order = {"label": "for ever", "scopes": ["redeem"]}
    assert_problem(post(api, "/shop/keys", order, who=ending), 403, "api_key_ending")
    path = f"/shop/keys/{till['api_key_id']}/replacement"
    assert_problem(post(api, path, {}, who=ending), 403, "api_key_ending")
    assert everything(api) == before


def test_an_offer_goes_from_draft_to_end_and_is_edited_as_a_draft_alone(api: Api):
    offer = post(api, "/shop/offers", TERMS, key="draft").json
    assert post(api, "/shop/offers", TERMS, key="draft").json == offer
    assert (offer["state"], offer["voucher_valid_days"], offer["funder"]) == ("draft", 30, "Town-1")
    path = f"/shop/offers/{offer['offer_id']}"
    changed = edit(api, "PATCH", path, {"price_points": 25, "most_per_wallet": 1, "limit_period": "week"})
    assert (changed.json["price_points"], changed.json["limit_period"]) == (25, "week")
    assert post(api, f"{path}/submission").json["state"] == "submitted"
    assert post(api, f"{path}/withdrawal").json["state"] == "draft"
    assert post(api, f"{path}/submission").json["state"] == "submitted"
    before = everything(api)
    assert_problem(edit(api, "PATCH", path, {"price_points": 1}), 409, "offer_state_wrong")
    assert_problem(post(api, f"{path}/pause"), 409, "offer_state_wrong")
    assert everything(api) == before
    decide(api, reject_offer, offer, rejected_by="Grace Hopper", note="no alcohol, please")
    handed_back = api.call("shop", "GET", path)
    assert (handed_back.json["state"], handed_back.json["note"]) == ("draft", "no alcohol, please")
    assert "Grace" not in handed_back.text
    assert post(api, f"{path}/submission").json["note"] is None
    decide(api, publish_offer, offer, published_by="grace")
    assert_problem(edit(api, "PATCH", path, {"title": "Un vin"}), 409, "offer_state_wrong")
    for step, state in (("pause", "paused"), ("resumption", "published")):
        assert post(api, f"{path}/{step}", key=f"{step}-1").json["state"] == state
        assert post(api, f"{path}/{step}", key=f"{step}-1").json["state"] == state
    assert edit(api, "PUT", f"{path}/stock", {"stock": 1}, of=path).json["stock"] == 1
    order = {"offer_id": offer["offer_id"]}
    assert api.call("citizen", "POST", "/citizen/vouchers", key="own", json=order).status_code == 201
    before = everything(api)
    assert_problem(edit(api, "PUT", f"{path}/stock", {"stock": 0}, of=path), 409, "stock_below_sold")
    assert everything(api) == before
    assert post(api, f"{path}/end").json["state"] == "ended"
    assert_problem(post(api, f"{path}/resumption"), 409, "offer_state_wrong")


def test_what_the_authority_has_paused_its_shop_cannot_resume(api: Api):
    offer = post(api, "/shop/offers", TERMS).json
    path = f"/shop/offers/{offer['offer_id']}"
    post(api, f"{path}/submission")
    decide(api, publish_offer, offer, published_by="grace")
    decide(api, pause_offer, offer)
    before = everything(api)
    assert_problem(post(api, f"{path}/resumption"), 409, "offer_held")
    assert everything(api) == before
    assert api.call("shop", "GET", path).json["paused_by"] == "authority"
    assert post(api, f"{path}/end").json["paused_by"] is None


def test_terms_that_contradict_each_other_and_offers_of_others_are_refused(api: Api):
    offer = post(api, "/shop/offers", TERMS).json
    path = f"/shop/offers/{offer['offer_id']}"
    before = everything(api)
    backwards = {"offered_from": "2026-12-02T00:00:00Z", "offered_until": "2026-12-01T00:00:00Z"}
    assert_problem(post(api, "/shop/offers", TERMS | backwards), 422, "offer_terms_wrong")
    assert_problem(edit(api, "PATCH", path, {"limit_period": "day"}), 422, "offer_terms_wrong")
    assert_problem(
        api.call("shop", "PATCH", path, json={"title": "X"}, headers={"If-Match": '"a"'}), 412, "precondition_failed"
    )
    assert_problem(post(api, "/shop/offers", TERMS | {"title": " "}), 422, "request_invalid")
    assert_problem(post(api, "/shop/offers", TERMS | {"title": "a\n"}), 422, "request_invalid")
    assert_problem(post(api, "/shop/offers", TERMS | {"title": "\ud800"}), 422, "request_invalid")
    assert_problem(post(api, "/shop/offers", TERMS | {"category": "authority"}), 422, "request_invalid")
    assert_problem(api.call("café", "GET", path), 404, "offer_unknown")
    for step in ("submission", "withdrawal", "pause", "resumption", "end"):
        assert_problem(post(api, f"{path}/{step}", who="café"), 404, "offer_unknown")
    tag = {"If-Match": "*"}
    for method, where in (("PATCH", path), ("PUT", f"{path}/stock")):
        foreign = api.call("café", method, where, json={"stock": 1}, headers=tag)
        assert_problem(foreign, 404, "offer_unknown")
    assert everything(api) == before
    assert api.call("café", "GET", "/shop/offers").json["items"] == []
    drafts = api.call("shop", "GET", "/shop/offers?state=draft&limit=1").json
    assert [each["offer_id"] for each in drafts["items"]] == [offer["offer_id"]]


@pytest.fixture(scope="module")
def statement(town: Api) -> dict[str, Any]:
    """November with two redemptions, one by somebody who was named; locked in December."""
    town.now = NOW
    person = post(town, "/shop/staff", {"name": "=Ada", "pin": "314159"}).json
    for named in ({}, {"staff_id": person["staff_id"], "pin": "314159"}):
        voucher = town.buy(f"buy-{len(named)}")
        assert post(town, "/shop/redemptions", {"code": voucher["code"], **named}).status_code == 201
    with town.owner.begin() as connection:
        month = datetime.date(2026, 11, 1)
        shop = {"authority_id": 1, "shop_id": town.town.shop.shop_id}
        lock_statement(connection, **shop, month=month, locked_by="grace", now=DECEMBER)
    [listed] = town.call("shop", "GET", "/shop/statements").json["items"]
    return dict(listed)


def test_a_statement_is_listed_shown_and_explained_line_by_line_with_who_redeemed(api: Api, statement: dict[str, Any]):
    assert statement == {
        "number": "2026-000001",
        "month": "2026-11",
        "state": "locked",
        "points": 20,
        "value_cents": 600,
        "payable_cents": 600,
        "locked_at": write_instant(DECEMBER),
        "sent_at": None,
        "paid_on": None,
    }
    whole = api.call("shop", "GET", "/shop/statements/2026/1").json
    assert {name: whole[name] for name in statement} == statement
    assert (whole["shop"]["name"], whole["lines"], whole["timezone"]) == ("Librairie", 2, "Europe/Paris")
    assert [(each["funder"], each["payable_cents"]) for each in whole["funders"]] == [("Town-1", 600)]
    first = api.call("shop", "GET", "/shop/statements/2026/1/lines?limit=1").json
    rest = api.call("shop", "GET", f"/shop/statements/2026/1/lines?after={first['next']}").json["items"]
    assert [each["line_no"] for each in (*first["items"], *rest)] == [1, 2]
    assert {each["staff"] for each in (*first["items"], *rest)} == {None, "=Ada"}
    as_csv = api.call("shop", "GET", "/shop/statements/2026/1/lines?format=csv").text
    assert {row["staff"] for row in csv.DictReader(io.StringIO(as_csv))} == {"", "'=Ada"}
    assert api.call("shop", "GET", "/shop/statements?state=paid").json["items"] == []


@pytest.mark.usefixtures("statement")
def test_a_statement_is_a_document_too_and_says_nothing_of_staff(api: Api):
    answer = api.call("shop", "GET", "/shop/statements/2026/1/statement.pdf?lang=en")
    assert (answer.content_type, answer.data[:5]) == ("application/pdf", b"%PDF-")
    assert "2026-000001.pdf" in answer.headers["Content-Disposition"]
    assert answer.data == api.call("shop", "GET", "/shop/statements/2026/1/statement.pdf?lang=en").data


@pytest.mark.usefixtures("statement")
@pytest.mark.parametrize("part", ["", "/lines", "/statement.pdf"])
def test_statements_of_others_and_numbers_nobody_gave_are_unknown(api: Api, part: str):
    assert_problem(api.call("café", "GET", f"/shop/statements/2026/1{part}"), 404, "statement_unknown")
    assert_problem(api.call("shop", "GET", f"/shop/statements/2026/2{part}"), 404, "statement_unknown")
    assert_problem(api.call("shop", "GET", f"/shop/statements/2026/{10**12}{part}"), 404, "route_unknown")


def count_queries(api: Api, path: str) -> int:
    """Count the statements one list costs."""
    engine, seen = api.app.extensions["bontri"].engine, []

    def note(*about: Any) -> None:
        seen.append(about)

    event.listen(engine, "before_cursor_execute", note)
    try:
        assert api.call("shop", "GET", path).status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(seen)


@pytest.mark.usefixtures("statement")
@pytest.mark.parametrize(
    "path",
    [
        "/shop/offers",
        "/shop/keys",
        "/shop/staff",
        "/shop/statements",
        "/shop/statements/2026/1/lines",
        "/shop/redemptions?day=2026-11-21",
        "/shop/refusals?day=2026-11-21",
    ],
)
def test_a_list_costs_as_many_queries_however_long_it_is(api: Api, path: str):
    joint = "&" if "?" in path else "?"
    assert count_queries(api, f"{path}{joint}limit=1") == count_queries(api, f"{path}{joint}limit=500") <= 3
