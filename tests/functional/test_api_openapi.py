"""The whole OpenAPI document: valid, complete, and true of the application."""

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance
from sqlalchemy import create_engine

from bontri.documents.statements import statement_as_pdf
from partners_api.app import ApiConfig, create_app
from partners_api.principals import SECURITY_SCHEMES
from rewards.keyring import Keyring
from tests.api_client import EMAIL, Api, start_api
from tests.databases import DatabasePool
from tests.factories import open_session_for

METHODS = ("get", "post", "delete", "put", "patch")

load_all_checks()


def documented() -> dict[str, Any]:
    """Return the OpenAPI document; building the application connects to nothing."""
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    secrets = Keyring(master_key=b"m" * 32, badge_pepper=b"p" * 32, storage_key=b"s" * 32)
    app = create_app(
        ApiConfig(),
        engine=nowhere,
        agents_engine=nowhere,
        keyring=secrets,
        send_codes=print,
        render_statement=statement_as_pdf,
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
def document(api: Api) -> Any:
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", api.app)


def token_for(api: Api, audience: str, method: str) -> str:
    """Return a token of an audience; one of its own for what may end it."""
    if audience == "citizen" and method == "delete":
        with api.owner.begin() as connection:
            return open_session_for(connection, api.town, EMAIL, now=api.now)
    return api.tokens[audience]


# What a schema cannot say: two good days are no good period when the second comes first, a note goes with one step.
SAYS_MORE_THAN_ITS_SCHEMA = (
    "figures",
    "exports",
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
def test_every_operation_answers_as_documented(api: Api, document: Any, method: str, path: str):
    operation = document[path][method]
    security = operation.definition.raw.get("security", [])
    audience = next(iter(security[0])) if security else None
    headers = {"Authorization": f"Bearer {token_for(api, audience, method)}"} if audience else {}
    is_guarded = "412" in operation.definition.raw["responses"]
    # The same key comes with other bodies here, which is a conflict.
    has_key = any(each.get("name") == "Idempotency-Key" for each in operation.definition.raw.get("parameters", []))
    is_loose = is_guarded or has_key or any(part in path for part in SAYS_MORE_THAN_ITS_SCHEMA)
    excluded = [positive_data_acceptance] if is_loose else []

    statuses = []

    for mode in GenerationMode:
        # Whatever there is may be changed: its tag is known to nobody who makes requests up.
        headers.pop("If-Match", None)
        if mode is GenerationMode.POSITIVE and "428" in operation.definition.raw["responses"]:
            headers["If-Match"] = "*"

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=3,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        def hold(case):
            # A made-up authority would be the end of every good case.
            if case.meta.generation.mode is GenerationMode.POSITIVE and "slug" in case.path_parameters:
                case.path_parameters["slug"] = api.town.slug
            statuses.append(case.call_and_validate(headers=headers, excluded_checks=excluded).status_code)

        hold()
    inside = {200, 201, 202, 204, 403, 404, 409, 412} | ({422} if is_loose else set())
    assert set(statuses) & inside, "never got past the door"


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
