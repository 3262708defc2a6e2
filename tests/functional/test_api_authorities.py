"""An agent of the authority reads figures, as JSON and as CSV."""

import csv
import io

import pytest
from sqlalchemy import text

from tests.api_client import Api, assert_problem, start_api
from tests.databases import Database

PATH = "/authority/figures/deposits"


@pytest.fixture
def api(database: Database, keyring, now) -> Api:
    api = start_api(database, keyring, now)
    api.earn(3)
    return api


def test_figures_have_their_period_rows_and_a_total(api: Api):
    answer = api.call("authority", "GET", f"{PATH}?from=2026-11-01&to=2026-11-30")
    figures = {"deposits": 1, "items": 3, "kg_measured": 0.0, "kg_estimated": 0.9, "active_citizens": None}
    of = {"day": "2026-11-21", "insee_code": "93066", "commune": "Saint-Denis", "material": "glass"}
    assert answer.json == {
        "period": {"from": "2026-11-01", "to": "2026-11-30", "timezone": "Europe/Paris"},
        "total": figures,
        "rows": [of | figures],
    }


@pytest.mark.parametrize(("query", "headers"), [("&format=csv", {}), ("", {"Accept": "text/csv"})])
def test_figures_come_as_csv_by_format_or_accept(api: Api, query: str, headers: dict[str, str]):
    answer = api.call("authority", "GET", f"{PATH}?from=2026-11-01&to=2026-11-30{query}", headers=headers)
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.text.startswith("day,insee_code,commune,material,deposits,")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["day"], row["commune"], row["items"], row["kg_estimated"]) for row in rows] == [
        ("2026-11-21", "Saint-Denis", "3", "0.9")
    ]


def test_name_of_a_commune_is_no_formula_in_the_csv(api: Api):
    with api.owner.begin() as connection:
        connection.execute(text("UPDATE communes SET name = '=1+1'"))
    answer = api.call("authority", "GET", f"{PATH}?from=2026-11-01&to=2026-11-30&format=csv")
    assert next(csv.DictReader(io.StringIO(answer.text)))["commune"] == "'=1+1"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "request_invalid"),
        ("?from=2026-11-01", "request_invalid"),
        ("?from=yesterday&to=2026-11-01", "request_invalid"),
        ("?from=2026-11-02&to=2026-11-01", "period_reversed"),
        ("?from=2025-11-01&to=2026-11-02", "period_too_long"),
        ("?from=2026-11-01&to=2026-11-02&materiel=glass", "request_invalid"),
    ],
)
def test_bad_period_or_filter_is_refused(api: Api, query: str, code: str):
    assert_problem(api.call("authority", "GET", PATH + query), 422, code)


def test_filters_leave_out_the_rest(api: Api):
    period = "from=2026-11-01&to=2026-11-30"
    for query, deposits in (("material=plastic", 0), ("insee_code=93001", 0), ("insee_code=93066", 1)):
        total = api.call("authority", "GET", f"{PATH}?{period}&{query}").json["total"]
        assert (total["deposits"], total["active_citizens"]) == (deposits, None if deposits else 0)
