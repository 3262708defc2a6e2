"""Refusals and failures as pages: a sentence that says what happened and what to do, in the language of the request.

Statuses and titles are the API's own (``partners_api/errors.py``); ``/api`` keeps its problem+json. Nothing here asks
the database, whose transaction is over.
"""

import re
from http import HTTPStatus
from urllib.parse import quote

import marshmallow as ma
from flask import Flask, Response, g, redirect, render_template, request, url_for
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BareResponse

from partners_api.cookies import find_cookie_token
from partners_api.errors import (
    CODE_OF_STATUS,
    PROBLEM_JSON,
    STATUS_OF,
    detail_of,
    headers_of,
    render_http_error,
    render_outage,
    title_of,
)
from partners_api.languages import language_of_request
from partners_api.pages.blueprint import pages
from partners_api.pages.security import secure_page
from partners_api.pages.translations import gettext
from partners_api.pages.words_of_errors import TITLES, TO_DO, WORDS_OF_FIELDS, WORDS_OF_STATUS
from partners_api.refusals import CredentialsMissingError, CredentialsRefusedError, RateLimitedError
from rewards.errors import RewardsError
from rewards.tries import TriesSpentError

OWN_PATH = re.compile(r"/(?:[A-Za-z0-9][!-\[\]-~]*)?")
"""Printable ASCII without a backslash, which browsers read as a slash; not two slashes, behind which comes a host."""

Answer = Response | BareResponse | tuple[str, int, dict[str, str]]


def show_refusal(refusal: RewardsError) -> Answer:
    """Show what the domain refused, on the form that was sent where there is one; send who is nobody to sign in."""
    if isinstance(refusal, CredentialsMissingError | CredentialsRefusedError):
        return ask_to_sign_in()
    status = STATUS_OF[type(refusal)]
    g.problem_code = refusal.code
    sentences = [gettext(TITLES.get(refusal.code) or title_of(type(refusal)))]
    # What refusals tell beside their titles is English.
    if language_of_request() == "en" and (detail := detail_of(refusal)):
        sentences.append(detail)
    if isinstance(refusal, RateLimitedError | TriesSpentError):
        sentences.append(gettext("Try again in %(minutes)s min.", minutes=-(-refusal.retry_after_s // 60)))
    elif refusal.code in TO_DO:
        sentences.append(gettext(TO_DO[refusal.code]))
    return show(status, sentences, headers=headers_of(refusal, status))


def show_unreadable(error: ma.ValidationError) -> Answer:
    """Show which fields of a query or form could not be read."""
    g.problem_code = CODE_OF_STATUS[HTTPStatus.UNPROCESSABLE_ENTITY]
    fields = error.messages if isinstance(error.messages, dict) else {}
    sentences = [
        gettext("%(field)s: this cannot be read. Correct it and try again.", field=gettext(WORDS_OF_FIELDS[name]))
        if name in WORDS_OF_FIELDS
        else gettext("Something in this address or form cannot be read. Begin again from the navigation.")
        for name in fields
    ]
    return show(HTTPStatus.UNPROCESSABLE_ENTITY, list(dict.fromkeys(sentences)))


def show_http_error(error: HTTPException) -> Answer:
    """Show what Flask or werkzeug refused, and bugs, which arrive here as a plain 500."""
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error.get_response()
    answer = error.get_response()
    g.problem_code = CODE_OF_STATUS.get(HTTPStatus(error.code), "request_refused")
    kept = {name: value for name, value in answer.headers if name in ("Allow", "Retry-After")}
    return show(HTTPStatus(error.code), [], headers=kept)


def show_outage(error: Exception) -> Answer:
    """Show that the database is away or too slow."""
    as_problem = render_outage(error)
    return show(HTTPStatus(as_problem.status_code), [], headers={"Retry-After": as_problem.headers["Retry-After"]})


def show(status: HTTPStatus, sentences: list[str], *, headers: dict[str, str] | None = None) -> Answer:
    """Return the form again, or a page that says what happened."""
    title, to_do = WORDS_OF_STATUS.get(status, WORDS_OF_STATUS[HTTPStatus.UNPROCESSABLE_ENTITY])
    template = g.get("again") or "refused.html"
    said = sentences or [gettext(to_do)]
    return (
        render_template(template, status=status.value, title=gettext(title), sentences=said, entered=request.form),
        status,
        headers or {},
    )


def ask_to_sign_in() -> BareResponse:
    """Send somebody to the sign-in, and back to where they were afterwards."""
    is_expired = find_cookie_token() is not None
    back = path_of_request() if request.method == "GET" else url_for("pages.show_overview")
    return redirect(url_for("pages.show_sign_in", next=back, why="expired" if is_expired else "needed"), 303)


def path_of_request() -> str:
    """Return path and query as :data:`OWN_PATH` wants them: what browsers and people leave unquoted is quoted."""
    query = quote(request.query_string, safe="%/:?@!$&'()*+,;=[]")
    return quote(request.path) + (f"?{query}" if query else "")


def require_own_path(path: str) -> None:
    """Raise unless an address to return to is of this host: a link in a letter could name any.

    Raises:
        ma.ValidationError: a browser would, or might, go elsewhere.
    """
    if not OWN_PATH.fullmatch(path):
        raise ma.ValidationError("of another host")


def is_for_a_person() -> bool:
    """Tell whether what matched no page was asked for by a browser, and not of the API."""
    if request.blueprint == pages.name:
        return True
    asked = request.accept_mimetypes.best_match([PROBLEM_JSON, "application/json", "text/html"])
    return request.blueprint is None and not request.path.startswith("/api/") and asked == "text/html"


def show_or_render_http_error(error: HTTPException) -> Answer:
    """Show or render an error that belongs to no part, such as an address nothing is at."""
    if not is_for_a_person():
        return render_http_error(error)
    shown, status, headers = show_http_error(error)  # type: ignore[misc]
    answer = Response(shown, status, headers, mimetype="text/html")
    return secure_page(answer)


def register_page_errors(app: Flask) -> None:
    """Show errors of pages as pages; those of the API stay as they are."""
    app.register_error_handler(HTTPException, show_or_render_http_error)


pages.register_error_handler(RewardsError, show_refusal)
pages.register_error_handler(ma.ValidationError, show_unreadable)
pages.register_error_handler(HTTPException, show_http_error)
pages.register_error_handler(OperationalError, show_outage)
pages.register_error_handler(PoolTimeoutError, show_outage)
