"""Every operation against everybody who may call, read off the map of addresses; and one authority against another."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.routing import AnyConverter, IntegerConverter

from partners_api.app import BLUEPRINTS
from partners_api.operations import Caller
from rewards.access import RANK
from rewards.schema.access import ROLES, SCOPES
from tests.api_client import EMAIL, Api, assert_problem, start_api
from tests.databases import Database
from tests.factories import build_key, open_session_for

SOME_ID = "0190a0b0-0000-7000-8000-000000000000"
PERIOD = "from=2026-11-01&to=2026-11-30"
CALLERS = {f"{blueprint.name}.{name}": who for blueprint in BLUEPRINTS for name, who in blueprint.callers.items()}
DOORS = ("credentials_missing", "credentials_refused", "audience_wrong", "role_insufficient", "scope_missing")
UNDOCUMENTED = ("openapi.json",)


@dataclass(frozen=True)
class Route:
    """One operation with an address that could be one of its own."""

    method: str
    path: str
    caller: Caller

    @property
    def ends_sessions(self) -> bool:
        return self.method == "DELETE" or self.path.endswith(("/revocation", "/erasure"))


def list_routes(api: Api) -> list[Route]:
    """List every operation the application answers at; each must say who may call it."""
    adapter = api.app.url_map.bind("localhost")
    return [
        Route(method, path_to(adapter, rule, method), CALLERS[rule.endpoint])
        for rule in api.app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and not rule.rule.endswith(UNDOCUMENTED)
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
    ]


def path_to(adapter: Any, rule: Any, method: str) -> str:
    """Return an address of the rule, as the client under test takes it."""
    return str(adapter.build(rule.endpoint, values_for(rule), method=method)).removeprefix("/api/v1")


def values_for(rule: Any) -> dict[str, Any]:
    """Return something for each variable part of an address."""
    samples = {"UUIDConverter": SOME_ID, "DateConverter": "2026-11-01"}
    kinds = rule._converters
    least = {name: kinds[name].min or 1 for name in rule.arguments if isinstance(kinds[name], IntegerConverter)}
    chosen = {name: min(kind.items) for name, kind in kinds.items() if isinstance(kind, AnyConverter)}
    return {name: samples.get(type(kinds[name]).__name__, "some-name") for name in rule.arguments} | least | chosen


@pytest.fixture
def api(database: Database, keyring, now) -> Api:
    return start_api(database, keyring, now)


def give_tokens(api: Api) -> None:
    """Give a token to everybody who can be told apart at the door."""
    with api.owner.begin() as connection:
        for role in ROLES:
            api.tokens[role] = build_key(connection, api.town, "authority", role=role)
        for scope in SCOPES:
            api.tokens[scope] = build_key(connection, api.town, scopes=[scope])


def refusal_of(who: str, caller: Caller) -> str | None:
    """Return the code somebody is refused with at the door; None lets them in."""
    audience = {**dict.fromkeys(ROLES, "authority"), **dict.fromkeys(SCOPES, "shop")}.get(who, who)
    if caller.audience is None:
        return None
    if caller.audience != audience:
        return "audience_wrong"
    if caller.role and RANK.get(who, 3) < RANK[caller.role]:
        return "role_insufficient"
    return "scope_missing" if caller.scope and who in SCOPES and who != caller.scope else None


def cells(api: Api) -> Iterator[tuple[Route, str, str | None]]:
    """Yield each operation with each caller; what ends sessions last."""
    for route in sorted(list_routes(api), key=lambda route: route.ends_sessions):
        for who in api.tokens:
            yield route, who, refusal_of(who, route.caller)


def test_each_operation_is_open_to_those_it_is_for_alone(api: Api):
    give_tokens(api)
    before = api.ledger()
    for route in list_routes(api):
        if route.caller.audience is not None:
            assert_problem(api.call(None, route.method, route.path), 401, "credentials_missing")
            for token in ("nonsense", f"{api.town.slug}.nonsense", "operator.nonsense", "é.é", "\x00.x", "."):
                headers = {"Authorization": f"Bearer {token}"}
                assert_problem(api.call(None, route.method, route.path, headers=headers), 401, "credentials_refused")
    for route, who, refusal in cells(api):
        if refusal is not None:
            assert_problem(api.call(who, route.method, route.path), 403, refusal)
    assert api.ledger() == before


def test_and_those_it_is_for_come_in(api: Api):
    give_tokens(api)
    for route, who, refusal in cells(api):
        if refusal is None:
            if route.ends_sessions and who == "citizen":
                with api.owner.begin() as connection:
                    api.tokens[who] = open_session_for(connection, api.town, EMAIL, now=api.now)
            answer = api.call(who, route.method, route.path)
            assert answer.status_code < 500, (route, answer.text)
            assert answer.status_code < 400 or answer.json["code"] not in DOORS, (route, who, answer.text)


def test_all_audiences_and_ranks_are_in_the_matrix(api: Api):
    seen = {route.caller.audience for route in list_routes(api)}
    assert {"citizen", "shop", "authority", None} <= seen


def test_one_authority_sees_and_moves_nothing_of_another(database: Database, keyring, now):
    here, there = start_api(database, keyring, now, town_no=1), start_api(database, keyring, now, town_no=2)
    here.earn(25)
    voucher = here.buy()
    before = here.ledger()
    path = f"/citizen/vouchers/{voucher['voucher_id']}"
    assert there.call("citizen", "GET", "/citizen/wallet").json["points"] == 0
    assert there.call("citizen", "GET", "/citizen/statement").json["items"] == []
    assert there.call("citizen", "GET", "/citizen/vouchers").json["items"] == []
    assert_problem(there.call("citizen", "GET", path), 404, "voucher_unknown")
    assert_problem(there.call("citizen", "POST", f"{path}/cancellation", key="k"), 404, "voucher_unknown")
    order = {"offer_id": str(here.town.offer_id)}
    assert_problem(there.call("citizen", "POST", "/citizen/vouchers", key="k", json=order), 404, "offer_unknown")
    for route in ("vouchers/lookup", "redemptions"):
        entered = {"code": voucher["code"]}
        assert_problem(there.call("shop", "POST", f"/shop/{route}", key="k", json=entered), 404, "voucher_unknown")
    figures = there.call("authority", "GET", f"/authority/figures/deposits?{PERIOD}").json
    assert (figures["rows"], figures["total"]["active_citizens"]) == ([], 0)
    assert here.ledger() == before
    # The token names its authority: the same secret behind another name is nobody's.
    secret = here.tokens["citizen"].partition(".")[2]
    assert_problem(here.call(f"town-2.{secret}", "GET", "/citizen/wallet"), 401, "credentials_refused")
