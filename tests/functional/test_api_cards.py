"""A citizen's cards, household and profile over the API."""

import datetime
from collections.abc import Iterator

import pytest

from rewards.cards.own import CLAIMED_BY_CITIZEN
from rewards.households.joining import TRIES
from tests.api_client import EMAIL, Api, assert_problem, start_api
from tests.databases import DatabasePool
from tests.factories import build_citizen, deposit, open_session_for
from tests.ingest_scene import KEYRING

NOON = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def town(databases: DatabasePool) -> Iterator[Api]:
    with databases.lend() as database:
        yield start_api(database, KEYRING, NOON)


@pytest.fixture
def api(town: Api) -> Api:
    town.now += DAY
    return town


def claim(api: Api, card: str, key: str, *, who: str = "citizen", **more: str):
    return api.call(who, "POST", "/citizen/cards", key=key, json={"card": card, **more})


def add_citizen(api: Api, name: str) -> str:
    """Register another citizen with a card of their name; return a token."""
    email = f"{name}@example.org"
    with api.owner.begin() as connection:
        build_citizen(connection, api.town, badge=name.upper(), email=email)
        return open_session_for(connection, api.town, email, now=api.now)


def test_new_card_is_paired_listed_blocked_and_replaced_and_the_points_stay(api: Api):
    paired = claim(api, "NEW-1", "c1", label="La rouge")
    assert (paired.status_code, paired.json["label"], paired.json["points"]) == (201, "La rouge", 0)
    assert claim(api, "NEW-1", "c1", label="La rouge").json == paired.json
    api.earn(3)
    with api.owner.begin() as connection:
        deposit(connection, api.town, badge="NEW-1", items=2, now=api.now)
    assert api.call("citizen", "GET", "/citizen/wallet").json["points"] == 5
    path = f"/citizen/cards/{paired.json['card_id']}"
    replaced = api.call("citizen", "POST", f"{path}/replacement", key="r1", json={"card": "NEW-2"})
    assert replaced.status_code == 201
    states = {each["card_id"]: each["state"] for each in api.call("citizen", "GET", "/citizen/cards").json["items"]}
    assert states[paired.json["card_id"]] == "blocked"
    assert states[replaced.json["card_id"]] == "active"
    with api.owner.begin() as connection:
        deposit(connection, api.town, badge="NEW-1", items=9, now=api.now)
        deposit(connection, api.town, badge="NEW-2", items=1, now=api.now)
    assert api.call("citizen", "GET", "/citizen/wallet").json["points"] == 6
    assert_problem(claim(api, "NEW-1", "c2"), 409, "card_blocked")
    again = f"/citizen/cards/{replaced.json['card_id']}/block"
    assert [api.call("citizen", "POST", again).json["state"] for _ in range(2)] == ["blocked", "blocked"]


def test_card_nobody_registered_brings_its_points_and_somebody_s_own_is_refused(api: Api):
    other = add_citizen(api, "bob")
    with api.owner.begin() as connection:
        build_citizen(connection, api.town, badge="LOOSE")
        deposit(connection, api.town, badge="LOOSE", items=7, now=api.now)
    before = api.call(other, "GET", "/citizen/wallet").json["points"]
    assert claim(api, "LOOSE", "l", who=other).json["points"] == 7
    assert api.call(other, "GET", "/citizen/wallet").json["points"] == before + 7
    claim(api, "ADA-CARD", "own")
    untouched = api.ledger()
    assert_problem(claim(api, "LOOSE", "l2"), 409, "badge_taken")
    card_id = api.call(other, "GET", "/citizen/cards").json["items"][0]["card_id"]
    for path in ("block", "replacement"):
        answer = api.call("citizen", "POST", f"/citizen/cards/{card_id}/{path}", key="x", json={"card": "ABCD"})
        assert_problem(answer, 404, "card_unknown")
    assert api.ledger() == untouched


def test_cards_cannot_be_tried_out_and_an_authority_can_keep_them_for_the_town_hall(api: Api):
    token = add_citizen(api, "eve")
    for n in range(CLAIMED_BY_CITIZEN.most):
        assert_problem(claim(api, "ADA-CARD", f"k{n}", who=token), 409, "badge_taken")
    refused = claim(api, "FREE-CARD", "k9", who=token)
    assert_problem(refused, 429, "too_many_tries")
    assert int(refused.headers["Retry-After"]) > 86_000
    rules = api.call("authority", "GET", "/authority/citizen-rules")
    change = {"sign_up_is_open": True, "claiming_is_open": False}
    tag = {"If-Match": rules.headers["ETag"]}
    changed = api.call("authority", "PUT", "/authority/citizen-rules", json=change, headers=tag)
    assert changed.json == change
    stale = api.call("authority", "PUT", "/authority/citizen-rules", json=change, headers=tag)
    assert_problem(stale, 412, "precondition_failed")
    assert_problem(claim(api, "FREE-CARD", "k10"), 403, "claiming_closed")
    tag = {"If-Match": changed.headers["ETag"]}
    assert api.call("authority", "PUT", "/authority/citizen-rules", json=rules.json, headers=tag).json == rules.json


def test_an_answer_given_again_costs_no_try(api: Api):
    token = add_citizen(api, "ida")
    first = claim(api, "IDA-2", "first", who=token)
    for _ in range(CLAIMED_BY_CITIZEN.most):
        assert claim(api, "IDA-2", "first", who=token).json == first.json
    assert claim(api, "IDA-3", "second", who=token).status_code == 201
    tries = [claim(api, "ADA-CARD", f"k{n}", who=token) for n in range(CLAIMED_BY_CITIZEN.most)]
    assert [each.status_code for each in tries[-3:]] == [409, 429, 429]


def test_household_is_joined_by_a_code_shared_and_left(api: Api):
    joining = add_citizen(api, "zoe")
    with api.owner.begin() as connection:
        deposit(connection, api.town, badge="ZOE", items=20, now=api.now)
    points = api.call("citizen", "GET", "/citizen/wallet").json["points"]
    name = api.call(joining, "GET", "/citizen/profile")
    assert name.json == {"email": "zoe@example.org", "display_name": None}
    tag = {"If-Match": name.headers["ETag"]}
    renamed = api.call(joining, "PATCH", "/citizen/profile", json={"display_name": "Zoé"}, headers=tag)
    assert renamed.json["display_name"] == "Zoé"
    assert_problem(
        api.call(joining, "PATCH", "/citizen/profile", json={"display_name": None}, headers=tag),
        412,
        "precondition_failed",
    )
    code = api.call("citizen", "POST", "/citizen/household/invitations").json["code"]
    path = "/citizen/household/memberships"
    wrong = api.call(joining, "POST", path, key="w", json={"code": "00000000"})
    assert_problem(wrong, 404, "invitation_unknown")
    joined = api.call(joining, "POST", path, key="j", json={"code": code.lower()})
    assert (joined.status_code, joined.json) == (201, {"points": 20})
    for _ in range(TRIES.most):
        assert api.call(joining, "POST", path, key="j", json={"code": code.lower()}).json == {"points": 20}
    assert api.call("citizen", "GET", "/citizen/wallet").json["points"] == points + 20
    members = api.call("citizen", "GET", "/citizen/household/members").json["items"]
    assert [(each["display_name"], each["is_self"]) for each in members] == [(None, True), ("Zoé", False)]
    left = api.call(joining, "POST", "/citizen/household/departure", key="d").json
    assert left == {"points": (points + 20) // 2}
    alone = api.call(joining, "POST", "/citizen/household/departure", key="d2")
    assert_problem(alone, 409, "wallet_not_shared")
    assert EMAIL not in str(members)
