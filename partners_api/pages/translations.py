"""The words of pages: msgids are English, ``po/fr/*.po`` say them in French. Read once, from the ``.po`` themselves.

``shared.po`` is for what several pages say; a page brings a file of its own.
"""

from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask

from partners_api.languages import language_of_request
from rewards.languages import Language

CATALOGUES = Path(__file__).parent / "po"


@lru_cache
def translations_of(language: Language) -> NullTranslations:
    """Return the catalogue of a language; English needs none."""
    together = NullTranslations()
    for path in sorted((CATALOGUES / language).glob("*.po")):
        compiled = BytesIO()
        with path.open("rb") as words:
            write_mo(compiled, read_po(words, locale=language))
        compiled.seek(0)
        each = Translations(compiled)
        each.add_fallback(together)
        together = each
    return together


def gettext(words: str, **facts: Any) -> str:
    """Return words in the language of the request."""
    said: str = translations_of(language_of_request()).gettext(words)
    return said % facts if facts else said


def ngettext(one: str, many: str, number: int, **facts: Any) -> str:
    """Return words that follow a number, which they may show as ``%(num)s``."""
    said: str = translations_of(language_of_request()).ngettext(one, many, number)
    return said % {"num": number, **facts}


def said_later(words: str) -> str:
    """Return words as they are, for data that is made once and shown in many languages; marks them for translation."""
    return words


def translate_templates(app: Flask) -> None:
    """Give templates ``_()``, ``ngettext()`` and ``{% trans %}``."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        lambda words: translations_of(language_of_request()).gettext(words),
        lambda one, many, number: translations_of(language_of_request()).ngettext(one, many, number),
        newstyle=True,
    )
