"""Strangers sign up with a code, sessions are listed and ended, and whoever tries too often waits."""

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, text

from rewards.sign_in_limits import ASKED_BY_NETWORK, ASKED_OF_ACCOUNT, ENTERED_AT_AUTHORITY, ENTERED_BY_NETWORK
from tests.api_client import EMAIL, Api, assert_problem, start_api
from tests.databases import DatabasePool
from tests.factories import open_session_for
from tests.ingest_scene import KEYRING

NOON = datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC)
WHILE = datetime.timedelta(minutes=10)


@pytest.fixture(scope="module")
def town(databases: DatabasePool) -> Iterator[Api]:
    with databases.lend() as database:
        yield start_api(database, KEYRING, NOON)


@pytest.fixture
def api(town: Api) -> Api:
    """The town some time later: no limit of an earlier test is left."""
    town.now += WHILE
    town.sent.clear()
    return town


def ask(api: Api, email: str, *, to: str = "sign-ups", network: str = "127.0.0.1"):
    asked = {"authority": api.town.slug, "email": email}
    return api.call(None, "POST", f"/citizen/{to}", json=asked, environ_overrides={"REMOTE_ADDR": network})


def enter(api: Api, sign_in_id: str, code: str, *, network: str = "127.0.0.1", **more: str):
    asked = {"authority": api.town.slug, "sign_in_id": sign_in_id, "code": code, **more}
    return api.call(None, "POST", "/citizen/sessions", json=asked, environ_overrides={"REMOTE_ADDR": network})


def count(api: Api, table: str) -> int:
    with api.owner.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_stranger_is_made_a_citizen_when_the_code_is_entered_and_not_before(api: Api):
    before = count(api, "citizens")
    answer = ask(api, "Grace@Example.org")
    assert (answer.status_code, list(answer.json)) == (202, ["sign_in_id"])
    [(email, code, _)] = api.sent
    assert (email, count(api, "citizens")) == ("grace@example.org", before)
    session = enter(api, answer.json["sign_in_id"], code)
    assert session.status_code == 201
    assert api.call(session.json["token"], "GET", "/citizen/wallet").json["points"] == 0
    assert count(api, "citizens") == before + 1
    assert_problem(enter(api, answer.json["sign_in_id"], code), 403, "sign_in_code_refused")
    again = ask(api, "grace@example.org", to="sign-ins")
    assert enter(api, again.json["sign_in_id"], api.sent[-1][1]).status_code == 201
    assert count(api, "citizens") == before + 1


def test_known_address_gets_the_same_answer_and_signs_in(api: Api):
    before = count(api, "citizens")
    known, unknown = ask(api, EMAIL), ask(api, "somebody@example.org")
    assert (known.status_code, known.json.keys()) == (unknown.status_code, unknown.json.keys())
    assert list(known.headers.keys()) == list(unknown.headers.keys())
    assert [email for email, *_ in api.sent] == [EMAIL, "somebody@example.org"]
    assert enter(api, known.json["sign_in_id"], api.sent[0][1]).status_code == 201
    assert count(api, "citizens") == before


def test_known_and_unknown_addresses_cost_the_same_statements(api: Api):
    seen: list[str] = []
    engine = api.app.extensions["bontri"].engine

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    event.listen(engine, "before_cursor_execute", note)
    statements = []
    for to in ("sign-ins", "sign-ups"):
        for email in (EMAIL, f"nobody-{to}@example.org"):
            seen.clear()
            ask(api, email, to=to)
            statements.append(list(seen))
    event.remove(engine, "before_cursor_execute", note)
    assert statements[0] == statements[1] != statements[2] == statements[3]


def test_two_codes_of_one_stranger_make_one_citizen(api: Api):
    before = count(api, "citizens")
    ids = [ask(api, "twice@example.org").json["sign_in_id"] for _ in range(2)]
    tokens = [enter(api, each, sent[1]).json["token"] for each, sent in zip(ids, api.sent, strict=True)]
    assert count(api, "citizens") == before + 1
    listed = api.call(tokens[0], "GET", "/citizen/sessions").json["items"]
    assert len(listed) == 2


def test_blocked_citizen_cannot_come_back_by_signing_up(api: Api):
    before = count(api, "citizens")
    first = ask(api, "blocked@example.org").json["sign_in_id"]
    enter(api, first, api.sent[0][1])
    with api.owner.begin() as connection:
        connection.execute(text("UPDATE citizens SET state = 'blocked' WHERE created_at = :now"), {"now": api.now})
    assert ask(api, "blocked@example.org").status_code == 202
    assert len(api.sent) == 1
    assert count(api, "citizens") == before + 1


def test_authority_can_close_signing_up_and_known_ones_still_sign_in(api: Api):
    change = text("UPDATE authorities SET sign_up_is_open = :is_open WHERE authority_id = 1")
    with api.owner.begin() as connection:
        connection.execute(change, {"is_open": False})
    try:
        for email in (EMAIL, "late@example.org"):
            assert_problem(ask(api, email), 403, "sign_up_closed")
        assert ask(api, EMAIL, to="sign-ins").status_code == 202
        assert [email for email, *_ in api.sent] == [EMAIL]
    finally:
        with api.owner.begin() as connection:
            connection.execute(change, {"is_open": True})


def test_addresses_are_limited_alike_whether_or_not_somebody_has_them(api: Api):
    for email in (EMAIL, "unheard@example.org"):
        answers = [ask(api, email, to="sign-ins") for _ in range(ASKED_OF_ACCOUNT.most + 1)]
        assert [answer.status_code for answer in answers] == [202] * ASKED_OF_ACCOUNT.most + [429]
        assert_problem(answers[-1], 429, "too_many_tries")
        assert 0 < int(answers[-1].headers["Retry-After"]) <= WHILE.total_seconds() + 1
    api.now += WHILE
    assert ask(api, EMAIL, to="sign-ins").status_code == 202


def test_a_network_is_limited_and_its_neighbours_are_not(api: Api):
    with api.owner.begin() as connection:
        connection.execute(text("UPDATE limited_tries SET tries = 0"))
    here = [ask(api, f"a{n}@example.org", to="sign-ins", network=f"2001:db8:0:{n:x}::1") for n in range(1, 32)]
    assert [answer.status_code for answer in here] == [202] * ASKED_BY_NETWORK.most + [429]
    assert ask(api, "b@example.org", to="sign-ins", network="2001:db8:0:100::1").status_code == 202
    assert ask(api, "b@example.org", to="sign-ins").status_code == 202
    # The refused one cost the address and the authority nothing.
    with api.owner.connect() as connection:
        most = connection.scalar(text("SELECT max(tries) FROM limited_tries WHERE most = 2000"))
    assert most == ASKED_BY_NETWORK.most + 2


def test_wrong_codes_are_limited_by_network_and_authority_and_right_ones_cost_nothing(api: Api):
    sign_in_id = ask(api, EMAIL, to="sign-ins").json["sign_in_id"]
    assert enter(api, sign_in_id, api.sent[0][1], network="203.0.113.7").status_code == 201
    nobody = "0190a0b0-0000-7000-8000-000000000000"
    for _ in range(ENTERED_BY_NETWORK.most):
        assert_problem(enter(api, nobody, "00000000", network="203.0.113.7"), 403, "sign_in_code_refused")
    assert_problem(enter(api, nobody, "00000000", network="203.0.113.7"), 429, "too_many_tries")
    assert_problem(enter(api, nobody, "00000000", network="203.0.113.8"), 403, "sign_in_code_refused")
    with api.owner.begin() as connection:
        connection.execute(
            text("UPDATE limited_tries SET tries = most WHERE most = :most"), {"most": ENTERED_AT_AUTHORITY.most}
        )
    assert_problem(enter(api, nobody, "00000000", network="203.0.113.9"), 429, "too_many_tries")
    # Agents are counted apart.
    wrong = {"authority": api.town.slug, "sign_in_id": nobody, "code": "00000000"}
    from_there = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.9"}}
    agents = api.call(None, "POST", "/authority/sessions", json=wrong, **from_there)
    assert_problem(agents, 403, "sign_in_code_refused")


def test_sessions_are_listed_and_ended_one_by_one_or_all_others(api: Api):
    first = ask(api, "many@example.org").json["sign_in_id"]
    tokens = [enter(api, first, api.sent[0][1], label="Téléphone de Léa").json["token"]]
    for _ in range(3):
        asked = ask(api, "many@example.org", to="sign-ins").json["sign_in_id"]
        tokens.append(enter(api, asked, api.sent[-1][1]).json["token"])
    listed = api.call(tokens[0], "GET", "/citizen/sessions").json["items"]
    assert [each["label"] for each in listed] == [None, None, None, "Téléphone de Léa"]
    assert [each["is_current"] for each in listed] == [False, False, False, True]
    assert {each["used_on"] for each in listed} == {api.now.date().isoformat()}
    newest = f"/citizen/sessions/{listed[0]['session_id']}"
    # Somebody else's session is nobody's.
    assert_problem(api.call("citizen", "DELETE", newest), 404, "session_unknown")
    assert api.call(tokens[0], "DELETE", newest).status_code == 204
    assert_problem(api.call(tokens[0], "DELETE", newest), 404, "session_unknown")
    assert_problem(api.call(tokens[3], "GET", "/citizen/wallet"), 401, "credentials_refused")
    assert api.call(tokens[0], "POST", "/citizen/sessions/revocation").json == {"revoked": 2}
    assert_problem(api.call(tokens[1], "GET", "/citizen/wallet"), 401, "credentials_refused")
    assert len(api.call(tokens[0], "GET", "/citizen/sessions").json["items"]) == 1
    assert len(api.call("citizen", "GET", "/citizen/sessions").json["items"]) >= 1
    with api.owner.connect() as connection:
        stored = str(connection.execute(text("SELECT * FROM sessions")).all())
    assert "Léa" not in stored
    for label in ("", "\x00", "two\nlines", "\ud800", "x" * 41):
        assert_problem(enter(api, first, "00000000", label=label), 422, "request_invalid")


def test_use_is_noted_once_a_day(api: Api):
    with api.owner.begin() as connection:
        token = open_session_for(connection, api.town, EMAIL, now=api.now)
    api.now += datetime.timedelta(days=2)
    for _ in range(2):
        listed = api.call(token, "GET", "/citizen/sessions").json["items"]
        [current] = [each for each in listed if each["is_current"]]
        assert current["used_on"] == api.now.date().isoformat()
