"""Files as SINOE (ADEME) publishes them: tonnes, population and kg per inhabitant by département, year and stream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rewards.csv_files import CsvFault, RowReader, read_csv
from rewards.quantities import QuantityFaultyError, list_mixed, parse_quantity
from rewards.statistics.references.regions import REGION_OF

G_PER_TONNE = 1_000_000
QUANTITY_MAX = 1_000_000_000
"""Of tonnes, or persons: more than any département has, and its grams still fit a column."""
STREAMS: Mapping[str, str] = {"08A": "residual", "08B": "packaging_paper", "08C": "glass", "08D": "food"}
"""Codes of SINOE: residual household waste, packaging and paper, glass, food waste."""
REQUIRED = ("year", "department", "stream_code", "tonnes", "population")
COLUMNS = (*REQUIRED, "department_name", "stream", "kg_per_inhabitant")


@dataclass(frozen=True, slots=True)
class DepartmentTonnage:
    """What a département collected in a year of a stream, and how many lived there."""

    line: int
    year: int
    department: str
    stream: str
    mass_g: int
    population: int

    @property
    def kg_per_inhabitant(self) -> float:
        """Kilograms per inhabitant and year."""
        return self.mass_g / 1000 / self.population


@dataclass(frozen=True, slots=True)
class ReferenceFile:
    """What a file says. Rows ``left_out`` had no tonnes: they are missing, not zero."""

    rows: list[DepartmentTonnage]
    left_out: int
    faults: list[CsvFault]


def read_sinoe(content: bytes) -> ReferenceFile:
    """Read the rows of a file, and every fault."""
    rows, faults = read_csv(content, known=COLUMNS, required=REQUIRED)
    faults += list_mixed(rows, ("tonnes", "population", "kg_per_inhabitant"))
    found: list[DepartmentTonnage] = []
    first_lines: dict[tuple[int, str, str], int] = {}
    for line, values in rows:
        row = SinoeRow(line, values)
        read = row.read()
        if read is not None:
            first = first_lines.setdefault((read.year, read.department, read.stream), line)
            if first != line:
                row.fault("", f"{read.stream} of {read.department} in {read.year} stands in line {first} already")
            found.append(read)
        faults += row.faults
    return ReferenceFile(found, sum(not values["tonnes"] for _, values in rows), faults)


class SinoeRow(RowReader):
    """One line of a file of SINOE."""

    def read(self) -> DepartmentTonnage | None:
        """Return what the line says; None where it has no tonnes, or is faulty."""
        year, population = self._read_whole("year", 1990, 2100), self._read_whole("population", 1, QUANTITY_MAX)
        department = self.values["department"].upper().zfill(2)
        if department not in REGION_OF:
            self.fault("department", f"{self.values['department']!r} is no département")
        stream = STREAMS.get(self.values["stream_code"].upper())
        if stream is None:
            self.fault("stream_code", f"{self.values['stream_code']!r} is none of {', '.join(STREAMS)}")
        tonnes = self._read_quantity("tonnes")
        if self.faults or tonnes is None or year is None or population is None or stream is None:
            return None
        mass_g = int((tonnes * G_PER_TONNE).to_integral_value())
        self._check_published(mass_g, population)
        return DepartmentTonnage(self.line, year, department, stream, mass_g, population)

    def _check_published(self, mass_g: int, population: int) -> None:
        """Refuse a line whose own columns contradict each other."""
        published = self._read_quantity("kg_per_inhabitant")
        reckoned = Decimal(mass_g) / 1000 / population
        if published is not None and abs(published - reckoned) > last_decimal_of(published):
            self.fault("kg_per_inhabitant", f"{published} is not tonnes by population, {reckoned:.6f}")

    def _read_quantity(self, column: str) -> Decimal | None:
        value = self.values.get(column, "")
        if not value:
            return None
        try:
            quantity = parse_quantity(value)
        except QuantityFaultyError as error:
            self.fault(column, str(error))
            return None
        if quantity < 0:
            self.fault(column, f"{value} is below zero")
            return None
        if quantity > QUANTITY_MAX:
            self.fault(column, f"{value} is more than can be: at most {QUANTITY_MAX:,}")
            return None
        return quantity

    def _read_whole(self, column: str, least: int, most: int) -> int | None:
        quantity = self._read_quantity(column)
        if quantity is None and not any(each.column == column for each in self.faults):
            self.fault(column, "is empty")
        if quantity is None:
            return None
        if quantity % 1 or not least <= quantity <= most:
            self.fault(column, f"{self.values[column]!r} is no whole number from {least} to {most}")
            return None
        return int(quantity)


def last_decimal_of(number: Decimal) -> Decimal:
    """Return one unit of the last decimal a number was written with: publishers round, or cut off."""
    exponent = number.as_tuple().exponent
    return Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)


def find_doubtful(rows: Sequence[DepartmentTonnage]) -> list[CsvFault]:
    """List rows that are so far from the others of their stream that the unit must be wrong: kilograms for tonnes."""
    faults = []
    by_stream: dict[str, list[float]] = {}
    for row in rows:
        by_stream.setdefault(row.stream, []).append(row.kg_per_inhabitant)
    for row in rows:
        others = sorted(by_stream[row.stream])
        middle = others[len(others) // 2]
        if len(others) >= 10 and middle > 0 and row.kg_per_inhabitant > 100 * middle:
            reason = f"{row.kg_per_inhabitant:,.0f} kg an inhabitant, where others have {middle:,.1f}: kilograms?"
            faults.append(CsvFault(row.line, "tonnes", reason))
    return faults
