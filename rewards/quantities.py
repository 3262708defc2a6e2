"""Numbers as people write them in French and English spreadsheets."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from rewards.csv_files import CsvFault

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

    A single comma or point is the decimal sign: ``1,234`` is a little more than one, as it is in French. Whether a file
    keeps to one sign, ``list_mixed`` says.

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


def find_decimal_sign(text: str) -> str | None:
    """Return the decimal sign of the style a number is written in; None where it does not show, or it is none."""
    said = text.strip()
    if found := DECIMAL.fullmatch(said):
        return None if found["part"] is None else said[found.end("whole")]
    if DOTTED.fullmatch(said) or MANY_DOTS.fullmatch(said):
        return ","
    return "." if ENGLISH.fullmatch(said) or MANY_COMMAS.fullmatch(said) else None


def list_mixed(rows: Iterable[tuple[int, Mapping[str, str]]], columns: Sequence[str]) -> list[CsvFault]:
    """List the numbers of a file whose decimal sign is not that of the first one which shows it.

    Where ``1,234.5`` stands in one row, ``1,234`` in another is likely a thousand, and would be read as little more
    than one.
    """
    faults: list[CsvFault] = []
    first: tuple[str, str] | None = None
    for line, values in rows:
        for column in columns:
            value = values.get(column, "")
            sign = find_decimal_sign(value)
            if sign is None:
                continue
            if first is None:
                first = (sign, f"{value!r} of line {line}")
            elif sign != first[0]:
                names = {",": "a comma", ".": "a point"}
                words = f"{value!r} reads with {names[sign]} as decimal sign, {first[1]} with {names[first[0]]}"
                faults.append(CsvFault(line, column, f"{words}: write all numbers of a file alike"))
    return faults
