"""A citizen signs in, sees what they have and why, buys a voucher and cancels it."""

import datetime
import time
import uuid
from dataclasses import replace

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from rewards.instants import write_instant
from rewards.reviews import lapse_reviews, set_review_rules
from rewards.suspicion import ReviewRules
from tests.api_client import EMAIL, Api, assert_problem, start_api
from tests.databases import Database
from tests.factories import build_citizen, open_session_for


@pytest.fixture
def api(database: Database, keyring, now) -> Api:
    return start_api(database, keyring, now)


def sign_in(api: Api, email: str = EMAIL):
    return api.call(None, "POST", "/citizen/sign-ins", json={"authority": api.town.slug, "email": email})


def open_session(api: Api, sign_in_id: str, code: str):
    asked = {"authority": api.town.slug, "sign_in_id": sign_in_id, "code": code}
    return api.call(None, "POST", "/citizen/sessions", json=asked)


def test_citizen_signs_in_with_the_code_sent_and_signs_out(api: Api):
    answer = sign_in(api, "Ada@Example.org")
    assert answer.status_code == 202
    answer.close()
    email, code, language = api.sent[0]
    assert (email, len(code), language) == (EMAIL, 8, "fr")
    session = open_session(api, answer.json["sign_in_id"], code)
    assert session.status_code == 201
    token = session.json["token"]
    assert token.startswith(f"{api.town.slug}.")
    assert api.call(token, "GET", "/citizen/wallet").status_code == 200
    assert api.call(token, "DELETE", "/citizen/session").status_code == 204
    assert_problem(api.call(token, "GET", "/citizen/wallet"), 401, "credentials_refused")


def test_code_comes_in_the_language_asked_for(api: Api):
    asked = {"authority": api.town.slug, "email": EMAIL}
    api.call(None, "POST", "/citizen/sign-ins", json=asked, headers={"Accept-Language": "en-GB"}).close()
    assert api.sent[0][2] == "en"


def test_unknown_address_gets_the_same_answer_and_no_code(api: Api):
    known, unknown = sign_in(api), sign_in(api, "nobody@example.org")
    for answer in (known, unknown):
        answer.close()
        assert (answer.status_code, list(answer.json)) == (202, ["sign_in_id"])
        uuid.UUID(answer.json["sign_in_id"])
    assert [email for email, *_ in api.sent] == [EMAIL]


def test_mail_that_cannot_be_sent_is_logged_without_the_address(api: Api):
    def broken(authority_id: int) -> None:
        raise OSError(f"no way to {EMAIL} of {authority_id}")

    api.app.extensions["bontri"] = replace(api.app.extensions["bontri"], send_codes=broken)
    with capture_logs() as logs:
        answer = sign_in(api)
        answer.close()
    assert answer.status_code == 202
    assert [line["event"] for line in logs] == ["request_answered", "codes_not_sent"]
    assert EMAIL not in str(logs)


def test_wrong_code_costs_a_try_and_the_sixth_is_refused_even_if_right(api: Api):
    answer = sign_in(api)
    answer.close()
    code, sign_in_id = api.sent[0][1], answer.json["sign_in_id"]
    wrong = f"{(int(code) + 1) % 10**8:08}"
    before = api.ledger()
    for _ in range(5):
        assert_problem(open_session(api, sign_in_id, wrong), 403, "sign_in_code_refused")
    assert_problem(open_session(api, sign_in_id, code), 403, "sign_in_code_refused")
    assert api.ledger() == before


def test_session_ends_by_itself(api: Api):
    api.now += datetime.timedelta(days=90)
    assert_problem(api.call("citizen", "GET", "/citizen/wallet"), 401, "credentials_refused")


def test_unknown_authority_is_refused(api: Api):
    asked = {"authority": "atlantis", "email": EMAIL}
    assert_problem(api.call(None, "POST", "/citizen/sign-ins", json=asked), 404, "authority_unknown")


def test_deposit_is_in_the_wallet_and_explained_in_the_statement(api: Api):
    api.earn(3)
    wallet = api.call("citizen", "GET", "/citizen/wallet").json
    held = {"points": 3, "pending_points": 0, "in_review_points": 0}
    assert wallet == {**held, "lots": [{**held, "expires_on": "2028-12-01"}]}
    line = api.call("citizen", "GET", "/citizen/statement").json["items"][0]
    assert (line["kind"], line["points"], line["sentence"]) == ("deposit", 3, "3 verres × 1 point = 3 points")
    assert line["deposit"]["material"] == "glass"
    assert line["deposit"]["occurred_at"] == write_instant(api.now)
    english = api.call("citizen", "GET", "/citizen/statement?lang=en").json["items"][0]
    assert english["sentence"] == "3 items of glass × 1 point = 3 points"


def test_points_in_review_are_shown_apart_and_explained_before_and_after(api: Api):
    with api.owner.begin() as connection:
        set_review_rules(connection, ReviewRules(over_items=3), authority_id=api.town.authority_id)
    api.earn(4)
    wallet = api.call("citizen", "GET", "/citizen/wallet").json
    assert (wallet["points"], wallet["in_review_points"], wallet["lots"][0]["in_review_points"]) == (0, 4, 4)
    [line] = api.call("citizen", "GET", "/citizen/statement?lang=en").json["items"]
    assert (line["kind"], line["points"], line["deposit"]["points"]) == ("deposit_pending", 0, 4)
    assert (line["deposit"]["review_rule"], line["review"]) == ("large_deposit", None)
    assert line["deposit"]["review_due_at"] == write_instant(api.now + datetime.timedelta(days=7))
    with api.owner.begin() as connection:
        lapse_reviews(connection, authority_id=api.town.authority_id, now=api.now + datetime.timedelta(days=7))
    line = api.call("citizen", "GET", "/citizen/statement?lang=en").json["items"][0]
    assert (line["kind"], line["points"], line["deposit"]) == ("deposit_posted", 4, None)
    assert (line["review"]["rule"], line["review"]["reason"], line["review"]["points"]) == ("large_deposit", None, 4)
    assert api.call("citizen", "GET", "/citizen/wallet").json["points"] == 4


def test_statement_comes_in_pages_that_together_are_whole(api: Api):
    for _ in range(5):
        api.now += datetime.timedelta(minutes=1)
        api.earn(1)
    whole = api.call("citizen", "GET", "/citizen/statement").json
    assert whole["next"] is None
    seen, path = [], "/citizen/statement?limit=2"
    while path:
        page = api.call("citizen", "GET", path).json
        seen += page["items"]
        path = page["next"] and f"/citizen/statement?limit=2&after={page['next']}"
    assert seen == whole["items"]
    assert len(seen) == 5


def test_offer_is_bought_shown_and_cancelled(api: Api):
    api.earn(15)
    offer = api.call("citizen", "GET", "/citizen/offers").json["items"][0]
    assert (offer["offer_id"], offer["price_points"]) == (str(api.town.offer_id), 10)
    voucher = api.buy()
    assert (voucher["status"], voucher["shop"]) == ("issued", "Librairie")
    path = f"/citizen/vouchers/{voucher['voucher_id']}"
    assert api.call("citizen", "GET", path).json == voucher
    assert api.call("citizen", "GET", "/citizen/wallet").json["pending_points"] == 10
    cancelled = api.call("citizen", "POST", f"{path}/cancellation", key="c-1")
    assert (cancelled.status_code, cancelled.json["status"]) == (200, "cancelled")
    assert api.call("citizen", "GET", "/citizen/wallet").json["points"] == 15
    listed = api.call("citizen", "GET", "/citizen/vouchers").json
    assert [each["status"] for each in listed["items"]] == ["cancelled"]
    again = api.call("citizen", "POST", f"{path}/cancellation", key="c-2")
    assert_problem(again, 409, "voucher_cancelled")


def test_qr_is_a_picture_that_no_cache_keeps(api: Api):
    api.earn(10)
    voucher = api.buy()
    picture = api.call("citizen", "GET", f"/citizen/vouchers/{voucher['voucher_id']}/qr.svg")
    assert picture.content_type.startswith("image/svg+xml")
    assert picture.headers["Cache-Control"] == "no-store"
    assert picture.text.startswith("<svg ")
    assert "script" not in picture.text


def test_refusals_say_why_and_change_nothing(api: Api):
    api.earn(9)
    before = api.ledger()
    order = {"offer_id": str(api.town.offer_id)}
    problem = assert_problem(
        api.call("citizen", "POST", "/citizen/vouchers", key="k", json=order), 409, "points_insufficient"
    )
    assert problem["detail"] == "10 points are needed; 9 can be spent."
    order = {"offer_id": str(uuid.uuid4())}
    assert_problem(api.call("citizen", "POST", "/citizen/vouchers", key="k", json=order), 404, "offer_unknown")
    path = f"/citizen/vouchers/{uuid.uuid4()}"
    assert_problem(api.call("citizen", "GET", path), 404, "voucher_unknown")
    assert_problem(api.call("citizen", "POST", f"{path}/cancellation", key="k"), 404, "voucher_unknown")
    assert api.ledger() == before


def test_voucher_of_a_neighbour_is_unknown(api: Api):
    api.earn(10)
    voucher = api.buy()
    with api.owner.begin() as connection:
        build_citizen(connection, api.town, email="bob@example.org")
        api.tokens["bob"] = open_session_for(connection, api.town, "bob@example.org", now=api.now)
    before = api.ledger()
    path = f"/citizen/vouchers/{voucher['voucher_id']}"
    for method, tail, key in (("GET", "", None), ("GET", "/qr.svg", None), ("POST", "/cancellation", "k")):
        assert_problem(api.call("bob", method, path + tail, key=key), 404, "voucher_unknown")
    assert api.ledger() == before


def test_blocked_citizen_is_refused_at_once(api: Api):
    with api.owner.begin() as connection:
        connection.execute(text("UPDATE citizens SET state = 'blocked'"))
    assert_problem(api.call("citizen", "GET", "/citizen/wallet"), 401, "credentials_refused")


def test_deposit_is_readable_as_soon_as_it_is_committed(api: Api):
    api.earn(1)
    began_s = time.perf_counter()
    assert api.call("citizen", "GET", "/citizen/wallet").json["points"] == 1
    assert time.perf_counter() - began_s < 2
