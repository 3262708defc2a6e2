"""Agents set what an item weighs and what figures take for granted; a program's key of a viewer only reads it."""

import datetime
from collections.abc import Iterator

import pytest

from tests.api_client import Api, assert_problem, start_api
from tests.factories import build_key
from tests.ingest_scene import KEYRING

MASS = {"material": "glass", "valid_from": "2026-11", "unit_mass_g": 250, "source": "weighed at the centre"}
COST = {"name": "glass_cost_cents_per_tonne", "valid_from": "2026-01", "value": 7000, "source": "contract"}


@pytest.fixture(scope="module")
def api(databases) -> Iterator[Api]:
    with databases.lend() as database:
        api = start_api(database, KEYRING, datetime.datetime(2026, 11, 21, 9, tzinfo=datetime.UTC))
        with api.owner.begin() as connection:
            for who, role in (("grace", "manager"), ("vera", "viewer")):
                api.tokens[who] = build_key(connection, api.town, "authority", role=role)
        yield api


def post(api: Api, path: str, body: dict[str, object], *, who: str = "grace", key: str) -> object:
    return api.call(who, "POST", f"/authority/{path}", key=key, json=body)


def test_mass_is_set_once_by_name_and_listed_with_what_it_replaced(api: Api):
    first = post(api, "unit-masses", MASS, key="m1")
    assert (first.status_code, first.json["set_by"], first.json["is_replaced"]) == (201, "program test", False)
    assert post(api, "unit-masses", MASS, key="m1").json == first.json
    post(api, "unit-masses", MASS | {"unit_mass_g": None}, key="m2")
    shown = api.call("vera", "GET", "/authority/unit-masses?material=glass").json["items"]
    assert [(each["valid_from"], each["unit_mass_g"], each["is_replaced"]) for each in shown] == [
        ("2000-01", 300, False),
        ("2026-11", 250, True),
        ("2026-11", None, False),
    ]
    listed = api.call("vera", "GET", "/authority/unit-masses?format=csv").text
    assert listed.startswith("unit_mass_id,material,valid_from,unit_mass_g,source,")
    assert api.call("vera", "GET", "/authority/materials").json["items"][0]["unit_mass_g"] is None


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("unit-masses", MASS | {"material": "wood"}, 404, "material_unknown"),
        ("unit-masses", MASS | {"valid_from": "2026-11-15"}, 422, "request_invalid"),
        ("unit-masses", MASS | {"unit_mass_g": 0}, 422, "request_invalid"),
        ("unit-masses", MASS | {"source": ""}, 422, "request_invalid"),
        ("assumptions", COST | {"name": "weather"}, 422, "request_invalid"),
        ("assumptions", COST | {"value": -1}, 422, "request_invalid"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_set(api: Api, path, body, status, code):
    before = api.call("vera", "GET", f"/authority/{path}").json
    assert_problem(post(api, path, body, key="bad"), status, code)
    assert api.call("vera", "GET", f"/authority/{path}").json == before


def test_viewers_set_nothing(api: Api):
    for path, body in (("unit-masses", MASS), ("assumptions", COST)):
        assert_problem(post(api, path, body, who="vera", key="v"), 403, "role_insufficient")


def test_assumption_is_set_and_listed(api: Api):
    stored = post(api, "assumptions", COST, key="a1").json
    assert (stored["value"], stored["valid_from"], stored["set_by"]) == (7000, "2026-01", "program test")
    assert api.call("vera", "GET", "/authority/assumptions").json["items"] == [stored]
