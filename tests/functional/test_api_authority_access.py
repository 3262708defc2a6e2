"""How agents come in: sign-in by code, sessions that end, roles at once, cookies that other sites cannot use."""

import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, text

from rewards import agents
from rewards.agents import LastAdminError, change_agent, get_agent, invite_agent
from tests.api_client import Api, assert_problem, start_api
from tests.databases import Database
from tests.factories import build_key
from tests.operator_commands import code_of, run, succeed
from tests.races import race

HOUR = datetime.timedelta(hours=1)
EMAIL = "Ada@town.example"
OWN = {"Origin": "https://localhost", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def api(database: Database, keyring, now) -> Api:
    api = start_api(database, keyring, now)
    with api.owner.begin() as connection:
        invite(connection, api, "Ada", EMAIL, "admin")
    return api


def invite(connection: Connection, api: Api, name: str, email: str, role: Any) -> Any:
    who = {"authority_id": api.town.authority_id, "name": name, "email": email, "role": role}
    return invite_agent(connection, api.town.keyring, **who, now=api.now)


def enter(api: Api, email: str = EMAIL, *, headers: dict[str, str] | None = None, **options: Any) -> Any:
    """Sign in with the code that was sent; return the answer."""
    asked = {"authority": api.town.slug, "email": email}
    begun = api.call(None, "POST", "/authority/sign-ins", json=asked)
    code = {"authority": api.town.slug, "sign_in_id": begun.json["sign_in_id"], "code": api.sent[-1][1], **options}
    return api.call(None, "POST", "/authority/sessions", json=code, headers=headers)


def test_agent_signs_in_by_code_and_is_let_in(api: Api):
    unknown = {"authority": api.town.slug, "email": "nobody@town.example"}
    assert api.call(None, "POST", "/authority/sign-ins", json=unknown).json.keys() == {"sign_in_id"}
    assert api.sent == []
    token = enter(api).json["token"]
    assert api.sent[0][0] == EMAIL.lower()
    me = api.call(token, "GET", "/authority/me").json
    assert (me["name"], me["role"], me["is_agent"]) == ("Ada", "admin", True)
    assert api.call("authority", "GET", "/authority/me").json["name"] == "program test"
    assert_problem(api.call(token, "GET", "/citizen/wallet"), 403, "audience_wrong")
    [session] = api.call(token, "GET", "/authority/sessions").json["items"]
    assert api.call(token, "DELETE", "/authority/session").status_code == 204
    assert_problem(api.call(token, "GET", "/authority/me"), 401, "credentials_refused")
    other = enter(api).json["token"]
    gone = f"/authority/sessions/{session['session_id']}"
    assert_problem(api.call(other, "DELETE", gone), 404, "session_unknown")


def test_code_of_an_agent_opens_no_session_of_a_citizen_and_the_other_way_round(api: Api):
    for mine, theirs, email in (("authority", "citizen", EMAIL), ("citizen", "authority", "ada@example.org")):
        begun = api.call(None, "POST", f"/{mine}/sign-ins", json={"authority": api.town.slug, "email": email})
        code = {"authority": api.town.slug, "sign_in_id": begun.json["sign_in_id"], "code": api.sent[-1][1]}
        assert_problem(api.call(None, "POST", f"/{theirs}/sessions", json=code), 403, "sign_in_code_refused")
        assert api.call(None, "POST", f"/{mine}/sessions", json=code).status_code == 201


def test_sixth_code_within_ten_minutes_is_not_sent(api: Api):
    for _ in range(7):
        api.call(None, "POST", "/authority/sign-ins", json={"authority": api.town.slug, "email": EMAIL})
    assert len(api.sent) == 5


def test_session_goes_on_while_it_is_used_for_fourteen_days(api: Api):
    token, start = enter(api).json["token"], api.now
    for hours in range(11, 14 * 24, 11):
        api.now = start + hours * HOUR
        assert api.call(token, "GET", "/authority/me").status_code == 200
    api.now = start + 14 * 24 * HOUR
    assert_problem(api.call(token, "GET", "/authority/me"), 401, "credentials_refused")


def test_session_nobody_uses_ends_after_twelve_hours(api: Api):
    token, start = enter(api).json["token"], api.now
    api.now = start + 12 * HOUR
    assert_problem(api.call(token, "GET", "/authority/me"), 401, "credentials_refused")


def test_blocked_agent_is_out_at_once_and_old_sessions_stay_closed(api: Api):
    with api.owner.begin() as connection:
        bob = invite(connection, api, "Bob", "bob@town.example", "admin")
    ada, token = enter(api).json["token"], enter(api, "bob@town.example").json["token"]
    path = f"/authority/agents/{bob}"
    program = api.call(token, "POST", "/authority/api-keys", json={"label": "his", "role": "admin"}).json["secret"]
    made = api.call(program, "POST", "/authority/api-keys", json={"label": "with it", "role": "viewer"}).json
    till = f"/authority/shops/{api.town.shop.shop_id}/api-keys"
    till_key = api.call(token, "POST", till, json={"label": "till"}).json["secret"]
    listed = api.call(ada, "GET", "/authority/api-keys").json["items"]
    assert [each["made_by_agent_id"] for each in listed[:3]] == [str(bob)] * 3
    hers = api.call(ada, "POST", "/authority/api-keys", json={"label": "hers", "role": "viewer"}).json["secret"]
    for state in ("blocked", "active"):
        etag = api.call(ada, "GET", path).headers["ETag"]
        changed = api.call(ada, "PATCH", path, json={"state": state}, headers={"If-Match": etag})
        assert changed.json["state"] == state
        for gone in (token, program, made["secret"]):
            assert_problem(api.call(gone, "GET", "/authority/me"), 401, "credentials_refused")
    # What is in a shop's hands, or another's, goes on.
    assert api.call(till_key, "GET", "/shop/me").status_code == 200
    assert api.call(hers, "GET", "/authority/me").status_code == 200
    etag = api.call(ada, "GET", path).headers["ETag"]
    viewer = api.call(ada, "PATCH", path, json={"role": "viewer"}, headers={"If-Match": etag})
    assert viewer.json["role"] == "viewer"
    again = enter(api, "bob@town.example").json["token"]
    assert_problem(api.call(again, "GET", "/authority/agents"), 403, "role_insufficient")
    late = api.call(ada, "PATCH", path, json={"role": "admin"}, headers={"If-Match": etag})
    assert_problem(late, 412, "precondition_failed")


def test_agents_are_invited_once_and_their_addresses_are_not_stored_plainly(api: Api):
    said = {"name": "Bob", "email": "bob@town.example", "role": "manager"}
    first = api.call("authority", "POST", "/authority/agents", key="b", json=said)
    assert (first.status_code, first.json["email"]) == (201, said["email"])
    taken = api.call("authority", "POST", "/authority/agents", key="c", json=said | {"email": "BOB@town.example"})
    assert_problem(taken, 409, "agent_email_taken")
    with api.owner.connect() as connection:
        stored = str(connection.execute(text("SELECT * FROM agents")).all())
    assert "bob@" not in stored


def two_admins(api: Api) -> list[Any]:
    with api.owner.begin() as connection:
        invite(connection, api, "Bob", "bob@town.example", "admin")
        return list(connection.scalars(text("SELECT agent_id FROM agents ORDER BY agent_id")))


def count_admins(api: Api) -> int:
    with api.owner.connect() as connection:
        admins = "SELECT count(*) FROM agents WHERE role = 'admin' AND state = 'active'"
        return int(connection.execute(text(admins)).scalar_one())


def test_two_admins_who_block_each_other_leave_one(api: Api, database: Database):
    both = two_admins(api)

    def block_the_other(connection: Connection, number: int) -> None:
        who = {"authority_id": api.town.authority_id, "state": "blocked", "now": api.now}
        change_agent(connection, both[number], **who)

    assert race(database.engine("bontri_agent", of=1), block_the_other, 2) == {"done": 1, "last_admin": 1}
    assert count_admins(api) == 1


def test_control_without_taking_turns_no_admin_is_left(api: Api, database: Database, monkeypatch: pytest.MonkeyPatch):
    first, second = two_admins(api)
    monkeypatch.setattr(agents, "LOCK", text("SELECT :authority_id, CAST(:agent_id AS uuid)"))
    who = {"authority_id": api.town.authority_id, "role": "viewer", "now": api.now}
    engine = database.engine("bontri_agent", of=1)
    with engine.begin() as one, engine.begin() as another:
        change_agent(one, first, **who)
        change_agent(another, second, **who)
    assert count_admins(api) == 0


@pytest.mark.parametrize("change", [{"role": "manager"}, {"state": "blocked"}])
def test_last_admin_stays_one(api: Api, change: dict[str, Any]):
    with api.owner.connect() as connection:
        [agent_id] = connection.scalars(text("SELECT agent_id FROM agents"))
        who = {"authority_id": api.town.authority_id}
        before = get_agent(connection, api.town.keyring, agent_id, **who)
        with pytest.raises(LastAdminError):
            change_agent(connection, agent_id, **who, **change, now=api.now)
        assert get_agent(connection, api.town.keyring, agent_id, **who) == before


def browse(api: Api, token: str, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> Any:
    """Send a request as a browser that has the cookie does."""
    sent = {"Cookie": f"__Host-bontri={token}", **(headers or {})}
    client = api.app.test_client(use_cookies=False)
    return client.open(f"/api/v1{path}", method=method, headers=sent, base_url="https://localhost", **options)


def test_session_of_a_browser_is_in_a_cookie_no_script_reads(api: Api):
    assert_problem(enter(api, as_cookie=True), 403, "cross_site_refused")
    answer = enter(api, as_cookie=True, headers=OWN)
    assert answer.json["token"] is None
    cookie = answer.headers["Set-Cookie"]
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    token = cookie.partition("=")[2].partition(";")[0]
    assert browse(api, token, "GET", "/authority/me").json["name"] == "Ada"
    assert_problem(browse(api, token, "GET", "/citizen/wallet"), 401, "credentials_missing")
    out = browse(api, token, "DELETE", "/authority/session", OWN)
    assert (out.status_code, out.headers["Set-Cookie"].partition(";")[0]) == (204, "__Host-bontri=")
    assert_problem(browse(api, token, "GET", "/authority/me"), 401, "credentials_refused")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "https://evil.example"},
        {"Origin": "https://localhost.evil.example"},
        {"Origin": "https://localhost", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://localhost", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin"},
    ],
)
def test_other_sites_cannot_use_the_cookie_of_a_browser(api: Api, headers: dict[str, str]):
    token, before = enter(api).json["token"], api.ledger()
    new = {"label": "evil", "role": "admin"}
    assert_problem(browse(api, token, "POST", "/authority/api-keys", headers, json=new), 403, "cross_site_refused")
    assert api.ledger() == before
    # Controls: a page of our own may, and so may a program that shows the same token.
    assert browse(api, token, "POST", "/authority/api-keys", OWN, json=new).status_code == 201
    assert api.call(token, "POST", "/authority/api-keys", headers=headers, json=new).status_code == 201


def test_viewers_read_and_managers_work(api: Api):
    with api.owner.begin() as connection:
        for role in ("viewer", "manager"):
            api.tokens[role] = build_key(connection, api.town, "authority", role=role)
    shop = {"name": "X", "address": "Y", "insee_code": "93001"}
    assert api.call("viewer", "GET", "/authority/shops").status_code == 200
    assert_problem(api.call("viewer", "POST", "/authority/shops", key="k", json=shop), 403, "role_insufficient")
    assert api.call("manager", "POST", "/authority/shops", key="k", json=shop).status_code == 201
    assert_problem(api.call("manager", "GET", "/authority/agents"), 403, "role_insufficient")


def test_commands_keep_agents(api: Api, database: Database):
    town = ("--authority", api.town.slug)
    added = succeed(database, "agents", "add", "Eve", *town, "--email", "eve@town.example", "--role", "viewer")
    eve = added.output.split()[0]
    assert "Eve <eve@town.example>" in succeed(database, "agents", "list", *town).output
    succeed(database, "agents", "role", eve, "admin", *town)
    assert "no session" in succeed(database, "agents", "block", eve, *town).output
    with api.owner.connect() as connection:
        ada = connection.execute(text("SELECT agent_id FROM agents WHERE role = 'admin' AND state = 'active'")).scalar()
    assert code_of(run(database, "agents", "block", ada, *town)) == "last_admin"
    assert run(database, "agents", "add", "X", *town, "--email", "no address").exit_code == 2
