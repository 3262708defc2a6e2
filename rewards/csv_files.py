"""CSV files as spreadsheets write them: every fault is told, with line and column, and none of the file is used.

UTF-8 with or without byte order mark, else Windows-1252; commas, semicolons or tabs; a header first.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DELIMITERS = ";\t,"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet calculate; such a cell is given an apostrophe in front."""
Row = tuple[int, dict[str, str]]
"""(the line it begins at, its values by column, without blanks around them)."""


@dataclass(frozen=True, slots=True, order=True)
class CsvFault:
    """What is wrong in a line; ``column`` is empty when it is the line as a whole."""

    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.column}: {self.reason}" if self.column else f"line {self.line}: {self.reason}"


class RowReader:
    """Reads one row; collects its ``faults`` instead of stopping at the first."""

    def __init__(self, line: int, values: Mapping[str, str]) -> None:
        """Read ``values`` by column, which stand in ``line``."""
        self.faults: list[CsvFault] = []
        self.line = line
        self.values = values

    def fault(self, column: str, reason: str) -> None:
        """Note what is wrong."""
        self.faults.append(CsvFault(self.line, column, reason))


def read_csv(
    content: bytes, *, known: Sequence[str], required: Sequence[str] = (), other_names: Mapping[str, str] | None = None
) -> tuple[list[Row], list[CsvFault]]:
    """Read the rows that have as many values as the header, and every fault of the file as such.

    Args:
        content: The whole file.
        known: The columns there may be; their case does not matter.
        required: Those that must be there.
        other_names: What else a column may be called, to what it is called here.
    """
    lines = list_lines(decode(content))
    header = next(lines, None)
    if header is None or isinstance(header, CsvFault):
        return [], [header or CsvFault(1, "", f"is empty; a header is expected: {', '.join(known)}")]
    said = [" ".join(name.lower().split()) for name in header[1]]
    columns = [(other_names or {}).get(name, name) for name in said]
    faults = check_header(columns, known, required)
    if faults:
        return [], faults
    rows: list[Row] = []
    for read in lines:
        if isinstance(read, CsvFault):
            faults.append(read)
        elif len(read[1]) != len(columns):
            faults.append(CsvFault(read[0], "", f"has {len(read[1])} columns, the header {len(columns)}"))
        else:
            rows.append((read[0], dict(zip(columns, map(str.strip, read[1]), strict=True))))
    if not rows and not faults:
        faults.append(CsvFault(1, "", "has a header and nothing below it"))
    return rows, faults


def decode(content: bytes) -> str:
    """Return the text; what is no UTF-8 is what older spreadsheets write, in which no byte is wrong."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Five bytes mean nothing in Windows-1252; what they stood for is refused where it matters.
        return content.decode("cp1252", errors="replace")


def list_lines(text: str) -> Iterator[tuple[int, list[str]] | CsvFault]:
    """Yield the lines that are not empty with the number each begins at; a line that is no CSV ends it."""
    if "\0" in text:
        yield CsvFault(text.count("\n", 0, text.index("\0")) + 1, "", "is no text: it holds a zero byte")
        return
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
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


def check_header(columns: Sequence[str], known: Sequence[str], required: Sequence[str]) -> list[CsvFault]:
    """List what is wrong with the names of the columns."""
    listed = ", ".join(known)
    faults = [CsvFault(1, name, f"unknown column; known are {listed}") for name in columns if name not in known]
    faults += [CsvFault(1, name, "this column is missing") for name in required if name not in columns]
    faults += [CsvFault(1, name, "this column is there twice") for name in known if columns.count(name) > 1]
    return faults


class CsvFaultyError(Exception):
    """A file cannot be imported, and nothing of it was; ``faults`` has every reason, by line."""

    def __init__(self, name: str, faults: Sequence[CsvFault]) -> None:
        self.faults = sorted(faults)
        listed = "".join(f"\n  {fault}" for fault in self.faults)
        counted = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(f"{name}: nothing was imported, {counted}:{listed}")


def as_cell(value: Any) -> Any:
    """Return a value as a cell of CSV: ``true`` and ``false``, lists with blanks between, no text that is a formula.

    What has names is written ``name:value``, also with blanks between; what is nested deeper is JSON.
    """
    if isinstance(value, Mapping):
        value = " ".join(f"{name}:{as_word(each)}" for name, each in value.items())
    elif isinstance(value, list | tuple):
        value = " ".join(map(as_word, value))
    elif isinstance(value, bool):
        value = as_word(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def as_word(value: Any) -> str:
    """Return a value of a list as it stands in its cell; what is unknown is empty."""
    if isinstance(value, bool | list | tuple | Mapping):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)
