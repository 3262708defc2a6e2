"""Reading a fleet from a CSV file as spreadsheets write it: every fault is told, with line and column."""

import datetime
from dataclasses import dataclass
from typing import Literal, cast
from zoneinfo import ZoneInfo

from rewards.csv_files import CsvFault, RowReader, read_csv
from rewards.fleet.provisioning import BIN_ID

REQUIRED = ("bin", "site")
COLUMNS = (*REQUIRED, "capacity_l", "placed_at", "state")
MOST_LITRES = 100_000


class InstantFaultyError(ValueError):
    """A text is no instant in ISO 8601."""


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
        content: As ``rewards/csv_files.py`` reads it.
        zone: Of instants without an offset.
        now: ``placed_at`` of bins without one.
    """
    rows, faults = read_csv(content, known=COLUMNS, required=REQUIRED)
    bins: list[CsvBin] = []
    first_lines: dict[str, int] = {}
    for line, values in rows:
        row = _Row(line, values)
        found = row.read(zone=zone, now=now)
        if (first := first_lines.setdefault(found.bin_id, line)) != line:
            row.fault("bin", f"{found.bin_id} stands in line {first} already")
        faults += row.faults
        bins.append(found)
    return bins, faults


class _Row(RowReader):
    """One line of a fleet."""

    def read(self, *, zone: ZoneInfo, now: datetime.datetime) -> CsvBin:
        """Read what is good; the rest is a fault and has a value that is never used."""
        bin_id, site = self.values["bin"], self.values["site"]
        if not BIN_ID.fullmatch(bin_id):
            self.fault("bin", f"{bin_id!r} is no bin id: 4 to 32 capital letters, digits and hyphens")
        if not site:
            self.fault("site", "is empty")
        state = self.values.get("state") or "live"
        if state not in ("test", "live"):
            self.fault("state", f"{state!r} is no state: test or live")
        return CsvBin(
            self.line,
            bin_id,
            site,
            self._read_litres(),
            self._read_instant(zone) or now,
            cast(Literal["test", "live"], state),
        )

    def _read_litres(self) -> int | None:
        value = self.values.get("capacity_l", "")
        if not value:
            return None
        if not (value.isascii() and value.isdecimal() and len(value) < 10 and 1 <= int(value) <= MOST_LITRES):
            self.fault("capacity_l", f"{value!r} is no whole number of litres from 1 to {MOST_LITRES}")
            return None
        return int(value)

    def _read_instant(self, zone: ZoneInfo) -> datetime.datetime | None:
        value = self.values.get("placed_at", "")
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
