"""Numbers in the sentences and labels of charts; for the language of the look, where pages have that of the request."""

from babel.numbers import format_decimal

from rewards.languages import Language

LOCALES: dict[Language, str] = {"fr": "fr_FR", "en": "en_GB"}


def write(value: float, language: Language, digits: int = 0) -> str:
    """Return "12,345.6"."""
    places = f".{'0' * digits}" if digits else ""
    written = format_decimal(abs(value), format=f"#,##0{places}", locale=LOCALES[language])
    return f"\N{MINUS SIGN}{written}" if value < 0 and any(each in "123456789" for each in written) else written


def write_signed(value: float, language: Language, digits: int = 0) -> str:
    """Return "+12.3": a change."""
    written = write(value, language, digits)
    return written if written.startswith("\N{MINUS SIGN}") or value == 0 else f"+{written}"
