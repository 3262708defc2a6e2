"""A citizen gives points to a cause or to a collective goal, and reads what became of them."""

import datetime
import uuid

import pytest

from rewards.causes import end_cause
from rewards.goals import close_goal, give_back
from tests.api_client import Api, assert_problem, start_api
from tests.databases import Database
from tests.factories import build_cause, build_goal

DAY = datetime.timedelta(days=1)


@pytest.fixture
def api(database: Database, keyring, now) -> Api:
    api = start_api(database, keyring, now)
    api.earn(30)
    return api


@pytest.fixture
def cause(api: Api) -> str:
    with api.owner.begin() as connection:
        return str(build_cause(connection, api.town, rna="W751234567", hundred_points_cents=50))


@pytest.fixture
def goal(api: Api, cause: str) -> str:
    with api.owner.begin() as connection:
        return str(
            build_goal(connection, api.town, target_points=20, ends_at=api.now + DAY, to_cause_id=uuid.UUID(cause))
        )


def give(api: Api, to: str, points: object, *, key: str = "give-1"):
    return api.call("citizen", "POST", f"/citizen/{to}/donations", key=key, json={"points": points})


def balance(api: Api) -> int:
    return api.call("citizen", "GET", "/citizen/wallet").json["points"]


def test_citizen_gives_points_to_a_cause_once_however_often_it_is_sent(api: Api, cause: str):
    [listed] = api.call("citizen", "GET", "/citizen/causes").json["items"]
    assert listed == {
        "cause_id": cause,
        "name": "Potagers",
        "description": "Gardens in town",
        "siret": None,
        "rna": "W751234567",
        "hundred_points_cents": 50,
        "funder": "Town-1",
        "points": 0,
    }
    answer = give(api, f"causes/{cause}", 12)
    assert (answer.status_code, answer.json["points"], answer.json["to_cause_id"]) == (201, 12, cause)
    assert give(api, f"causes/{cause}", 12).json == answer.json
    assert balance(api) == 18
    assert_problem(give(api, f"causes/{cause}", 13), 422, "idempotency_key_reused")
    assert_problem(give(api, f"causes/{uuid.uuid4()}", 12), 422, "idempotency_key_reused")
    assert balance(api) == 18
    line = api.call("citizen", "GET", "/citizen/statement").json["items"][0]
    assert (line["kind"], line["points"], line["sentence"]) == ("donated", -12, "Don à « Potagers » : 12 points donnés")
    assert line["donation"] == {
        "donation_id": answer.json["donation_id"],
        "receiver": "cause",
        "name": "Potagers",
        "points": 12,
    }


def test_citizen_gives_to_a_goal_at_most_what_it_misses(api: Api, goal: str, cause: str):
    answer = give(api, f"goals/{goal}", 15)
    assert (answer.status_code, answer.json["points"], answer.json["to_goal_id"]) == (201, 15, goal)
    [listed] = api.call("citizen", "GET", "/citizen/goals").json["items"]
    assert (listed["points"], listed["share_percent"], listed["givers"]) == (15, 75, None)
    assert (listed["group_kind"], listed["cause_id"], listed["state"]) == ("school", cause, "open")
    assert give(api, f"goals/{goal}", 15, key="give-2").json["points"] == 5
    assert balance(api) == 10
    assert_problem(give(api, f"goals/{goal}", 1, key="give-3"), 409, "goal_not_open")


def test_points_of_a_missed_goal_come_back_and_are_explained(api: Api, goal: str):
    give(api, f"goals/{goal}", 15)
    with api.owner.begin() as connection:
        close_goal(connection, uuid.UUID(goal), authority_id=1, now=api.now)
        give_back(connection, authority_id=1, now=api.now + DAY)
    assert balance(api) == 30
    line = api.call("citizen", "GET", "/citizen/statement?lang=en").json["items"][0]
    assert (line["kind"], line["sentence"]) == (
        "donation_returned",
        "Collective goal “An orchard” was missed: 15 points returned",
    )


def test_what_is_refused_changes_nothing(api: Api, cause: str, goal: str):
    before = api.ledger()
    problem = assert_problem(give(api, f"causes/{cause}", 31), 409, "points_insufficient")
    assert problem["detail"] == "31 points are needed; 30 can be spent."
    assert_problem(give(api, f"causes/{uuid.uuid4()}", 1), 404, "cause_unknown")
    assert_problem(give(api, f"goals/{uuid.uuid4()}", 1), 404, "goal_unknown")
    for points in (0, -1, 1.5, "3", 10**9):
        assert_problem(give(api, f"goals/{goal}", points), 422, "request_invalid")
    with api.owner.begin() as connection:
        end_cause(connection, uuid.UUID(cause), authority_id=1)
    assert_problem(give(api, f"causes/{cause}", 1), 409, "cause_not_active")
    assert api.call("citizen", "GET", "/citizen/causes").json == {"items": [], "next": None}
    assert api.ledger() == before
