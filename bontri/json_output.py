"""What commands print with ``--json``: instants as the API writes them, ids and days as their texts."""

import dataclasses
import datetime
import json
from typing import Any

import click

from rewards.instants import write_instant

AS_JSON = click.option("--json", "is_json", is_flag=True, help="Print JSON.")


def as_json(content: Any) -> str:
    """Return JSON of plain values, instants, days, ids, and of dataclasses of them."""
    return json.dumps(content, indent=2, ensure_ascii=False, default=as_plain)


def as_plain(value: Any) -> Any:
    """Return what JSON has no form for in one that it has."""
    if isinstance(value, datetime.datetime):
        return write_instant(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)
