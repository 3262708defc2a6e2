"""Every error is a problem+json with a stable, documented code; nothing inner reaches a client or the log."""

import re
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from structlog.testing import capture_logs

import partners_api.app  # the whole tree of refusals is loaded
from bontri.documents.annual_reports import annual_report_as_pdf
from bontri.documents.public_reports import public_report_as_pdf
from bontri.documents.statements import statement_as_pdf
from partners_api.app import ApiConfig, create_app
from partners_api.errors import CODE_OF_STATUS, STATUS_OF
from rewards.errors import OperatorRefusedError, RewardsError
from rewards.tries import TriesSpentError
from rewards.vouchers import VoucherRefusedError
from tests.api_client import EMAIL, Api, assert_problem, start_api
from tests.databases import Database

PAGE = Path(partners_api.app.__file__).parents[1] / "docs" / "errors.md"


def list_refusals(base: type[RewardsError] = RewardsError) -> list[type[RewardsError]]:
    """List every refusal of the product that the API can meet; operators' commands have theirs (docs/operators.md)."""
    if base is OperatorRefusedError:
        return []
    found = [base, *(each for sub in base.__subclasses__() for each in list_refusals(sub))]
    return [each for each in found if each.__module__.split(".")[0] in ("rewards", "partners_api")]


@pytest.fixture
def api(database: Database, keyring, now) -> Api:
    return start_api(database, keyring, now)


def test_every_refusal_has_a_status_and_a_code_and_a_title():
    # These three are never raised themselves.
    refusals = set(list_refusals()) - {RewardsError, VoucherRefusedError, TriesSpentError}
    # Of what operators' commands are refused, the API serves a part.
    assert refusals == {refusal for refusal in STATUS_OF if not issubclass(refusal, OperatorRefusedError)}
    assert all(refusal.code and refusal.__doc__ for refusal in STATUS_OF)


def test_every_code_is_documented_with_its_status_and_no_other_is():
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \|", PAGE.read_text(), re.MULTILINE)
    known = {(refusal.code, str(int(status))) for refusal, status in STATUS_OF.items()}
    known |= {(code, str(int(status))) for status, code in CODE_OF_STATUS.items()}
    assert set(rows) == known
    assert len(rows) == len(known)


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("year", ["1999", "3211", "x"])
def test_a_year_of_another_century_is_no_path_by_any_method(api: Api, method: str, year: str):
    """Bounds that are looked at after the path has matched made it 405 for the method that comes second."""
    path = f"/authority/funders/01a205cd-ce9d-71fa-98c4-2a196927b8fb/budgets/{year}"
    assert_problem(api.call("authority", method, path, json={"budget_cents": 1}), 404, "route_unknown")


def test_errors_before_a_view_are_problems_too(api: Api):
    sign_ins = "/citizen/sign-ins"
    good = {"authority": api.town.slug, "email": EMAIL}
    assert_problem(api.call(None, "GET", "/nowhere"), 404, "route_unknown")
    refused = api.call(None, "PUT", sign_ins, json=good)
    assert_problem(refused, 405, "method_not_allowed")
    assert "POST" in refused.headers["Allow"]
    assert_problem(api.call(None, "POST", sign_ins, data="a=b"), 415, "body_not_json")
    assert_problem(
        api.call(None, "POST", sign_ins, data="{", content_type="application/json"), 400, "request_malformed"
    )
    large = api.call(None, "POST", sign_ins, json=good | {"email": "x" * 70_000})
    assert_problem(large, 413, "body_too_large")
    wrong = assert_problem(api.call(None, "POST", sign_ins, json=good | {"email": 5, "x": 1}), 422, "request_invalid")
    assert wrong["errors"]["json"].keys() == {"email", "x"}


def test_bug_is_a_500_without_its_details_and_is_logged_once(api: Api):
    def broken(*_: object) -> None:
        raise RuntimeError("inner workings")

    api.app.view_functions["citizen.show_wallet"] = broken
    with capture_logs() as logs:
        problem = assert_problem(api.call("citizen", "GET", "/citizen/wallet"), 500, "internal_error")
    assert "inner" not in str(problem)
    assert [line["event"] for line in logs] == ["request_failed", "request_answered"]
    assert "inner workings" in logs[0]["traceback"]


def test_database_away_is_a_503_that_says_so(keyring):
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    app = create_app(
        ApiConfig(),
        engine=engine,
        agents_engine=engine,
        keyring=keyring,
        send_codes=print,
        render_statement=statement_as_pdf,
        render_annual_report=annual_report_as_pdf,
        render_public_report=public_report_as_pdf,
    )
    client = app.test_client()
    assert client.get("/healthz").json == {"status": "alive"}
    assert_problem(client.get("/readyz"), 503, "service_unavailable")
    answer = client.get("/api/v1/citizen/wallet", headers={"Authorization": "Bearer a.b"})
    assert_problem(answer, 503, "service_unavailable")
    assert answer.headers["Retry-After"]


def test_log_has_one_line_per_request_and_nothing_personal(api: Api):
    api.earn(20)
    with capture_logs() as logs:
        voucher = api.buy("a-secret-key")
        api.call("shop", "POST", "/shop/redemptions", key="till", json={"code": voucher["code"]})
        api.call(None, "POST", "/citizen/sign-ins", json={"authority": api.town.slug, "email": EMAIL}).close()
        api.call("citizen", "GET", f"/citizen/vouchers/{voucher['voucher_id']}?token=a-query-secret")
    assert [(line["event"], line["status"]) for line in logs] == [
        ("request_answered", status) for status in (201, 201, 202, 200)
    ]
    assert logs[3]["route"] == "/api/v1/citizen/vouchers/<uuid:voucher_id>"
    written = str(logs)
    secrets = [EMAIL, voucher["code"].partition(".")[2], api.sent[0][1], "a-query-secret", *api.tokens.values()]
    assert not [secret for secret in secrets if secret in written]


def test_page_of_the_api_runs_its_own_scripts_only(api: Api):
    client = api.app.test_client()
    with client.get("/api/docs") as page:
        assert "script-src 'self';" in page.headers["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=|https?://", page.text)
        names = re.findall(r'(?:src|href)="docs/([^"]+)"', page.text)
    assert len(names) == 4
    for name in names:
        with client.get(f"/api/docs/{name}") as asset:
            assert asset.status_code == 200
            assert asset.data


def test_every_answer_carries_the_security_headers(api: Api):
    for answer in (api.call("citizen", "GET", "/citizen/wallet"), api.call(None, "GET", "/nowhere")):
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Request-Id"]
    given = api.call(None, "GET", "/nowhere", headers={"X-Request-Id": "from-the-proxy-1"})
    assert given.headers["X-Request-Id"] == "from-the-proxy-1"
