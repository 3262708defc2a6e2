"""Numbers as people write them in French and English spreadsheets."""

import re
from decimal import Decimal

GROUPED = r"[0-9]{1,3}(?:[ \u00a0\u202f'’][0-9]{3})+|[0-9]+"
BLANKS = re.compile(r"[ \u00a0\u202f'’]")
DECIMAL = re.compile(rf"(?P<sign>[-−+]?)(?P<whole>{GROUPED})(?:[.,](?P<part>[0-9]+))?")
DOTTED = re.compile(r"(?P<sign>[-−+]?)(?P<whole>[0-9]{1,3}(?:\.[0-9]{3})+),(?P<part>[0-9]+)")
MANY_DOTS = re.compile(r"(?P<sign>[-−+]?)(?P<whole>[0-9]{1,3}(?:\.[0-9]{3}){2,})(?P<part>)")
ENGLISH = re.compile(r"(?P<sign>[-−+]?)(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+)\.(?P<part>[0-9]+)")
MANY_COMMAS = re.compile(r"(?P<sign>[-−+]?)(?P<whole>[0-9]{1,3}(?:,[0-9]{3}){2,})(?P<part>)")
LONGEST = 40


class QuantityFaultyError(ValueError):
    """A text is no number."""


def parse_quantity(text: str) -> Decimal:
    """Read a number: ``1234.5``, ``1234,5``, ``1 234,5`` (any blank), ``1'234.5``, ``1.234,5``, ``1,234.5``.

    A single comma or point is the decimal sign: ``1,234`` is a little more than one, as it is in French.

    Raises:
        QuantityFaultyError: it is none.
    """
    said = text.strip()
    if len(said) <= LONGEST:
        for form in (DECIMAL, DOTTED, ENGLISH, MANY_DOTS, MANY_COMMAS):
            if found := form.fullmatch(said):
                whole = BLANKS.sub("", found["whole"]).replace(".", "").replace(",", "")
                sign = "-" if found["sign"] in ("-", "−") else ""
                return Decimal(f"{sign}{whole}.{found['part']}" if found["part"] else f"{sign}{whole}")
    raise QuantityFaultyError(f"{text[:LONGEST]!r} is no number")
