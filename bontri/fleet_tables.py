"""The fleet on a terminal: a table of bins, and one bin with everything known of it."""

import datetime
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bontri.json_output import as_plain
from rewards.fleet.listing import ListedBin
from rewards.fleet.portraits import Facts

WIDTH_IN_FILES = 200
LONGEST_AGES = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def print_list(bins: Sequence[ListedBin], *, now: datetime.datetime) -> None:
    """Print a table of bins; ages are relative to ``now``."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("authority", "bin", "state", "site", "last heard", "firmware", "key", "missing", "alarms"):
        table.add_column(heading, justify="right" if heading == "missing" else "left", overflow="fold")
    for each in bins:
        valid = ",".join(map(str, each.valid_key_numbers)) or "none"
        table.add_row(
            each.authority,
            each.bin_id,
            each.state,
            f"{each.site}, {each.commune}" if each.site else "nowhere",
            age_of(each.last_heard_at, now=now),
            each.firmware or "?",
            f"{each.used_key_number} of {valid}",
            f"{each.missing_events:,}",
            " ".join(each.alarms) or "-",
        )
    console = _console()
    console.print(table)
    silent = sum(each.last_heard_at is None for each in bins)
    console.print(f"{len(bins):,} bins, {silent:,} of them never heard.", highlight=False)


def print_portrait(facts: Facts) -> None:
    """Print everything known of one bin: single facts first, then a table for each list that is not empty."""
    console = _console()
    for name, value in facts.items():
        if isinstance(value, Mapping):
            console.print(f"\n[bold]{_words(name)}[/bold]")
            for key, part in value.items():
                console.print(f"  {_words(key)}: {_shown(part)}", highlight=False, markup=False)
        elif isinstance(value, list):
            console.print(f"\n[bold]{_words(name)}[/bold]{'' if value else ': none'}")
            _print_rows(console, value)
        else:
            console.print(f"{_words(name)}: {_shown(value)}", highlight=False, markup=False)


def age_of(instant: datetime.datetime | None, *, now: datetime.datetime) -> str:
    """Say how long ago an instant was, in its largest unit."""
    if instant is None:
        return "never"
    seconds = max(int((now - instant).total_seconds()), 0)
    unit_s, unit = next(((size, name) for size, name in LONGEST_AGES if seconds >= size), (1, "s"))
    return f"{seconds // unit_s} {unit} ago"


def _print_rows(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    table = Table(box=None, pad_edge=True, header_style="dim")
    for name in rows[0]:
        table.add_column(_words(name), overflow="fold")
    for row in rows:
        table.add_row(*(_shown(value) for value in row.values()))
    console.print(table, markup=False)


def _console() -> Console:
    # In a file or a pipe nothing should be cut or folded at 80 columns.
    return Console(width=None if sys.stdout.isatty() else WIDTH_IN_FILES, markup=True, emoji=False)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return json.dumps(value, ensure_ascii=False, default=as_plain) if isinstance(value, dict | list) else str(value)
