"""How often somebody may call, what each answer says of it, and that nobody's limit is another's."""

import datetime
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from bontri.documents.annual_reports import annual_report_as_pdf
from bontri.documents.public_reports import public_report_as_pdf
from bontri.documents.statements import statement_as_pdf
from partners_api.app import ApiConfig, create_app
from partners_api.networks import network_of
from partners_api.rates import MOST_CALLERS, OTHERS, Rates, share_out
from rewards.database import open_engine
from rewards.keyring import Keyring
from tests.api_client import EMAIL, Api, assert_problem, start_api
from tests.databases import Database, DatabasePool
from tests.factories import build_citizen, open_session_for

NOON = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
KEYRING = Keyring(b"m" * 32, b"p" * 32, b"s" * 32)
QUOTAS = {"public": 3, "citizen": 4, "shop": 5, "operator": 2}
WALLET = "/citizen/wallet"


@pytest.fixture(scope="module")
def borrowed(databases: DatabasePool) -> Iterator[tuple[Database, Api]]:
    with databases.lend() as database:
        yield database, start_api(database, KEYRING, NOON)


@pytest.fixture
def api(borrowed: tuple[Database, Api]) -> Api:
    """The town of this file behind an application that has counted nobody yet."""
    return served(*borrowed, ApiConfig(rates=QUOTAS))


def served(database: Database, town: Api, config: ApiConfig, **engines: str) -> Api:
    api: Api

    def build() -> Flask:
        return create_app(
            config,
            engine=database.engine("bontri_api", of=None),
            agents_engine=database.engine("bontri_agent", of=None),
            keyring=KEYRING,
            send_codes=lambda authority_id: None,
            render_statement=statement_as_pdf,
            render_annual_report=annual_report_as_pdf,
            render_public_report=public_report_as_pdf,
            clock=lambda: api.now,
        )

    api = replace(town, app=build(), now=NOON)
    return api


def headers_of(answer: TestResponse) -> tuple[str | None, str | None]:
    return answer.headers.get("RateLimit-Policy"), answer.headers.get("RateLimit")


def test_one_request_too_many_is_refused_until_the_next_minute(api: Api) -> None:
    api.now += datetime.timedelta(seconds=18)
    before = api.ledger()
    for left in (3, 2, 1, 0):
        answer = api.call("citizen", "GET", WALLET)
        assert answer.status_code == 200
        assert headers_of(answer) == ('"citizen";q=4;w=60', f'"citizen";r={left};t=42')
    refused = api.call("citizen", "POST", "/citizen/vouchers", key="k", json={"offer_id": str(api.town.offer_id)})
    assert_problem(refused, 429, "rate_limited")
    assert refused.headers["Retry-After"] == "42"
    assert headers_of(refused) == ('"citizen";q=4;w=60', '"citizen";r=0;t=42')
    assert api.ledger() == before
    api.now += datetime.timedelta(seconds=41)
    assert_problem(api.call("citizen", "GET", WALLET), 429, "rate_limited")
    api.now += datetime.timedelta(seconds=1)
    assert api.call("citizen", "GET", WALLET).status_code == 200


def test_control_without_a_limit_nobody_is_refused_and_nothing_is_told(borrowed: tuple[Database, Api]) -> None:
    api = served(*borrowed, ApiConfig(rates=QUOTAS | {"citizen": 0}))
    answers = [api.call("citizen", "GET", WALLET) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}
    assert {headers_of(answer) for answer in answers} == {(None, None)}


def test_each_caller_has_a_limit_of_its_own_and_all_sessions_of_one_share_it(api: Api) -> None:
    with api.owner.begin() as connection:
        second = open_session_for(connection, api.town, EMAIL, now=NOON)
        build_citizen(connection, api.town, email="grace@example.org")
        other = open_session_for(connection, api.town, "grace@example.org", now=NOON)
    for who in ("citizen", second, "citizen", second):
        assert api.call(who, "GET", WALLET).status_code == 200
    assert_problem(api.call(second, "GET", WALLET), 429, "rate_limited")
    assert api.call(other, "GET", WALLET).status_code == 200
    assert api.call("shop", "POST", "/shop/vouchers/lookup", json={"code": "x"}).status_code == 404
    assert api.call("operator", "GET", "/operator/keys").status_code == 200
    assert api.call("authority", "GET", "/authority/figures/deposits").headers.get("RateLimit") is None


def test_public_operations_and_bad_tokens_count_for_the_address(api: Api) -> None:
    def ask(address: str) -> TestResponse:
        return api.app.test_client().get(
            "/api/v1/citizen/wallet",
            headers={"Authorization": "Bearer town-1.nonsense"},
            environ_base={"REMOTE_ADDR": address},
        )

    sign_in = {"authority": api.town.slug, "email": "nobody@example.org"}
    assert api.call(None, "POST", "/citizen/sign-ins", json=sign_in).status_code == 202
    assert_problem(ask("127.0.0.1"), 401, "credentials_refused")
    assert_problem(api.call(None, "GET", WALLET), 401, "credentials_missing")
    assert_problem(ask("127.0.0.1"), 429, "rate_limited")
    assert_problem(api.call(None, "POST", "/citizen/sign-ins", json=sign_in), 429, "rate_limited")
    # Whoever has a good token is served, whoever else calls from there.
    assert api.call("citizen", "GET", WALLET).status_code == 200
    assert_problem(ask("10.0.0.1"), 401, "credentials_refused")


def test_cookies_of_other_sites_count_for_the_address(borrowed: tuple[Database, Api]) -> None:
    api = served(*borrowed, ApiConfig(rates={"public": 1}))
    made_up = {"Cookie": "__Host-bontri=x", "Origin": "https://evil.example"}
    browser = api.app.test_client(use_cookies=False)
    first, second = (browser.delete("/api/v1/authority/session", headers=made_up) for _ in range(2))
    assert_problem(first, 403, "cross_site_refused")
    assert_problem(second, 429, "rate_limited")


@pytest.mark.parametrize(("proxies", "is_told_apart"), [(0, False), (1, True)])
def test_address_is_that_of_the_last_stranger(
    borrowed: tuple[Database, Api], proxies: int, is_told_apart: bool
) -> None:
    api = served(*borrowed, ApiConfig(rates={"public": 1}, proxies=proxies))
    codes = [
        api.call(None, "GET", WALLET, headers={"X-Forwarded-For": f"made-up, 10.0.0.{no}"}).status_code
        for no in range(3)
    ]
    assert codes == ([401, 401, 401] if is_told_apart else [401, 429, 429])


def test_supervisors_are_never_refused(api: Api) -> None:
    client = api.app.test_client()
    for path in ("/healthz", "/readyz"):
        answers = [client.get(path) for _ in range(10)]
        assert {answer.status_code for answer in answers} == {200}
        assert headers_of(answers[0]) == (None, None)


def test_many_at_once_get_exactly_the_limit() -> None:
    rates, line, granted = Rates({"shop": 500}), threading.Barrier(8), []

    def call() -> None:
        line.wait()
        found = [rates.spend("shop", "till", 1000.0) for _ in range(200)]
        granted.append(sum(spent is not None and spent.remaining >= 0 for spent in found))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 500


def test_made_up_addresses_cannot_fill_the_memory() -> None:
    rates = Rates({"public": 5})
    for no in range(MOST_CALLERS + 10):
        rates.spend("public", no, 0.0)
    assert len(rates._counts) == MOST_CALLERS + 1
    assert rates._counts["public", OTHERS] == 10
    last = rates.spend("public", "another", 59.0)
    assert last is not None
    assert last.remaining < 0
    assert rates.spend("public", "another", 60.0).remaining == 4
    assert len(rates._counts) == 1


def test_processes_share_what_is_allowed() -> None:
    assert share_out({"citizen": 300, "shop": 0, "public": 1}, 4) == {"citizen": 75, "shop": 0, "public": 1}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/56"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/56"),
        ("x:y", "x:y"),
        ("", ""),
    ],
)
def test_what_one_subscriber_has_counts_as_one(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize("setting", ["statement_timeout", "lock_timeout"])
def test_request_that_takes_too_long_is_refused_by_a_code_and_changes_nothing(
    borrowed: tuple[Database, Api], setting: str
) -> None:
    database, town = borrowed
    api = served(database, town, ApiConfig())
    engine, before = open_engine(database.url, role="bontri_api"), api.ledger()
    api.app.extensions["bontri"] = replace(api.app.extensions["bontri"], engine=engine)
    try:
        with engine.begin() as connection:
            connection.execute(text(f"SET {setting} = '100ms'"))
        with api.owner.begin() as holder:
            holder.execute(text("SELECT * FROM sessions FOR UPDATE"))
            answer = api.call("citizen", "DELETE", "/citizen/session")
    finally:
        engine.dispose()
    assert_problem(answer, 503, "request_too_slow")
    assert answer.headers["Retry-After"]
    assert api.ledger() == before


def test_statements_of_requests_are_bounded_more_tightly_than_others(borrowed: tuple[Database, Api]) -> None:
    engine = open_engine(borrowed[0].url, role="bontri_api", statement_seconds=1.5)
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == "1500ms"
        assert connection.scalar(text("SHOW lock_timeout")) == "10s"
    engine.dispose()
