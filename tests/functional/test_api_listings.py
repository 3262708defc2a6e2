"""Lists: page by page without a gap or a repeat, as JSON and as CSV that no spreadsheet calculates."""

import csv
import datetime
import io
from uuid import UUID

import marshmallow as ma
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partners_api.listings import EPOCH, Cursor, cell_of, list_columns
from rewards.offers import OfferTerms, put_on_sale
from tests.api_client import Api, assert_problem, start_api
from tests.databases import Database

KEY = (datetime.datetime, datetime.date, str, int, UUID)
INSTANTS = st.integers(0, 10**16 - 1).map(lambda us: EPOCH + datetime.timedelta(microseconds=us))
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)


@pytest.fixture
def api(database: Database, keyring, now) -> Api:
    return start_api(database, keyring, now)


@given(st.tuples(INSTANTS, st.dates(max_value=datetime.date(2700, 1, 1)), TEXTS, st.integers(0, 10**9 - 1), st.uuids()))
@settings(max_examples=100)
def test_a_key_comes_back_as_it_was(key):
    cursor = Cursor(*KEY)
    assert cursor.deserialize(cursor.serialize("next", {"next": key})) == key


@given(st.from_regex(Cursor(*KEY).validators[0].regex, fullmatch=True))
@settings(max_examples=100)
def test_whatever_looks_like_a_key_is_one(word):
    assert len(Cursor(*KEY).deserialize(word.removesuffix("\n"))) == len(KEY)


@pytest.mark.parametrize("word", ["", "x", "1.2", "1.1..1", "é", "1.1.A.1.0190a0b0-0000-7000-8000-00000000000Z"])
def test_what_is_no_key_is_refused(word):
    with pytest.raises(ma.ValidationError):
        Cursor(*KEY).deserialize(word)


def test_pages_show_everything_once(api: Api):
    with api.owner.begin() as connection:
        for price in (9, 3, 5, 3, 7):
            put_on_sale(connection, OfferTerms("Pain", price, 100, None), authority_id=api.town.authority_id)
    whole = api.call("citizen", "GET", "/citizen/offers").json["items"]
    assert len(whole) == 6
    assert [each["price_points"] for each in whole] == sorted(each["price_points"] for each in whole)
    seen, path = [], "/citizen/offers?limit=2"
    while path:
        page = api.call("citizen", "GET", path).json
        seen += page["items"]
        path = page["next"] and f"/citizen/offers?limit=2&after={page['next']}"
    assert seen == whole


def test_csv_says_the_same_and_where_it_goes_on(api: Api):
    with api.owner.begin() as connection:
        terms = OfferTerms("=HYPERLINK(evil)", 1, 100, None)
        put_on_sale(connection, terms, authority_id=api.town.authority_id)
    answer = api.call("citizen", "GET", "/citizen/offers?limit=1", headers={"Accept": "text/csv"})
    assert answer.content_type == "text/csv; charset=utf-8"
    [row] = csv.DictReader(io.StringIO(answer.text))
    [item] = api.call("citizen", "GET", "/citizen/offers?limit=1&format=json").json["items"]
    assert row["title"] == "'=HYPERLINK(evil)"
    assert item["title"] == "=HYPERLINK(evil)"
    assert {name: str(item[name]) for name in ("offer_id", "price_points")} == {
        name: row[name] for name in ("offer_id", "price_points")
    }
    after = api.call("citizen", "GET", "/citizen/offers?limit=1").json["next"]
    assert answer.headers["Link"] == f'</api/v1/citizen/offers?limit=1&after={after}>; rel="next"'
    last = api.call("citizen", "GET", "/citizen/offers?format=csv")
    assert "Link" not in last.headers
    assert len(last.text.splitlines()) == 3


def test_nested_objects_become_columns_and_lists_become_json():
    class Inner(ma.Schema):
        a = ma.fields.Integer()
        b = ma.fields.List(ma.fields.Integer())

    class Outer(ma.Schema):
        name = ma.fields.String()
        inner = ma.fields.Nested(Inner)

    columns = list_columns(Outer())
    assert columns == [["name"], ["inner", "a"], ["inner", "b"]]
    assert [cell_of({"name": "+1", "inner": {"a": -1, "b": [1]}}, each) for each in columns] == ["'+1", -1, "1"]
    assert [cell_of({"name": "x", "inner": None}, each) for each in columns] == ["x", None, None]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "after=x", "format=xml", "page=2"])
def test_a_page_that_cannot_be_is_refused(api: Api, query: str):
    assert_problem(api.call("citizen", "GET", f"/citizen/offers?{query}"), 422, "request_invalid")
