"""How numbers, days and money are written in the language of the request; what nobody knows is a dash, never a zero."""

import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal
from flask import Flask

from partners_api.languages import language_of_request
from rewards.languages import Language, name_material

UNKNOWN = "–"
LOCALES: dict[Language, str] = {"fr": "fr_FR", "en": "en_GB"}

Number = int | float | Decimal


def locale() -> str:
    """Return the locale of the request, as Babel names it."""
    return LOCALES[language_of_request()]


def write_number(value: Number | None, digits: int = 0) -> str:
    """Return "12,345.6"; rounded to ``digits`` behind the point, which are all shown."""
    if value is None:
        return UNKNOWN
    places = f".{'0' * digits}" if digits else ""
    return format_decimal(value, format=f"#,##0{places}", locale=locale())


def write_change(value: Number | None, digits: int = 1) -> str:
    """Return "+3.2 %", with its sign: a change."""
    if value is None:
        return UNKNOWN
    written = format_decimal(value if value >= 0 else -value, format=f"#,##0.{'0' * digits}", locale=locale())
    sign = "−" if value < 0 else "+" if value > 0 else ""
    return f"{sign}{written}\u202f%" if language_of_request() == "fr" else f"{sign}{written}%"


def write_share(share: float | None, digits: int = 1) -> str:
    """Return a share of one as "12.3%"."""
    if share is None:
        return UNKNOWN
    written = format_decimal(100 * share, format=f"#,##0.{'0' * digits}", locale=locale())
    return f"{written}\u202f%" if language_of_request() == "fr" else f"{written}%"


def write_cents(cents: int | None, digits: int = 2) -> str:
    """Return cents as euros."""
    if cents is None:
        return UNKNOWN
    pattern = "#,##0" + (f".{'0' * digits}" if digits else "")
    pattern = f"{pattern}\u00a0¤" if language_of_request() == "fr" else f"¤{pattern}"
    return format_currency(Decimal(cents) / 100, "EUR", format=pattern, locale=locale(), currency_digits=False)


def write_day(day: datetime.date | None) -> str:
    """Return "21 November 2026"."""
    return UNKNOWN if day is None else format_date(day, format="long", locale=locale())


def write_month(day: datetime.date) -> str:
    """Return "November 2026"."""
    return format_date(day, format="LLLL yyyy", locale=locale())


def write_short_day(day: datetime.date | None) -> str:
    """Return "21 Nov 2026"."""
    return UNKNOWN if day is None else format_date(day, format="medium", locale=locale())


def write_instant(instant: datetime.datetime | None, timezone: str) -> str:
    """Return day and time in a time zone."""
    if instant is None:
        return UNKNOWN
    return format_datetime(instant, format="d MMMM y, HH:mm", tzinfo=ZoneInfo(timezone), locale=locale())


def write_material(material: str) -> str:
    """Return the material's name, with a capital."""
    return name_material(material, language_of_request()).capitalize()


FILTERS = {
    "number": write_number,
    "change": write_change,
    "share": write_share,
    "cents": write_cents,
    "day": write_day,
    "month": write_month,
    "short_day": write_short_day,
    "instant": write_instant,
    "material": write_material,
}


def teach_filters(app: Flask) -> None:
    """Give templates the filters."""
    app.jinja_env.filters.update(FILTERS)
