"""Which statements the stand-in knows: found by the text itself, registered by the modules beside this one."""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause

from reliability.simulation.tables import Transaction
from rewards.pipelining import sql_of

Parameters = Mapping[str, Any]

POISON_ITEMS = 199
"""A deposit of so many items stands for whatever the database refuses to store."""

POISON_BATTERY_PCT = 99
"""The same, in a status, which has no events that could be set aside on their own."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a statement gives back: rows (a count of them when it returns none)."""

    rows: Sequence[Any]
    count: int


def changed(count: int) -> Done:
    """Return the result of a statement that gives back no rows."""
    return Done((), count)


Work = Callable[[Transaction, Parameters], Done]
STATEMENTS: dict[str, tuple[str, Work]] = {}
"""What is known, by text: a name for the trace, and the work."""


def does(statement: TextClause, name: str) -> Callable[[Work], Work]:
    """Register the work of a statement."""

    def register(work: Work) -> Work:
        STATEMENTS[sql_of(statement)] = (name, work)
        return work

    return register


def as_row(row: Mapping[str, Any]) -> Any:
    """Return a row whose columns can be read by name and by place."""
    return row_class(tuple(row))(**row)


@lru_cache
def row_class(names: tuple[str, ...]) -> Callable[..., Any]:
    """Return the class of rows with these columns."""
    return namedtuple("Row", names)
