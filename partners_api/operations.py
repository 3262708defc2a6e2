"""``@operation``: one decorator that makes a function a documented, authenticated, validated operation of the API.

It puts flask-smorest's decorators together in the one right order (who calls is settled before what is asked) and
documents every error an operation can answer with. Views stay typed and say only what they do.
"""

import inspect
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from http import HTTPStatus
from typing import Any, Literal

import marshmallow as ma
from flask.typing import ResponseReturnValue
from flask_smorest import Blueprint as SmorestBlueprint
from webargs.flaskparser import FlaskParser

from partners_api.errors import PROBLEM_JSON, STATUS_OF, ProblemSchema
from partners_api.examples import example_of
from partners_api.principals import get_principal
from partners_api.rates import spend_of_address
from partners_api.refusals import (
    AudienceWrongError,
    CredentialsMissingError,
    CredentialsRefusedError,
    CrossSiteRequestError,
    RateLimitedError,
    RequestInFlightError,
    RequestTooSlowError,
    RoleInsufficientError,
    ScopeMissingError,
)
from partners_api.texts import WholeText
from rewards.access import Audience, Role, Scope
from rewards.errors import IdempotencyKeyReusedError, RewardsError

View = Callable[..., Any]
TEXT: dict[str, Any] = {"type": "string"}
OBJECT: dict[str, Any] = {"type": "object"}
Answers = tuple[int, type[ma.Schema] | None]

PROBLEM = ProblemSchema()
RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait before asking again"}}

OF_EVERY_CALLER = (CredentialsMissingError, CredentialsRefusedError, AudienceWrongError)
OF_EVERY_KEY = (RequestInFlightError, IdempotencyKeyReusedError)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who may call an operation; no audience means anybody."""

    audience: Audience | None
    role: Role | None = None
    scope: Scope | None = None

    def refusals(self) -> tuple[type[RewardsError], ...]:
        """Return what somebody else is refused with."""
        if self.audience is None:
            return ()
        role = (RoleInsufficientError,) if self.role else ()
        scope = (ScopeMissingError,) if self.scope else ()
        cookie = (CrossSiteRequestError,) if self.audience == "authority" else ()
        return (*OF_EVERY_CALLER, *role, *scope, *cookie)

    def describe(self) -> str:
        """Return a sentence for the document; empty where the audience says all."""
        if self.role:
            return f"\n\nFor the role `{self.role}` or a higher one."
        return f"\n\nFor keys with the scope `{self.scope}`." if self.scope else ""


class StrictParser(FlaskParser):
    """Refuses what a schema does not know, in the query too."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": ma.RAISE}  # noqa: RUF012


class Blueprint(SmorestBlueprint):  # type: ignore[misc]
    """A part of the API for one audience."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *args: Any, **options: Any) -> None:
        """Begin without operations; ``callers`` says of each, by name, who may call it."""
        super().__init__(*args, **options)
        self.callers: dict[str, Caller] = {}

    def register_views_in_doc(self, api: Any, *arguments: Any, **facts: Any) -> None:
        """Leave the document until somebody asks for it: it takes a second to make, and few processes ever serve it."""
        api.to_document.append(partial(super().register_views_in_doc, api, *arguments, **facts))

    def _prepare_etag_doc(self, doc: dict[str, Any], *arguments: Any, **facts: Any) -> dict[str, Any]:
        """Document what an ``ETag`` brings, and leave 412 and 428 as :func:`document_errors` has them."""
        own = {status: doc["responses"][status] for status in (412, 428) if status in doc.get("responses", {})}
        prepared: dict[str, Any] = super()._prepare_etag_doc(doc, *arguments, **facts)
        prepared.get("responses", {}).update(own)
        return prepared


class IdempotencyKeySchema(ma.Schema):
    """The header that makes a POST safe to repeat."""

    key = ma.fields.String(
        required=True,
        data_key="Idempotency-Key",
        validate=WholeText(r"^[A-Za-z0-9_.:-]{1,128}$"),
        metadata={"description": "Chosen by the caller, one per intention; a UUID does. Repeat it to repeat safely."},
    )


def operation(
    blueprint: Blueprint,
    method: str,
    path: str,
    *,
    audience: Audience | None,
    role: Role | None = None,
    scope: Scope | Literal["any"] | None = None,
    answers: Answers,
    body: type[ma.Schema] | None = None,
    query: type[ma.Schema] | None = None,
    refuses: tuple[type[RewardsError], ...] = (),
    is_idempotent: bool = False,
    has_etag: bool = False,
    content_type: str | None = None,
    also_answers: tuple[str, ...] = (),
) -> Callable[[View], View]:
    """Make a function an operation; it is called with (principal, body, query, key), those it has, then path parts.

    ``audience`` None is public; the authority's operations need a ``role``, those of shops a ``scope``, or ``any``,
    which says that every key of a shop is let in. ``answers``
    are status and schema of success, ``content_type`` its type when it is not JSON, ``also_answers`` other types the
    view may choose. ``refuses`` lists what the domain may refuse here; what any caller can meet is added.

    With ``has_etag`` answers carry an ``ETag`` and are not sent again to who has them; PUT, PATCH and DELETE want it
    as ``If-Match``, and the view must call ``blueprint.check_etag(current, schema)`` on what it has locked.
    """
    caller = Caller(audience, role, None if scope == "any" else scope)
    assert (audience == "authority") == (role is not None)  # noqa: S101 (said at import, to who writes operations)
    assert (audience == "shop") == (scope is not None)  # noqa: S101

    def decorate(view: View) -> View:
        wrapped = view
        if is_idempotent:
            wrapped = blueprint.arguments(IdempotencyKeySchema(), location="headers")(with_bare_key(wrapped))
        if query is not None:
            wrapped = blueprint.arguments(query(), location="query")(wrapped)
        if body is not None:
            wrapped = blueprint.arguments(body(), example=example_of(body()))(wrapped)
        wrapped = document_success(blueprint, wrapped, answers, content_type)
        for other_type in also_answers:
            other_form = OBJECT if other_type.endswith("json") else TEXT
            also = blueprint.alt_response(answers[0], schema=other_form, content_type=other_type)
            wrapped = document(wrapped, also)
        if has_etag:
            wrapped = blueprint.etag(wrapped)
        has_input = is_idempotent or query is not None or body is not None
        all_refusals = (*refuses, *caller.refusals(), *(OF_EVERY_KEY if is_idempotent else ()))
        wrapped = document_errors(
            blueprint,
            wrapped,
            (*all_refusals, RateLimitedError, RequestTooSlowError),
            has_input=has_input,
            has_body=body is not None,
            needs_etag=has_etag and method != "GET",
        )
        if audience is not None:
            wrapped = document(with_principal(wrapped, caller), blueprint.doc(security=[{audience: []}]))
        else:
            wrapped = with_address(wrapped)
        about = inspect.cleandoc(view.__doc__ or "").partition("\n")
        description = (about[2].strip() + caller.describe()).strip()
        named = blueprint.doc(
            operationId=f"{blueprint.name}_{view.__name__}", summary=about[0], description=description
        )
        wrapped = document(wrapped, named)
        blueprint.callers[view.__name__] = caller
        blueprint.route(path, methods=[method], endpoint=view.__name__)(wrapped)
        return view

    return decorate


def with_principal(view: View, caller: Caller) -> View:
    """Settle who calls before anything else is looked at."""

    @wraps(view)
    def called(**path_parts: Any) -> ResponseReturnValue:
        assert caller.audience is not None  # noqa: S101 (nobody asks who calls what is public)
        principal = get_principal(caller.audience, role=caller.role, scope=caller.scope)
        answer: ResponseReturnValue = view(principal, **path_parts)
        return answer

    return called


def with_address(view: View) -> View:
    """Count what is open to anybody by where it comes from, before anything else is looked at."""

    @wraps(view)
    def called(*args: Any, **path_parts: Any) -> Any:
        spend_of_address()
        return view(*args, **path_parts)

    return called


def with_bare_key(view: View) -> View:
    """Hand the view the key rather than the headers it came in."""

    @wraps(view)
    def called(*args: Any, **path_parts: Any) -> Any:
        return view(*args[:-1], args[-1]["key"], **path_parts)

    return called


def document_success(blueprint: Blueprint, view: View, answers: Answers, content_type: str | None) -> View:
    """Render what the view returns with its schema, and document that."""
    status, schema = answers
    documented: Any = schema if content_type is None else TEXT
    example = example_of(schema()) if schema is not None and content_type is None else None
    decorated: View = blueprint.response(status, documented, content_type=content_type, example=example)(view)
    return decorated


def document_errors(
    blueprint: Blueprint,
    view: View,
    refusals: tuple[type[RewardsError], ...],
    *,
    has_input: bool,
    has_body: bool,
    needs_etag: bool,
) -> View:
    """Document each status the operation can answer with and the codes that come with it."""
    codes: defaultdict[HTTPStatus, set[str]] = defaultdict(set)
    for refusal in refusals:
        codes[STATUS_OF[refusal]].add(refusal.code)
    codes[HTTPStatus.INTERNAL_SERVER_ERROR].add("internal_error")
    codes[HTTPStatus.SERVICE_UNAVAILABLE].add("service_unavailable")
    if has_input:
        codes[HTTPStatus.UNPROCESSABLE_ENTITY].add("request_invalid")
    if has_body:
        codes[HTTPStatus.BAD_REQUEST].add("request_malformed")
        codes[HTTPStatus.REQUEST_ENTITY_TOO_LARGE].add("body_too_large")
        codes[HTTPStatus.UNSUPPORTED_MEDIA_TYPE].add("body_not_json")
    if needs_etag:
        codes[HTTPStatus.PRECONDITION_FAILED].add("precondition_failed")
        codes[HTTPStatus.PRECONDITION_REQUIRED].add("precondition_required")
    for status, of_status in sorted(codes.items()):
        description = ", ".join(f"`{code}`" for code in sorted(of_status))
        problem = blueprint.alt_response(
            status.value,
            schema=PROBLEM,
            content_type=PROBLEM_JSON,
            description=description,
            headers=RETRY_AFTER if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE) else None,
        )
        view = document(view, problem)
    return view


def document(view: View, decorator: Callable[[View], View]) -> View:
    """Add to a view's documentation what a decorator says, without the call that it would put around the view.

    The decorator is shown a function nothing is known of: each copies what it finds, and copying all that was said
    before, for each error of each operation, took most of the time the API needs to start.
    """

    def unknown() -> None:
        """Stand in for the view."""

    documented: Any = decorator(unknown)
    view._apidoc = join_documents(getattr(view, "_apidoc", {}), documented._apidoc)  # type: ignore[attr-defined]
    return view


def join_documents(one: Any, other: Any) -> Any:
    """Return both: objects key by key, lists one after the other, else the other."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {**one, **{key: join_documents(one[key], other[key]) if key in one else other[key] for key in other}}
    return [*one, *other] if isinstance(one, list) and isinstance(other, list) else other
