"""A citizen disputes a movement of the statement, an agent decides, the citizen sees it."""

from uuid import UUID

import pytest

from rewards.corrections import approve_correction
from tests.api_client import Api, assert_problem, sign_agent_in, start_api
from tests.databases import Database


@pytest.fixture
def api(database: Database, keyring, now) -> Api:
    api = start_api(database, keyring, now)
    with api.owner.begin() as connection:
        api.tokens["ada"] = sign_agent_in(connection, api, "ada")
    return api


def test_dispute_goes_from_the_statement_to_the_agent_and_back(api: Api):
    api.earn(1)
    movement_id = api.call("citizen", "GET", "/citizen/statement").json["items"][0]["movement_id"]
    said = {"movement_id": movement_id, "reason": "points_missing", "words": "Treize,\nnon une =1"}
    opened = api.call("citizen", "POST", "/citizen/disputes", key="d", json=said)
    assert (opened.status_code, opened.json["state"], opened.json["words"]) == (201, "open", said["words"])
    assert api.call("citizen", "POST", "/citizen/disputes", key="d", json=said).json == opened.json
    assert_problem(api.call("citizen", "POST", "/citizen/disputes", key="e", json=said), 409, "dispute_exists")
    [listed] = api.call("authority", "GET", "/authority/disputes?state=open").json["items"]
    assert (listed["points"], listed["bin_id"], listed["words"]) == (1, api.town.bin_ids[0], said["words"])
    assert str(api.citizen.citizen_id) not in str(listed)
    path = f"/authority/disputes/{listed['dispute_id']}"
    decision = {"points": 12, "reason": "bin_fault", "note": "12 lost", "answer": "Vous avez raison"}
    before = api.ledger()
    for wrong in ({"reason": "hardship"}, {"points": 0}, {"answer": ""}, {"answer": "\x00"}):
        answer = api.call("authority", "POST", f"{path}/credit", key="w", json=decision | wrong)
        assert_problem(answer, 422, "request_invalid")
    assert api.ledger() == before
    assert_problem(api.call("authority", "POST", f"{path}/credit", key="p", json=decision), 403, "agent_required")
    assert api.ledger() == before
    accepted = api.call("ada", "POST", f"{path}/credit", key="a", json=decision)
    assert accepted.status_code == 201
    assert api.call("ada", "POST", f"{path}/credit", key="a", json=decision).json == accepted.json
    rejection = {"refusal": "other", "answer": "Non"}
    assert_problem(api.call("authority", "POST", f"{path}/rejection", json=rejection), 409, "dispute_decided")
    own = f"/citizen/disputes/{opened.json['dispute_id']}"
    shown = api.call("citizen", "GET", own).json
    assert (shown["state"], shown["correction_state"], shown["answer"]) == ("accepted", "requested", "Vous avez raison")
    with api.owner.begin() as connection:
        correction_id = UUID(accepted.json["correction_id"])
        approve_correction(connection, correction_id, authority_id=1, decided_by="grace", now=api.now)
    assert api.call("citizen", "GET", own).json["correction_state"] == "approved"
    line = api.call("citizen", "GET", "/citizen/statement?lang=fr").json["items"][0]
    assert (line["kind"], line["points"], line["credit"]) == (
        "points_credited",
        12,
        {"reason": "bin_fault", "points": 12},
    )
    assert api.call("citizen", "GET", "/citizen/wallet").json["points"] == 13


def test_rejected_dispute_says_why_and_a_credit_can_be_taken_back_by_one(api: Api):
    api.earn(5)
    movement_id = api.call("citizen", "GET", "/citizen/statement").json["items"][0]["movement_id"]
    said = {"movement_id": movement_id, "reason": "not_mine", "words": "Je n'y étais pas"}
    for number, answer in enumerate(("rejection", "reversal")):
        opened = api.call("citizen", "POST", "/citizen/disputes", key=f"d{number}", json=said).json
        path = f"/authority/disputes/{opened['dispute_id']}/{answer}"
        told = {"answer": "Voilà"}
        more = {"refusal": "as_recorded"} if answer == "rejection" else {"reason": "wrong_card", "note": "x"}
        status = api.call("ada", "POST", path, key=f"a{number}", json=told | more).status_code
        assert status == (204 if answer == "rejection" else 201)
        assert api.call("citizen", "GET", f"/citizen/disputes/{opened['dispute_id']}").json["answer"] == "Voilà"
    states = [each["state"] for each in api.call("citizen", "GET", "/citizen/disputes").json["items"]]
    assert states == ["accepted", "rejected"]
    # Nothing has moved: a second person has not looked at it yet.
    assert api.call("citizen", "GET", "/citizen/wallet").json["points"] == 5
