"""One line per request: ids and durations; never a body, a token, an address or a path with a code in it."""

import re
import time
import traceback
from types import TracebackType

import structlog
from flask import Flask, Response, g, request

from rewards.ids import new_id

REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")

log = structlog.get_logger()

ExceptionInfo = tuple[type, BaseException, TracebackType | None] | tuple[None, None, None]


def log_requests(app: Flask) -> None:
    """Log every request of ``app`` when it is answered, and give it an id that the answer repeats."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if REQUEST_ID.fullmatch(given) else str(new_id())
        g.began_s = time.perf_counter()

    @app.after_request
    def answered(answer: Response) -> Response:
        answer.headers["X-Request-Id"] = g.request_id
        principal = g.get("principal")
        log.info(
            "request_answered",
            request_id=g.request_id,
            method=request.method,
            route=str(request.url_rule) if request.url_rule else None,
            status=answer.status_code,
            ms=round((time.perf_counter() - g.began_s) * 1000, 1),
            authority_id=principal.authority_id if principal else None,
            credential_id=str(principal.credential_id) if principal else None,
        )
        return answer


def log_failure(exc_info: ExceptionInfo) -> None:
    """Log a bug with its traceback (no local variables: they hold tokens) and the request it happened in."""
    log.error(
        "request_failed",
        request_id=g.get("request_id"),
        route=str(request.url_rule) if request.url_rule else None,
        traceback="".join(traceback.format_exception(exc_info[1])),
    )
