"""What an import would change, told before anything is: rows that are new, rows that are stored with other values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rewards.csv_files import CsvFault

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A row to store: the line it stands in, what it is about in words, its key, and its values by column."""

    line: int
    words: str
    key: Key
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A stored row that would get other values; ``before`` and ``after`` hold those that differ."""

    line: int
    words: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(slots=True)
class Preview:
    """What an import comes to. Nothing is ever removed by one; ``warnings`` are things to look at."""

    rows: list[ImportRow]
    new: list[ImportRow] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    unchanged: int = 0
    warnings: list[CsvFault] = field(default_factory=list)


def preview(
    rows: Sequence[ImportRow], stored: Mapping[Key, Mapping[str, Any]], warnings: Sequence[CsvFault] = ()
) -> Preview:
    """Compare rows with what is stored under their keys."""
    found = Preview(list(rows), warnings=list(warnings))
    for row in rows:
        known = stored.get(row.key)
        if known is None:
            found.new.append(row)
            continue
        differing = [name for name, value in row.values.items() if known[name] != value]
        if differing:
            before = {name: known[name] for name in differing}
            found.changed.append(Change(row.line, row.words, before, {name: row.values[name] for name in differing}))
        else:
            found.unchanged += 1
    return found
