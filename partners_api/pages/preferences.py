"""Language and theme of whoever looks: a plain link chooses, a cookie remembers, and neither needs JavaScript."""

from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, request

from partners_api.languages import LANGUAGE_COOKIE
from rewards.languages import LANGUAGES

THEME_COOKIE = "bontri_theme"
THEMES = ("auto", "light", "dark")
"""``auto`` is what the browser prefers."""
KEPT_S = 365 * 24 * 3600


def theme_of_request() -> str:
    """Return the theme that was chosen, ``auto`` where none was."""
    asked = request.args.get("theme") or request.cookies.get(THEME_COOKIE)
    return asked if asked in THEMES else THEMES[0]


def switch_url(**changed: str) -> str:
    """Return the address of this page with other values in its query."""
    query: dict[str, Any] = {**request.args.to_dict(flat=False), **changed}
    # Of several slashes a browser would take what is behind them for another host. A backslash is one to it, and it
    # skips tabs and line ends: quoted they are part of the path.
    return f"/{quote(request.path.lstrip('/'))}?{urlencode(query, doseq=True)}"


def remember(answer: Response) -> Response:
    """Keep what was chosen with this page. Pictures name a language too, and choose none."""
    if answer.mimetype != "text/html":
        return answer
    for name, cookie, known in (("lang", LANGUAGE_COOKIE, LANGUAGES), ("theme", THEME_COOKIE, THEMES)):
        chosen = request.args.get(name)
        if chosen is not None and chosen in known:
            answer.set_cookie(
                cookie, chosen, max_age=KEPT_S, path="/", secure=request.is_secure, httponly=True, samesite="Lax"
            )
    return answer
