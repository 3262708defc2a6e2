"""Sessions of browsers: the token in a cookie that no script reads, and what keeps other sites from using it.

A token in ``Authorization`` cannot be sent by another site. A cookie is sent by the browser, whoever made it ask; so
what changes something must say that it comes from here: ``Origin``, and Fetch Metadata where the browser has it.
"""

import datetime
from urllib.parse import urlsplit

from flask import Response, request

from partners_api.refusals import CrossSiteRequestError
from partners_api.transactions import READING

COOKIE = "__Host-bontri"
"""The prefix makes browsers insist on Secure, Path=/ and no Domain: no other host can set it."""


def find_cookie_token() -> str | None:
    """Find the token a browser sent in its cookie."""
    return request.cookies.get(COOKIE) or None


def require_own_origin() -> None:
    """Raise when a request that changes something does not come from a page of this very host.

    Raises:
        CrossSiteRequestError: ``Origin`` is missing or another, or ``Sec-Fetch-Site`` is not ``same-origin``.
    """
    if request.method in READING:
        return
    if (
        not is_this_host(request.headers.get("Origin", ""))
        or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin"
    ):
        raise CrossSiteRequestError


def is_this_host(origin: str) -> bool:
    """Tell whether an origin is this host; its scheme is the proxy's, and the cookie itself goes over TLS only."""
    try:
        return urlsplit(origin).netloc == request.host
    except ValueError:
        # Anybody may send anything.
        return False


def give_cookie(answer: Response, token: str, expires_at: datetime.datetime) -> Response:
    """Hand a session over to the browser."""
    answer.set_cookie(COOKIE, token, expires=expires_at, path="/", secure=True, httponly=True, samesite="Strict")
    return answer


def take_cookie(answer: Response) -> Response:
    """Have the browser forget the session."""
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
    return answer
