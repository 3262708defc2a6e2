"""Switching notices off from a letter, without signing in: mail programs by one POST (RFC 8058), people by a button.

Looking at the page changes nothing: scanners of mail follow links.
"""

from http import HTTPStatus

from flask import Blueprint, Response, render_template_string

from partners_api.languages import language_of_request
from partners_api.services import keyring
from partners_api.transactions import connection
from rewards.notice_links import switch_notices_off

notices_off = Blueprint("notices_off", __name__)

ONLY_ITS_BUTTON = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

WORDS = {
    "fr": {
        "ask": "Ne plus recevoir d'avis par e-mail ?",
        "button": "Désactiver les avis",
        "done": "C'est fait : vous ne recevrez plus d'avis. Vous pouvez les réactiver dans votre compte.",
        "unknown": "Ce lien n'est pas valable. Désactivez les avis dans votre compte.",
    },
    "en": {
        "ask": "No more notices by e-mail?",
        "button": "Switch notices off",
        "done": "Done: you will get no more notices. You can switch them on again in your account.",
        "unknown": "This link is not valid. Switch notices off in your account.",
    },
}
PAGE = """<!doctype html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{ said }}</title>
</head>
<body>
<main>
<h1>{{ said }}</h1>
{% if button %}<form method="post"><button type="submit">{{ button }}</button></form>{% endif %}
</main>
</body>
</html>
"""


@notices_off.get("/notices-off/<token>")
def ask(token: str) -> Response:
    """Show the button."""
    words = WORDS[language_of_request()]
    return show(words["ask"], button=words["button"])


@notices_off.post("/notices-off/<token>")
def switch_off(token: str) -> Response:
    """Switch the notices of the token's citizen off; safe to repeat."""
    words = WORDS[language_of_request()]
    if switch_notices_off(connection(), keyring(), token):
        return show(words["done"])
    return show(words["unknown"], status=HTTPStatus.NOT_FOUND)


def show(said: str, *, button: str | None = None, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return the page."""
    page = render_template_string(PAGE, language=language_of_request(), said=said, button=button)
    return Response(page, status, {"Content-Security-Policy": ONLY_ITS_BUTTON}, mimetype="text/html")
