"""Bins near a place, what citizens report of them; and lists of what one has and can buy."""

import datetime
import json
from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

import rewards.bin_problems.closing
from rewards.alarms import Sighting, raise_alarms
from rewards.bin_problems import ProblemClosedError, close_problem
from rewards.offers import OfferTerms, put_on_sale
from tests.api_client import Api, assert_problem, start_api
from tests.databases import DatabasePool
from tests.factories import build_cause, build_citizen, open_session_for
from tests.ingest_scene import KEYRING

NOON = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
HERE = "latitude=48.93&longitude=2.35"
REPORT = text("""
    INSERT INTO bin_reports (authority_id, bin_id, last_heard_at, materials, status, status_at)
    VALUES (1, :bin_id, :heard_at, CAST(:materials AS jsonb), CAST(:status AS jsonb), :heard_at)
    ON CONFLICT (authority_id, bin_id) DO UPDATE
       SET last_heard_at = excluded.last_heard_at, materials = excluded.materials, status = excluded.status
""")


@pytest.fixture(scope="module")
def town(databases: DatabasePool) -> Iterator[Api]:
    with databases.lend() as database:
        api = start_api(database, KEYRING, NOON)
        with api.owner.begin() as connection:
            for name in ("bob", "eve"):
                build_citizen(connection, api.town, badge=name, email=f"{name}@example.org")
                api.tokens[name] = open_session_for(connection, api.town, f"{name}@example.org", now=NOON)
        yield api


@pytest.fixture
def api(town: Api) -> Api:
    town.now += datetime.timedelta(days=1)
    return town


def tell(api: Api, number: int, *, ago: datetime.timedelta = datetime.timedelta(), **status: object) -> None:
    """Let a bin have told its status."""
    told = {"bin_id": api.town.bin_ids[number], "heard_at": api.now - ago, "status": json.dumps(status)}
    with api.owner.begin() as connection:
        connection.execute(REPORT, {**told, "materials": '["glass", "can"]'})


def near(api: Api, query: str = "", *, who: str = "citizen"):
    return api.call(who, "GET", f"/citizen/bins?{HERE}{query}")


def report(api: Api, who: str, kind: str = "broken", bin_no: int = 0):
    return api.call(who, "POST", f"/citizen/bins/{api.town.bin_ids[bin_no]}/problems", json={"kind": kind})


def test_bins_are_found_by_distance_with_what_they_take_and_how_full_they_are(api: Api):
    tell(api, 0, fill_pct=62.5)
    tell(api, 1, fill_pct={"glass": 10, "can": 80}, ago=datetime.timedelta(days=2))
    [only] = near(api).json["items"]
    assert (only["bin_id"], only["distance_m"], only["commune"]) == (api.town.bin_ids[0], 0, "Saint-Denis")
    assert (only["materials"], only["fill_pct"], only["fill_by_material"]) == (["glass", "can"], 62, None)
    assert (only["is_out_of_order"], only["problems"]) == (False, [])
    first, second = near(api, "&radius_m=5000").json["items"]
    assert first == only
    assert (second["fill_pct"], second["fill_by_material"]) == (80, {"glass": 10, "can": 80})
    assert second["is_out_of_order"]
    assert 3000 < second["distance_m"] < 3300
    page = near(api, "&radius_m=5000&limit=1").json
    assert near(api, f"&radius_m=5000&limit=1&after={page['next']}").json["items"] == [second]
    assert near(api, "&radius_m=5000&material=paper").json["items"] == []
    assert near(api, "&radius_m=5000&format=csv").text.count("\r\n") == 3
    [feature, _] = near(api, "&radius_m=5000&format=geojson").json["features"]
    assert feature["geometry"]["coordinates"] == [2.35, 48.93]
    tell(api, 0, faults=["lid_stuck"])
    assert near(api).json["items"][0]["is_out_of_order"]


@pytest.mark.parametrize(
    "place", ["latitude=90&longitude=0", "latitude=-90&longitude=180", "latitude=0&longitude=-180"]
)
def test_poles_and_the_date_line_are_places_too(api: Api, place: str):
    assert api.call("citizen", "GET", f"/citizen/bins?{place}&radius_m=50000").json["items"] == []


def test_what_two_citizens_report_is_shown_and_an_agent_closes_it(api: Api):
    tell(api, 0)
    first = report(api, "citizen")
    assert first.status_code == 201
    refused = report(api, "citizen")
    assert_problem(refused, 429, "too_many_tries")
    assert int(refused.headers["Retry-After"]) > 80_000
    assert near(api).json["items"][0]["problems"] == []
    assert report(api, "bob").json == first.json
    shown = near(api).json["items"][0]
    assert (shown["problems"], shown["is_out_of_order"]) == (["broken"], True)
    for bin_id in ("NO-SUCH-BIN", "%00", "a' OR 1"):
        answer = api.call("eve", "POST", f"/citizen/bins/{bin_id}/problems", json={"kind": "full"})
        assert_problem(answer, 404, "bin_unknown")
    with api.owner.begin() as connection:
        raise_alarms(
            connection, [Sighting(api.town.bin_ids[1], "gap", api.now, {"numbers": 3})], authority_id=1, now=api.now
        )
    listed = api.call("authority", "GET", "/authority/bin-problems").json["items"]
    assert {(each["source"], each["kind"], each["reports"]) for each in listed} == {
        ("citizens", "broken", 2),
        ("bin", "gap", 1),
    }
    assert [each["kind"] for each in pages(api, "/authority/bin-problems?limit=1")] == [each["kind"] for each in listed]
    path = f"/authority/bin-problems/{first.json['problem_id']}/closing"
    assert api.call("authority", "POST", path, json={"outcome": "mended"}).status_code == 204
    assert_problem(api.call("authority", "POST", path, json={"outcome": "mended"}), 409, "problem_closed")
    assert near(api).json["items"][0]["problems"] == []
    closed = api.call("authority", "GET", "/authority/bin-problems?with_closed=true&source=citizens").json["items"]
    assert [(each["closed_by"], each["outcome"]) for each in closed] == [("program test", "mended")]
    assert api.call("authority", "GET", "/authority/bin-problems?with_closed=yes").status_code == 422
    assert report(api, "eve").json != first.json
    # Nobody is named, anywhere.
    with api.owner.connect() as connection:
        stored = str(connection.execute(text("SELECT * FROM bin_problems")).all())
        citizens = connection.scalars(text("SELECT CAST(citizen_id AS text) FROM citizens")).all()
    assert not any(citizen in stored for citizen in citizens)


def pages(api: Api, path: str):
    """Return all items of a list, page by page."""
    items, after = [], ""
    while after is not None:
        page = api.call("authority", "GET", f"{path}{after}").json
        items += page["items"]
        after = page["next"] and f"&after={page['next']}"
    return items


def close_at_once(api: Api, problem_id: str) -> dict[str, int]:
    """Let four agents close one problem at the same instant."""

    def close(connection: Connection, number: int) -> None:
        closing = {"outcome": "not_found", "closed_by": f"agent {number}"}
        close_problem(connection, UUID(problem_id), authority_id=1, now=api.now, **closing)

    return dict(api.race(close, threads=4, as_agents=True))


def test_one_problem_is_opened_and_closed_once_however_many_are_at_it(api: Api):
    answers = [report(api, who, kind="litter", bin_no=1).json["problem_id"] for who in ("citizen", "bob", "eve")]
    assert len(set(answers)) == 1
    assert close_at_once(api, answers[0]) == {"done": 1, ProblemClosedError.code: 3}


def test_control_without_the_guard_all_of_them_close_it(api: Api, monkeypatch: pytest.MonkeyPatch):
    unguarded = str(rewards.bin_problems.closing.CLOSE).replace(" AND closed_at IS NULL", "")
    monkeypatch.setattr(rewards.bin_problems.closing, "CLOSE", text(unguarded))
    assert close_at_once(api, report(api, "citizen", kind="blocked").json["problem_id"]) == {"done": 4}


def test_lots_offers_shops_and_donations_are_listed_and_filtered(api: Api):
    api.earn(30)
    [lot] = api.call("citizen", "GET", "/citizen/lots").json["items"]
    assert (lot["points"], lot["expires_on"]) == (30, "2028-12-01")
    assert api.call("citizen", "GET", "/citizen/lots?expiring_within_days=30").json["items"] == []
    assert api.call("citizen", "GET", "/citizen/lots?expiring_within_days=800").json["items"] == [lot]
    with api.owner.begin() as connection:
        for_all = OfferTerms("Piscine", 25, 200, None, category="leisure")
        put_on_sale(connection, for_all, authority_id=1)
        cause_id = build_cause(connection, api.town)
    shop_id = api.town.shop.shop_id
    titles = {
        "": ["Un carnet", "Piscine"],
        "category=leisure": ["Piscine"],
        "price_points_max=10": ["Un carnet"],
        f"shop_id={shop_id}": ["Un carnet", "Piscine"],
        f"shop_id={cause_id}": ["Piscine"],
    }
    for query, expected in titles.items():
        listed = api.call("citizen", "GET", f"/citizen/offers?{query}").json["items"]
        assert [each["title"] for each in listed] == expected, query
    [shop] = api.call("citizen", "GET", "/citizen/shops").json["items"]
    assert (shop["shop_id"], shop["commune"]) == (str(shop_id), "Saint-Denis")
    assert api.call("citizen", "GET", "/citizen/donations").json["items"] == []
    given = api.call("citizen", "POST", f"/citizen/causes/{cause_id}/donations", key="g", json={"points": 2}).json
    [donation] = api.call("citizen", "GET", "/citizen/donations").json["items"]
    assert donation == {**given, "receiver": "Potagers", "returned_at": None}
    assert api.call("bob", "GET", "/citizen/donations").json["items"] == []


def test_short_code_is_made_for_one_shop_and_redeemed_there(api: Api):
    api.earn(10)
    voucher = api.buy("buy-short")
    path = f"/citizen/vouchers/{voucher['voucher_id']}/short-code"
    made = api.call("citizen", "POST", path, json={"shop_id": str(api.town.shop.shop_id)})
    assert (made.status_code, len(made.json["code"])) == (201, 6)
    elsewhere = api.call("citizen", "POST", path, json={"shop_id": voucher["voucher_id"]})
    assert_problem(elsewhere, 403, "voucher_of_another_shop")
    assert_problem(api.call("bob", "POST", path, json={"shop_id": str(api.town.shop.shop_id)}), 404, "voucher_unknown")
