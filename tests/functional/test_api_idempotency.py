"""The same key does the same once, however often it is sent."""

import uuid

import pytest
from sqlalchemy import text

from bontri.documents.annual_reports import annual_report_as_pdf
from bontri.documents.public_reports import public_report_as_pdf
from bontri.documents.statements import statement_as_pdf
from partners_api.app import ApiConfig, create_app
from tests.api_client import EMAIL, Api, assert_problem, start_api
from tests.databases import Database
from tests.factories import open_session_for


@pytest.fixture
def api(database: Database, keyring, now) -> Api:
    api = start_api(database, keyring, now)
    api.earn(50)
    return api


def test_repeat_gets_the_first_answer_even_after_a_restart_and_a_new_session(api: Api):
    voucher = api.buy("key-1")
    before = api.ledger()
    assert api.buy("key-1") == voucher
    assert api.ledger() == before
    api.app = create_app(
        ApiConfig(),
        engine=api.app.extensions["bontri"].engine,
        agents_engine=api.app.extensions["bontri"].agents_engine,
        keyring=api.town.keyring,
        send_codes=print,
        render_statement=statement_as_pdf,
        render_annual_report=annual_report_as_pdf,
        render_public_report=public_report_as_pdf,
        clock=lambda: api.now,
    )
    with api.owner.begin() as connection:
        api.tokens["citizen"] = open_session_for(connection, api.town, EMAIL, now=api.now)
    assert api.buy("key-1") == voucher
    assert api.buy("key-2") != voucher


def test_repeat_of_a_cancellation_gets_its_first_answer(api: Api):
    path = f"/citizen/vouchers/{api.buy()['voucher_id']}/cancellation"
    first = api.call("citizen", "POST", path, key="c")
    before = api.ledger()
    assert api.call("citizen", "POST", path, key="c").json == first.json
    assert api.ledger() == before


def test_same_key_with_another_body_or_route_is_a_conflict(api: Api):
    voucher = api.buy("key-1")
    before = api.ledger()
    order = {"offer_id": str(uuid.uuid4())}
    answer = api.call("citizen", "POST", "/citizen/vouchers", key="key-1", json=order)
    assert_problem(answer, 422, "idempotency_key_reused")
    path = f"/citizen/vouchers/{voucher['voucher_id']}/cancellation"
    assert_problem(api.call("citizen", "POST", path, key="key-1"), 422, "idempotency_key_reused")
    assert api.ledger() == before


def test_request_is_refused_while_another_with_its_key_is_in_flight(api: Api):
    name = f"idempotency|{api.town.authority_id}|{api.citizen.citizen_id}|key-1"
    before = api.ledger()
    order = {"offer_id": str(api.town.offer_id)}
    with api.owner.begin() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})
        answer = api.call("citizen", "POST", "/citizen/vouchers", key="key-1", json=order)
        assert_problem(answer, 409, "request_in_flight")
        assert api.ledger() == before
    assert api.buy("key-1")["status"] == "issued"


@pytest.mark.parametrize("key", [None, "", "with blank", "é", "x" * 129])
def test_points_are_not_moved_without_a_good_key(api: Api, key: str | None):
    before = api.ledger()
    order = {"offer_id": str(api.town.offer_id)}
    answer = api.call("citizen", "POST", "/citizen/vouchers", key=key, json=order)
    assert "Idempotency-Key" in assert_problem(answer, 422, "request_invalid")["errors"]["headers"]
    answer = api.call("shop", "POST", "/shop/redemptions", key=key, json={"code": "x"})
    assert_problem(answer, 422, "request_invalid")
    assert api.ledger() == before


def test_refused_request_may_be_sent_again_with_its_key_once_it_can_succeed(api: Api):
    with api.owner.begin() as connection:
        connection.execute(text("UPDATE offers SET state = 'ended'"))
    order = {"offer_id": str(api.town.offer_id)}
    answer = api.call("citizen", "POST", "/citizen/vouchers", key="key-1", json=order)
    assert_problem(answer, 404, "offer_unknown")
    with api.owner.begin() as connection:
        connection.execute(text("UPDATE offers SET state = 'published'"))
    assert api.buy("key-1")["status"] == "issued"


def test_stored_answer_holds_ids_only(api: Api):
    voucher = api.buy()
    with api.owner.connect() as connection:
        answers = connection.scalars(text("SELECT answer FROM idempotent_requests")).all()
    assert answers == [{"voucher_id": voucher["voucher_id"]}]
