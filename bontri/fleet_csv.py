"""Reading a fleet from a CSV file as spreadsheets write it: every fault is told, with line and column."""

import csv
import datetime
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from zoneinfo import ZoneInfo

from rewards.fleet.provisioning import BIN_ID

REQUIRED = ("bin", "site")
COLUMNS = (*REQUIRED, "capacity_l", "placed_at", "state")
MOST_LITRES = 100_000


@dataclass(frozen=True, slots=True, order=True)
class CsvFault:
    """What is wrong in a line; ``column`` is empty when it is the line as a whole."""

    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.column}: {self.reason}" if self.column else f"line {self.line}: {self.reason}"


class InstantFaultyError(ValueError):
    """A text is no instant in ISO 8601."""


class FleetCsvError(Exception):
    """The file cannot be imported; ``faults`` has every reason, by line."""

    def __init__(self, path: Path, faults: list[CsvFault]) -> None:
        self.faults = sorted(faults)
        listed = "".join(f"\n  {fault}" for fault in self.faults)
        super().__init__(f"{path}: nothing was imported, {len(faults)} faults:{listed}")


@dataclass(frozen=True, slots=True)
class CsvBin:
    """A bin as the file describes it, and the line it stands in."""

    line: int
    bin_id: str
    site: str
    capacity_l: int | None
    placed_at: datetime.datetime
    state: Literal["test", "live"]


def read_fleet_csv(content: bytes, *, zone: ZoneInfo, now: datetime.datetime) -> tuple[list[CsvBin], list[CsvFault]]:
    """Read the bins, in the order of the file, and every fault the file itself has.

    Args:
        content: UTF-8 with or without byte order mark, with commas or semicolons, a header first.
        zone: Of instants without an offset.
        now: ``placed_at`` of bins without one.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [CsvFault(content.count(b"\n", 0, error.start) + 1, "", "is not UTF-8")]
    lines = _list_lines(text)
    header = next(lines, None)
    if header is None or isinstance(header, CsvFault):
        return [], [header or CsvFault(1, "", f"is empty; a header is expected: {', '.join(COLUMNS)}")]
    columns = [name.strip().lower() for name in header[1]]
    faults = _check_header(columns)
    if faults:
        return [], faults
    bins: list[CsvBin] = []
    first_lines: dict[str, int] = {}
    for read in lines:
        if isinstance(read, CsvFault):
            faults.append(read)
            continue
        line, values = read
        if len(values) != len(columns):
            faults.append(CsvFault(line, "", f"has {len(values)} columns, the header {len(columns)}"))
            continue
        row = _Row(line, dict(zip(columns, map(str.strip, values), strict=True)))
        found = row.read(zone=zone, now=now)
        if (first := first_lines.setdefault(found.bin_id, line)) != line:
            row.fault("bin", f"{found.bin_id} stands in line {first} already")
        faults += row.faults
        bins.append(found)
    if not bins and not faults:
        faults.append(CsvFault(1, "", "has a header and no bins below it"))
    return bins, faults


def _list_lines(text: str) -> Iterator[tuple[int, list[str]] | CsvFault]:
    """Yield the lines that are not empty with the number each begins at; a line that is no CSV ends it."""
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield CsvFault(line, "", f"is no CSV ({error})")
            return
        if any(value.strip() for value in values):
            yield line, values


def _check_header(columns: list[str]) -> list[CsvFault]:
    known = ", ".join(COLUMNS)
    faults = [CsvFault(1, name, f"unknown column; known are {known}") for name in columns if name not in COLUMNS]
    faults += [CsvFault(1, name, "this column is missing") for name in REQUIRED if name not in columns]
    faults += [CsvFault(1, name, "this column is there twice") for name in COLUMNS if columns.count(name) > 1]
    return faults


class _Row:
    """One line; collects its faults instead of stopping at the first."""

    def __init__(self, line: int, values: Mapping[str, str]) -> None:
        self.faults: list[CsvFault] = []
        self._line = line
        self._values = values

    def fault(self, column: str, reason: str) -> None:
        self.faults.append(CsvFault(self._line, column, reason))

    def read(self, *, zone: ZoneInfo, now: datetime.datetime) -> CsvBin:
        """Read what is good; the rest is a fault and has a value that is never used."""
        bin_id, site = self._values["bin"], self._values["site"]
        if not BIN_ID.fullmatch(bin_id):
            self.fault("bin", f"{bin_id!r} is no bin id: 4 to 32 capital letters, digits and hyphens")
        if not site:
            self.fault("site", "is empty")
        state = self._values.get("state") or "live"
        if state not in ("test", "live"):
            self.fault("state", f"{state!r} is no state: test or live")
        return CsvBin(
            self._line,
            bin_id,
            site,
            self._read_litres(),
            self._read_instant(zone) or now,
            cast(Literal["test", "live"], state),
        )

    def _read_litres(self) -> int | None:
        value = self._values.get("capacity_l", "")
        if not value:
            return None
        if not (value.isascii() and value.isdecimal() and len(value) < 10 and 1 <= int(value) <= MOST_LITRES):
            self.fault("capacity_l", f"{value!r} is no whole number of litres from 1 to {MOST_LITRES}")
            return None
        return int(value)

    def _read_instant(self, zone: ZoneInfo) -> datetime.datetime | None:
        value = self._values.get("placed_at", "")
        if not value:
            return None
        try:
            return parse_instant(value, zone)
        except InstantFaultyError:
            self.fault("placed_at", f"{value!r} is no date: expected 2026-11-21 or 2026-11-21T09:00+01:00")
            return None


def parse_instant(value: str, zone: ZoneInfo) -> datetime.datetime:
    """Read an instant in ISO 8601; without an offset it is of ``zone``.

    Raises:
        InstantFaultyError: it is none.
    """
    try:
        read = datetime.datetime.fromisoformat(value)
    except ValueError:
        raise InstantFaultyError(f"{value!r} is no date") from None
    return (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(datetime.UTC)
