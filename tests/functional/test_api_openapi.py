"""The whole OpenAPI document: valid, complete, and true of the application."""

import datetime
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance
from sqlalchemy import create_engine

from bontri.documents.annual_reports import annual_report_as_pdf
from bontri.documents.public_reports import public_report_as_pdf
from bontri.documents.statements import statement_as_pdf
from partners_api.app import ApiConfig, create_app
from partners_api.principals import SECURITY_SCHEMES
from rewards.keyring import Keyring
from rewards.sessions import add_session
from tests.api_client import Api, start_api
from tests.api_scene import PREFIX, Scene, part_of, path_of
from tests.databases import DatabasePool

METHODS = ("get", "post", "delete", "put", "patch")

load_all_checks()
EXAMPLES = 4
CHECKED_OTHERWISE = [positive_data_acceptance, ignored_auth]
"""By the code an answer has, in place of its status; and for every caller, in test_api_access.py."""
OF_BAD_DATA = {
    "body_not_json",
    "idempotency_key_reused",
    "precondition_failed",
    "precondition_required",
    "request_invalid",
    "request_malformed",
}


@cache
def documented() -> dict[str, Any]:
    """Return the OpenAPI document, which nobody may change; building the application connects to nothing."""
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    secrets = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)
    app = create_app(
        ApiConfig(),
        engine=nowhere,
        agents_engine=nowhere,
        keyring=secrets,
        send_codes=print,
        render_statement=statement_as_pdf,
        render_annual_report=annual_report_as_pdf,
        render_public_report=public_report_as_pdf,
    )
    document: dict[str, Any] = app.test_client().get("/api/v1/openapi.json").json
    return document


def list_operations() -> list[tuple[str, str]]:
    """List (method, path) of every documented operation."""
    return [(method, path) for path, item in documented()["paths"].items() for method in item if method in METHODS]


@pytest.fixture(scope="module")
def api(databases: DatabasePool) -> Iterator[Api]:
    keyring = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)
    with databases.lend() as database:
        api = start_api(database, keyring, datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC))
        api.earn(100)
        yield api


@pytest.fixture(scope="module")
def scene(api: Api) -> Scene:
    scene = Scene(api)
    scene.begin()
    month = datetime.datetime(2026, 9, 10, 9, tzinfo=datetime.UTC)
    scene.grow(month)
    scene.note_ids(month)
    order = {"shop_id": str(api.town.shop.shop_id), "month": scene.facts["month"]}
    scene.facts["number"] = scene.do("agent", "POST", "/authority/statements", order)["number"]
    return scene


@pytest.fixture(scope="module")
def document(api: Api) -> Any:
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", api.app)


def token_for(api: Api, audience: str, method: str) -> str:
    """Return a token of an audience; one of its own for what may end it."""
    if audience == "citizen" and method == "delete":
        with api.owner.begin() as connection:
            # Not by a code, of which a citizen has five under way: requests made up for others have used them up.
            return add_session(
                connection,
                api.town.keyring,
                authority_id=api.town.authority_id,
                holder="citizen",
                holder_id=api.citizen.citizen_id,
                label=None,
                now=api.now,
            ).token
    return api.tokens[audience]


# What a schema cannot say: two good days are no good period when the second comes first, a note goes with one step.
SAYS_MORE_THAN_ITS_SCHEMA = (
    "figures",
    "exports",
    "publications/cells",
    "steps",
    "decision",
    "drafts",
    "corrections",
    "goals",
    "/authority/offers",
    "liability",
    "placements",
    "/shop/offers",
    "/shop/redemptions",
    "/shop/refusals",
)


@pytest.mark.parametrize(("method", "path"), list_operations())
def test_every_operation_answers_as_documented(scene: Scene, document: Any, method: str, path: str):
    operation = document[path][method]
    security = operation.definition.raw.get("security", [])
    audience = next(iter(security[0])) if security else None
    headers = {"Authorization": f"Bearer {token_for(scene.api, audience, method)}"} if audience else {}
    is_loose = any(part in path for part in SAYS_MORE_THAN_ITS_SCHEMA)
    statuses = []

    for mode in GenerationMode:

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        def hold(case):
            # Hypothesis falls back to good data where nothing can be made bad.
            sent = dict(headers)
            is_good = case.meta.generation.mode is GenerationMode.POSITIVE
            if is_good:
                sent |= make_meaningful(scene, case, headers)
            answer = case.call_and_validate(headers=sent, excluded_checks=CHECKED_OTHERWISE)
            statuses.append(answer.status_code)
            if is_good and answer.status_code >= 400:
                code = answer.json()["code"]
                assert code not in OF_BAD_DATA - ({"request_invalid"} if is_loose else set()), (case.body, answer.text)

        hold()
    inside = {200, 201, 202, 204, 403, 404, 409, 412} | ({422} if is_loose else set())
    assert set(statuses) & inside, "never got past the door"


def make_meaningful(scene: Scene, case: Any, headers: dict[str, str]) -> dict[str, str]:
    """Turn a good case to what is there; return its headers: a key of its own, and the tag of what is changed."""
    [known] = [
        each
        for each in scene.operations
        if (each.path, each.method) == (case.operation.path, case.operation.method.lower())
    ]
    for name in case.path_parameters:
        case.path_parameters[name] = str(part_of(scene, known, name))
    sent = {}
    if known.is_idempotent:
        case.headers.pop("Idempotency-Key", None)
        sent["Idempotency-Key"] = str(uuid.uuid4())
    if "428" in known.facts["responses"]:
        seen = scene.api.app.test_client().get(path_of(scene, known, PREFIX), headers=headers)
        sent["If-Match"] = seen.headers.get("ETag", "*")
    return sent


ENDS_WHAT_IT_NAMES = "it ends a thing for good, whatever was seen of it"
WITHOUT_A_TAG = {
    "authority_close_agent_session": ENDS_WHAT_IT_NAMES,
    "authority_revoke_agent_session": ENDS_WHAT_IT_NAMES,
    "authority_revoke_key": ENDS_WHAT_IT_NAMES,
    "citizen_close_citizen_session": ENDS_WHAT_IT_NAMES,
    "citizen_revoke_citizen_session": ENDS_WHAT_IT_NAMES,
    "citizen_take_back_citizen_erasure": ENDS_WHAT_IT_NAMES,
    "operator_end_alarm_of_bin": ENDS_WHAT_IT_NAMES,
    "operator_end_operator_key": ENDS_WHAT_IT_NAMES,
    "operator_retire_bin_key": ENDS_WHAT_IT_NAMES,
    "shop_revoke_own_key": ENDS_WHAT_IT_NAMES,
    "citizen_change_letter_wishes_of_citizen": "one's own two switches: the last word is the one that counts",
    "operator_put_bin_into_state": "a step that is refused where it does not follow",
}
"""What is changed without having been seen, and why that may be."""


def test_whatever_is_edited_is_edited_by_who_has_seen_it():
    paths = documented()["paths"]
    edits = [(path, paths[path][method]) for method, path in list_operations() if method in ("put", "patch", "delete")]
    untagged = {operation["operationId"] for _, operation in edits if "412" not in operation["responses"]}
    assert untagged == WITHOUT_A_TAG.keys()
    for path, operation in edits:
        if operation["operationId"] not in untagged:
            # Stock is a part of an offer, and changed by who has seen that.
            seen = paths[path if "get" in paths[path] else path.removesuffix("/stock")]["get"]
            assert {"304"} <= seen["responses"].keys(), path
            assert {"428"} <= operation["responses"].keys(), path


def test_document_is_valid_openapi_3_1(api: Api):
    document = api.call(None, "GET", "/openapi.json").json
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_every_operation_is_explained_and_says_who_may_call_it_and_how_it_fails(api: Api):
    document = api.call(None, "GET", "/openapi.json").json
    operations = {(method, path): document["paths"][path][method] for method, path in list_operations()}
    assert len(operations) >= 18
    for (method, path), operation in operations.items():
        audience = path.split("/")[3]
        public = method == "post" and path.endswith(("/sign-ins", "/sign-ups", "/sessions"))
        assert operation["summary"]
        assert operation.get("security", []) == ([] if public else [{audience: []}])
        assert {"500", "503"} <= operation["responses"].keys()
        assert public or {"401", "403"} <= operation["responses"].keys()
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert list(answer["content"]) == ["application/problem+json"]
    assert document["components"]["securitySchemes"].keys() == SECURITY_SCHEMES.keys()


def test_every_operation_shows_an_example_that_is_good():
    document = documented()
    for method, path in list_operations():
        operation = document["paths"][path][method]
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        bodies += [answer for status, answer in operation["responses"].items() if status < "300"]
        for body in bodies:
            content = body.get("content", {}).get("application/json")
            if content is None:
                continue
            schema = {**content["schema"], "components": document["components"]}
            Draft202012Validator(schema, format_checker=FormatChecker()).validate(content["example"])
