"""Reading tonnages from CSV files: units found out, numbers and days as they are written in France, every fault told.

An empty cell is missing and is left out; a zero is a zero.
"""

import calendar
import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from rewards.csv_files import CsvFault, RowReader, read_csv
from rewards.quantities import QuantityFaultyError, list_mixed, parse_quantity
from rewards.statistics.tonnages.streams import stream_called

Unit = Literal["kg", "t"]
G_PER: Mapping[Unit, int] = {"kg": 1000, "t": 1_000_000}
MASSES: Mapping[str, Unit | None] = {"tonnage_kg": "kg", "tonnage_t": "t", "tonnage": None}
COLUMNS = ("site", "insee_code", "stream", "month", "first_day", "last_day", *MASSES)
OTHER_NAMES = {
    "commune": "insee_code",
    "code_insee": "insee_code",
    "code insee": "insee_code",
    "material": "stream",
    "flux": "stream",
    "matière": "stream",
    "matiere": "stream",
    "mois": "month",
    "du": "first_day",
    "from": "first_day",
    "au": "last_day",
    "to": "last_day",
    "kg": "tonnage_kg",
    "kilogrammes": "tonnage_kg",
    "kilograms": "tonnage_kg",
    "tonnage (kg)": "tonnage_kg",
    "poids (kg)": "tonnage_kg",
    "t": "tonnage_t",
    "tonnes": "tonnage_t",
    "tonnage (t)": "tonnage_t",
    "tonnage (tonnes)": "tonnage_t",
    "poids (t)": "tonnage_t",
}
MONTH = re.compile(r"(?P<year>20[0-9]{2})[-/](?P<month>[0-9]{1,2})|(?P<then>[0-9]{1,2})/(?P<of>20[0-9]{2})")
FRENCH_DAY = re.compile(r"(?P<day>[0-9]{1,2})[/.](?P<month>[0-9]{1,2})[/.](?P<year>20[0-9]{2})")
DAYS_MAX = 366
QUANTITY_MAX = 1_000_000_000
"""Of either unit: more than the world throws away in a month, and grams of it still fit a column."""
STREAM = re.compile(r"[a-z][a-z0-9_-]{1,31}")


@dataclass(frozen=True, slots=True)
class ReadTonnage:
    """A row of the file: ``site`` and ``insee_code`` as it names them, one of them at most; ``quantity`` as written.

    ``stream`` is as it names it too, in small letters. ``is_of_month`` is true where its days are told by a month.
    """

    line: int
    column: str
    site: str
    insee_code: str
    stream: str
    first_day: datetime.date
    last_day: datetime.date
    quantity: Decimal
    is_of_month: bool = False

    @property
    def days(self) -> int:
        """How many days it is of."""
        return (self.last_day - self.first_day).days + 1


@dataclass(frozen=True, slots=True)
class TonnageFile:
    """What a file says; ``unit`` is that of its header, None where it names none. Rows ``left_out`` had no tonnage."""

    rows: list[ReadTonnage]
    unit: Unit | None
    left_out: int
    faults: list[CsvFault]


def read_tonnages(content: bytes) -> TonnageFile:
    """Read a file of tonnages."""
    rows, faults = read_csv(content, known=COLUMNS, required=("stream",), other_names=OTHER_NAMES)
    masses = [name for name in MASSES if rows and name in rows[0][1]]
    if rows and len(masses) != 1:
        named = " or ".join(MASSES)
        return TonnageFile([], None, 0, [*faults, CsvFault(1, "", f"one column of {named} is needed, and only one")])
    if rows and "month" not in rows[0][1] and not {"first_day", "last_day"} <= rows[0][1].keys():
        return TonnageFile(
            [], None, 0, [*faults, CsvFault(1, "", "a column month is needed, or first_day and last_day")]
        )
    faults += list_mixed(rows, masses)
    read: list[ReadTonnage] = []
    left_out = 0
    for line, values in rows:
        row = TonnageRow(line, values, masses[0])
        if not values[masses[0]]:
            left_out += 1
            continue
        found = row.read()
        faults += row.faults
        if found is not None:
            read.append(found)
    return TonnageFile(read, MASSES[masses[0]] if masses else None, left_out, faults)


class TonnageRow(RowReader):
    """One line of a file of tonnages, which stand in ``column``."""

    def __init__(self, line: int, values: Mapping[str, str], column: str) -> None:
        super().__init__(line, values)
        self._column = column

    def read(self) -> ReadTonnage | None:
        """Return what the line says; None where it is faulty."""
        is_of_month = bool(self.values.get("month"))
        days = self._read_month() if is_of_month else self._read_days()
        site, insee_code = self.values.get("site", ""), self.values.get("insee_code", "")
        if site and insee_code:
            self.fault("site", "names a site and a commune: leave one of them empty")
        stream = self.values["stream"].lower()
        if not STREAM.fullmatch(stream) and stream_called(stream) is None:
            self.fault("stream", f"{self.values['stream']!r} is no stream: a material of yours, or residual")
        quantity = self._read_quantity()
        if self.faults or days is None or quantity is None:
            return None
        return ReadTonnage(self.line, self._column, site, insee_code, stream, *days, quantity, is_of_month)

    def _read_quantity(self) -> Decimal | None:
        try:
            quantity = parse_quantity(self.values[self._column])
        except QuantityFaultyError as error:
            self.fault(self._column, str(error))
            return None
        if quantity < 0:
            self.fault(self._column, f"{self.values[self._column]} is below zero")
        if quantity > QUANTITY_MAX:
            self.fault(self._column, f"{self.values[self._column]} is more than can be: at most {QUANTITY_MAX:,}")
        return quantity

    def _read_month(self) -> tuple[datetime.date, datetime.date] | None:
        value = self.values["month"]
        found = MONTH.fullmatch(value)
        month = int(found["month"] or found["then"]) if found else 0
        if not found or not 1 <= month <= 12:
            self.fault("month", f"{value!r} is no month: expected 2026-10 or 10/2026")
            return None
        year = int(found["year"] or found["of"])
        last = calendar.monthrange(year, month)[1]
        return datetime.date(year, month, 1), datetime.date(year, month, last)

    def _read_days(self) -> tuple[datetime.date, datetime.date] | None:
        first, last = self._read_day("first_day"), self._read_day("last_day")
        if first is None or last is None:
            return None
        if last < first:
            self.fault("last_day", f"{last} is before {first}")
        elif (last - first).days >= DAYS_MAX:
            self.fault("last_day", f"{first} to {last} is more than a year: give it by month or year")
        return first, last

    def _read_day(self, column: str) -> datetime.date | None:
        value = self.values.get(column, "")
        found = FRENCH_DAY.fullmatch(value)
        try:
            if found:
                return datetime.date(int(found["year"]), int(found["month"]), int(found["day"]))
            return datetime.date.fromisoformat(value)
        except ValueError:
            self.fault(column, f"{value!r} is no day: expected 2026-10-31 or 31/10/2026")
            return None
