"""``@page``: one decorator that makes a function a page, as ``@operation`` makes one an operation of the API.

Who calls is settled before what is asked; what comes in forms comes from this very host.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import marshmallow as ma
from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import UnsupportedMediaType

from partners_api.cookies import require_own_origin
from partners_api.pages.blueprint import pages
from partners_api.pages.viewers import meet
from partners_api.principals import get_principal
from partners_api.rates import spend_of_address
from partners_api.transactions import READING
from rewards.access import Principal, Role

View = Callable[..., ResponseReturnValue]
FORM = "application/x-www-form-urlencoded"


def page(
    path: str,
    *,
    method: str = "GET",
    role: Role | None = "viewer",
    query: type[ma.Schema] | None = None,
    form: type[ma.Schema] | None = None,
    again: str | None = None,
) -> Callable[[View], View]:
    """Make a function a page; it is called with (caller, query, form), those it has, then path parts.

    ``role`` None is open to anybody. ``again`` is the template that is shown again, with what was entered and with
    the sentence, when a form is refused. Unknown parts of a query are ignored: people follow old links.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def called(**path_parts: Any) -> ResponseReturnValue:
            g.again = again
            given: list[Any] = []
            if role is None:
                spend_of_address()
            else:
                caller = get_principal("authority", role=role, scope=None)
                assert isinstance(caller, Principal)  # noqa: S101 (the audience is the authority's)
                meet(caller)
                given.append(caller)
            if request.method not in READING:
                require_form()
            if query is not None:
                g.asked = read(query, request.args.to_dict())
                given.append(g.asked)
            if form is not None:
                given.append(read(form, request.form.to_dict()))
            return view(*given, **path_parts)

        pages.add_url_rule(path, endpoint=view.__name__, view_func=called, methods=[method])
        return view

    return decorate


def require_form() -> None:
    """Raise unless a form of this host was sent.

    Raises:
        CrossSiteRequestError: it comes from elsewhere.
        UnsupportedMediaType: it is no form.
    """
    require_own_origin()
    if request.content_length and request.mimetype != FORM:
        raise UnsupportedMediaType


def read(schema: type[ma.Schema], given: dict[str, str]) -> dict[str, Any]:
    """Return what was given, as the schema reads it; what is left empty was not given.

    Raises:
        ma.ValidationError: it is not of the form the schema wants.
    """
    filled = {name: value.strip() for name, value in given.items() if value.strip()}
    read_so: dict[str, Any] = schema(unknown=ma.EXCLUDE).load(filled)
    return read_so


def render(template: str, **facts: Any) -> str:
    """Return a page; its template extends ``layout.html``."""
    return render_template(template, **facts)
