"""Which language a request is answered in: `?lang=`, else as a page was told, else `Accept-Language`, else French."""

import marshmallow as ma
from flask import g, request
from marshmallow import fields, validate

from rewards.languages import LANGUAGES, Language

LANGUAGE = fields.String(load_default=None, validate=validate.OneOf(LANGUAGES))
"""What a query says it with."""


class LanguageQuerySchema(ma.Schema):
    """In which language."""

    lang = LANGUAGE


LANGUAGE_COOKIE = "bontri_language"
"""What somebody chose on a page."""


def language_of_request() -> Language:
    """Return the language asked for, the first of the scheme's where none of them is; looked up once a request."""
    if "language" not in g:
        g.language = find_language_asked_for() or LANGUAGES[0]
    language: Language = g.language
    return language


def find_language_asked_for() -> Language | None:
    """Find the language of the scheme's that is asked for."""
    return (
        as_language(request.args.get("lang"))
        or find_language_chosen()
        or as_language(request.accept_languages.best_match(LANGUAGES))
    )


def find_language_chosen() -> Language | None:
    """Find the language somebody chose on a page before."""
    return as_language(request.cookies.get(LANGUAGE_COOKIE))


def as_language(written: str | None) -> Language | None:
    """Return what was written as a language of the scheme's; None when it is none."""
    return next((language for language in LANGUAGES if language == written), None)
