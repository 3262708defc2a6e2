"""Every error is a problem+json (RFC 9457). One table maps what the domain refuses to an HTTP status.

``docs/errors.md`` explains each ``code``; a test holds the three together. Nothing of the database and no stack trace
reaches a client.
"""

import inspect
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import marshmallow as ma
import structlog
from flask import Flask, Response, g, json, request
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, InternalServerError

from partners_api.refusals import (
    AgentRequiredError,
    AudienceWrongError,
    AuthorityUnknownError,
    CredentialsMissingError,
    CredentialsRefusedError,
    CrossSiteRequestError,
    RateLimitedError,
    RequestInFlightError,
    RequestTooSlowError,
    RoleInsufficientError,
    ScopeMissingError,
)
from partners_api.statuses_of_work import STATUS_OF_WORK
from rewards.agents import AgentEmailTakenError, AgentUnknownError, LastAdminError
from rewards.api_keys import ApiKeyEndingError, ApiKeyScopesError, ApiKeyUnknownError
from rewards.bin_problems import BinUnknownError, ProblemClosedError, ProblemUnknownError
from rewards.cards import CardBlockedError, CardUnknownError, CitizenUnknownError
from rewards.cards.own import ClaimingClosedError, TooManyCardsError
from rewards.citizens import BadgeTakenError, EmailTakenError
from rewards.disputes import (
    DisputeDecidedError,
    DisputeExistsError,
    DisputeUnknownError,
    MovementUnknownError,
    RemedyImpossibleError,
)
from rewards.donations import CauseNotActiveError, CauseUnknownError, DonationPointsError
from rewards.drafts import DefinitionInvalidError, TariffGapError
from rewards.errors import (
    IdempotencyKeyReusedError,
    OverdraftError,
    PendingAlreadyEndedError,
    RewardsError,
)
from rewards.goals import GoalNotOpenError, GoalUnknownError
from rewards.households import (
    HouseholdTooSoonError,
    InvitationLockedError,
    InvitationUnknownError,
    WalletChangedError,
    WalletNotSharedError,
    WalletSharedError,
)
from rewards.limits import TooManyTriesError
from rewards.offers import (
    FunderBudgetSpentError,
    OfferHeldError,
    OfferLimitReachedError,
    OfferNotOnSaleError,
    OfferSoldOutError,
    OfferStateError,
    OfferTermsError,
    OfferUnknownError,
    StockBelowSoldError,
)
from rewards.privacy.requesting import ErasureBegunError, ErasureNotAskedError
from rewards.rehearsal import RehearsalTooLargeError
from rewards.sessions import SessionUnknownError
from rewards.settlement import OwnStatementUnknownError
from rewards.shops import ShopRevokedError
from rewards.sign_ins import SignInCodeRefusedError, SignUpClosedError
from rewards.staff import StaffLockedError, StaffUnknownError
from rewards.statistics.annual_report.refusals import NothingInYearError, YearNotOverError
from rewards.statistics.figures import FiguresTooManyError
from rewards.statistics.periods import PeriodReversedError, PeriodToComeError, PeriodTooLongError
from rewards.tries import TriesSpentError
from rewards.vouchers import (
    CardsLockedError,
    PinRequiredError,
    ReversalAlreadyAskedError,
    ReversalDecidedError,
    ReversalTooLateError,
    ReversalUnknownError,
    ShortCodeLockedError,
    ShortCodeUnknownError,
    StaffRefusedError,
    VoucherAlreadyRedeemedError,
    VoucherCancelledError,
    VoucherExpiredError,
    VoucherNotRedeemedError,
    VoucherOfAnotherShopError,
    VoucherReversedError,
    VoucherUnknownError,
)
from rewards.wallets import PointsInsufficientError

PROBLEM_JSON = "application/problem+json"

STATUS_OF: dict[type[RewardsError], HTTPStatus] = {
    AgentEmailTakenError: HTTPStatus.CONFLICT,
    AgentRequiredError: HTTPStatus.FORBIDDEN,
    AgentUnknownError: HTTPStatus.NOT_FOUND,
    ApiKeyEndingError: HTTPStatus.FORBIDDEN,
    ApiKeyScopesError: HTTPStatus.FORBIDDEN,
    ApiKeyUnknownError: HTTPStatus.NOT_FOUND,
    AudienceWrongError: HTTPStatus.FORBIDDEN,
    AuthorityUnknownError: HTTPStatus.NOT_FOUND,
    BadgeTakenError: HTTPStatus.CONFLICT,
    BinUnknownError: HTTPStatus.NOT_FOUND,
    CardBlockedError: HTTPStatus.CONFLICT,
    CardUnknownError: HTTPStatus.NOT_FOUND,
    CardsLockedError: HTTPStatus.TOO_MANY_REQUESTS,
    CauseNotActiveError: HTTPStatus.CONFLICT,
    CauseUnknownError: HTTPStatus.NOT_FOUND,
    ClaimingClosedError: HTTPStatus.FORBIDDEN,
    CredentialsMissingError: HTTPStatus.UNAUTHORIZED,
    CredentialsRefusedError: HTTPStatus.UNAUTHORIZED,
    CrossSiteRequestError: HTTPStatus.FORBIDDEN,
    DisputeDecidedError: HTTPStatus.CONFLICT,
    DisputeExistsError: HTTPStatus.CONFLICT,
    DisputeUnknownError: HTTPStatus.NOT_FOUND,
    DonationPointsError: HTTPStatus.UNPROCESSABLE_ENTITY,
    EmailTakenError: HTTPStatus.CONFLICT,
    ErasureBegunError: HTTPStatus.CONFLICT,
    ErasureNotAskedError: HTTPStatus.NOT_FOUND,
    HouseholdTooSoonError: HTTPStatus.CONFLICT,
    GoalNotOpenError: HTTPStatus.CONFLICT,
    GoalUnknownError: HTTPStatus.NOT_FOUND,
    FunderBudgetSpentError: HTTPStatus.CONFLICT,
    IdempotencyKeyReusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvitationLockedError: HTTPStatus.TOO_MANY_REQUESTS,
    InvitationUnknownError: HTTPStatus.NOT_FOUND,
    LastAdminError: HTTPStatus.CONFLICT,
    MovementUnknownError: HTTPStatus.NOT_FOUND,
    OfferHeldError: HTTPStatus.CONFLICT,
    OfferLimitReachedError: HTTPStatus.CONFLICT,
    OfferNotOnSaleError: HTTPStatus.CONFLICT,
    OfferSoldOutError: HTTPStatus.CONFLICT,
    OfferStateError: HTTPStatus.CONFLICT,
    OfferTermsError: HTTPStatus.UNPROCESSABLE_ENTITY,
    OfferUnknownError: HTTPStatus.NOT_FOUND,
    OverdraftError: HTTPStatus.CONFLICT,
    OwnStatementUnknownError: HTTPStatus.NOT_FOUND,
    PendingAlreadyEndedError: HTTPStatus.CONFLICT,
    FiguresTooManyError: HTTPStatus.UNPROCESSABLE_ENTITY,
    PeriodReversedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    PeriodToComeError: HTTPStatus.UNPROCESSABLE_ENTITY,
    YearNotOverError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NothingInYearError: HTTPStatus.NOT_FOUND,
    PeriodTooLongError: HTTPStatus.UNPROCESSABLE_ENTITY,
    PinRequiredError: HTTPStatus.FORBIDDEN,
    PointsInsufficientError: HTTPStatus.CONFLICT,
    RateLimitedError: HTTPStatus.TOO_MANY_REQUESTS,
    ProblemClosedError: HTTPStatus.CONFLICT,
    ProblemUnknownError: HTTPStatus.NOT_FOUND,
    RemedyImpossibleError: HTTPStatus.CONFLICT,
    RequestInFlightError: HTTPStatus.CONFLICT,
    RequestTooSlowError: HTTPStatus.SERVICE_UNAVAILABLE,
    RoleInsufficientError: HTTPStatus.FORBIDDEN,
    ScopeMissingError: HTTPStatus.FORBIDDEN,
    SessionUnknownError: HTTPStatus.NOT_FOUND,
    ShopRevokedError: HTTPStatus.FORBIDDEN,
    SignInCodeRefusedError: HTTPStatus.FORBIDDEN,
    SignUpClosedError: HTTPStatus.FORBIDDEN,
    StaffLockedError: HTTPStatus.TOO_MANY_REQUESTS,
    StaffRefusedError: HTTPStatus.FORBIDDEN,
    StaffUnknownError: HTTPStatus.NOT_FOUND,
    TooManyCardsError: HTTPStatus.CONFLICT,
    TooManyTriesError: HTTPStatus.TOO_MANY_REQUESTS,
    StockBelowSoldError: HTTPStatus.CONFLICT,
    ReversalAlreadyAskedError: HTTPStatus.CONFLICT,
    ReversalDecidedError: HTTPStatus.CONFLICT,
    ReversalTooLateError: HTTPStatus.CONFLICT,
    ReversalUnknownError: HTTPStatus.NOT_FOUND,
    ShortCodeLockedError: HTTPStatus.TOO_MANY_REQUESTS,
    ShortCodeUnknownError: HTTPStatus.NOT_FOUND,
    VoucherAlreadyRedeemedError: HTTPStatus.CONFLICT,
    VoucherNotRedeemedError: HTTPStatus.CONFLICT,
    VoucherReversedError: HTTPStatus.CONFLICT,
    VoucherCancelledError: HTTPStatus.CONFLICT,
    VoucherExpiredError: HTTPStatus.CONFLICT,
    VoucherOfAnotherShopError: HTTPStatus.FORBIDDEN,
    VoucherUnknownError: HTTPStatus.NOT_FOUND,
    WalletChangedError: HTTPStatus.CONFLICT,
    WalletNotSharedError: HTTPStatus.CONFLICT,
    WalletSharedError: HTTPStatus.CONFLICT,
    **STATUS_OF_WORK,
}

TELLS_MORE = (DefinitionInvalidError, FiguresTooManyError, TariffGapError, RehearsalTooLargeError)
"""Their own words say what to mend, and name no command."""

CODE_OF_STATUS: dict[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "request_malformed",
    HTTPStatus.NOT_FOUND: "route_unknown",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.PRECONDITION_FAILED: "precondition_failed",
    HTTPStatus.PRECONDITION_REQUIRED: "precondition_required",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body_too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "body_not_json",
    HTTPStatus.UNPROCESSABLE_ENTITY: "request_invalid",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "service_unavailable",
}
"""What goes wrong before a view is reached, or below it."""

TOO_SLOW = ("57014", "55P03")
"""What PostgreSQL calls a statement that ran out of its time, and one that waited too long for another's lock."""

RETRY_AFTER_S = "2"

log = structlog.get_logger()


class ProblemSchema(ma.Schema):
    """What went wrong (RFC 9457). Act on ``code``: it never changes its meaning."""

    type = ma.fields.String(required=True, metadata={"format": "uri", "description": "Names the problem, as code does"})
    title = ma.fields.String(required=True, metadata={"description": "The same for every problem with this code"})
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String(required=True, metadata={"description": "About this very request"})
    code = ma.fields.String(required=True, metadata={"description": "Stable; docs/errors.md explains each"})
    errors = ma.fields.Dict(metadata={"description": "What is wrong, by place and field; with request_invalid"})

    def __deepcopy__(self, _: Any) -> "ProblemSchema":
        """Return itself: every operation's documentation holds ten, is copied, and changes none."""
        return self


def title_of(refusal: type[RewardsError]) -> str:
    """Return the public title of a refusal: the first line of its docstring."""
    return inspect.cleandoc(refusal.__doc__ or "").splitlines()[0]


def problem(
    status: int,
    *,
    code: str,
    title: str,
    detail: str = "",
    errors: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem+json answer."""
    body = {"type": f"urn:bontri:problem:{code}", "title": title, "status": status, "detail": detail or title}
    body["code"] = code
    if errors is not None:
        body["errors"] = errors
    g.problem_code = code
    answer = Response(json.dumps(body), status, content_type=PROBLEM_JSON)
    answer.headers.extend(headers or {})
    return answer


def render_refusal(refusal: RewardsError) -> Response:
    """Render what the domain or the API refused; its facts are the detail."""
    status = STATUS_OF[type(refusal)]
    return problem(
        status,
        code=refusal.code,
        title=title_of(type(refusal)),
        detail=detail_of(refusal),
        headers=headers_of(refusal, status),
    )


def render_erased(_: CitizenUnknownError) -> Response:
    """Render what ends the request of a citizen who is erased while it is answered: as any later request of theirs."""
    return render_refusal(CredentialsRefusedError())


def headers_of(refusal: RewardsError, status: HTTPStatus) -> dict[str, str]:
    """Return the headers that say what to do about a refusal."""
    if isinstance(refusal, RateLimitedError | TriesSpentError):
        return {"Retry-After": str(refusal.retry_after_s)}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": RETRY_AFTER_S}
    return {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}


def detail_of(refusal: RewardsError) -> str:
    """Return what is particular to this refusal, without ids or codes; empty when its title says all."""
    if isinstance(refusal, PointsInsufficientError):
        return f"{refusal.wanted_points} points are needed; {refusal.available_points} can be spent."
    return str(refusal) if isinstance(refusal, TELLS_MORE) else ""


def render_http_error(error: HTTPException) -> Response:
    """Render what Flask, werkzeug or the schemas refused; unforeseen errors arrive here as a plain 500."""
    answer = error.get_response()
    try:
        code = CODE_OF_STATUS[HTTPStatus(answer.status_code)]
    except (KeyError, ValueError):
        code = "request_refused"
    if answer.status_code < HTTPStatus.BAD_REQUEST:
        return Response(status=answer.status_code, headers=answer.headers)
    return problem(
        answer.status_code,
        code=code,
        title=error.name,
        detail="" if isinstance(error, InternalServerError) else error.description or "",
        errors=getattr(error, "data", {}).get("messages"),
        headers={name: value for name, value in answer.headers if name in ("Allow", "Retry-After")},
    )


def render_outage(error: Exception) -> Response:
    """Render a database that is away, overburdened or too slow: nothing was done, ask again."""
    sqlstate = getattr(getattr(error, "orig", None), "sqlstate", None)
    log.error("database_unavailable", error=type(error).__name__, sqlstate=sqlstate, route=str(request.url_rule))
    if sqlstate in TOO_SLOW:
        return render_refusal(RequestTooSlowError())
    return problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        code="service_unavailable",
        title="The service cannot answer now.",
        detail="Nothing was changed. Repeat the request in a moment, with the same Idempotency-Key.",
        headers={"Retry-After": RETRY_AFTER_S},
    )


def register_error_handlers(app: Flask) -> None:
    """Render every error of ``app`` as problem+json."""
    app.register_error_handler(RewardsError, render_refusal)
    app.register_error_handler(CitizenUnknownError, render_erased)
    app.register_error_handler(HTTPException, render_http_error)
    app.register_error_handler(OperationalError, render_outage)
    app.register_error_handler(PoolTimeoutError, render_outage)
