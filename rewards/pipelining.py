"""Statements given to the driver itself: several sent together, or one whose rows are taken as they come.

Sent together, PostgreSQL works through them while the client waits once, instead of once for each; for writes whose
answers nothing before the commit depends on. What statements are about must not go in here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import Connection, TextClause
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError

Row = tuple[Any, ...]

DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]


@dataclass(slots=True, eq=False)
class Write:
    """A statement with its parameters; ``rows`` is how many it must change, None when that cannot be known before."""

    statement: TextClause
    parameters: Mapping[str, Any]
    rows: int | None = None


class RowsMissingError(LookupError):
    """A write found fewer rows than it names.

    Stands in for foreign keys (docs/decisions/0004-no-foreign-keys-on-the-hot-path.md). The transaction must be
    rolled back.
    """


def execute_write(connection: Connection, write: Write) -> None:
    """Execute one write by itself; raises :class:`RowsMissingError`."""
    result = connection.execute(write.statement, dict(write.parameters))
    require_rows(write, result.rowcount)


def execute_pipelined(connection: Connection, writes: Sequence[Write]) -> list[list[Row]]:
    """Execute ``writes`` in their order, in the transaction under way; return the rows each gives back.

    Raises:
        RowsMissingError: one changed fewer rows than it names.
        sqlalchemy.exc.DBAPIError: what the first that failed raised; those behind it were not executed.
    """
    driver: Any = connection.connection.driver_connection
    try:
        with driver.pipeline():
            cursors = [driver.cursor().execute(sql_of(write.statement), write.parameters) for write in writes]
        rows = [cursor.fetchall() if cursor.description else [] for cursor in cursors]
    except psycopg.Error as error:
        raise failure_of(connection, error) from error
    for write, cursor in zip(writes, cursors, strict=True):
        require_rows(write, cursor.rowcount)
    return rows


def fetch_rows(connection: Connection, statement: TextClause, values: Mapping[str, Any]) -> list[Row]:
    """Execute one statement and return its rows as tuples, in the transaction under way or one begun now.

    For what every request does: to build its result objects SQLAlchemy takes as long as the driver and PostgreSQL
    together (270 against 130 µs of processor time for the caller's session, 340 against 110 for the balance).

    Raises:
        sqlalchemy.exc.DBAPIError: what the driver raised.
    """
    driver: Any = connection.connection.driver_connection
    if not (driver.autocommit or connection.in_transaction()):
        connection.begin()
    try:
        cursor = driver.cursor().execute(sql_of(statement), values)
        rows: list[Row] = cursor.fetchall()
    except psycopg.Error as error:
        failure = failure_of(connection, error)
        if connection.invalidated:
            # The server has gone; others of the pool would each fail once before they were found to be broken too.
            connection.engine.dispose()
        raise failure from error
    return rows


def require_rows(write: Write, rows: int) -> None:
    """Raise when a write changed fewer rows than it names."""
    if write.rows is not None and rows != write.rows:
        raise RowsMissingError(f"{write.rows - rows} of {write.rows} rows do not exist")


@lru_cache(maxsize=100)
def sql_of(statement: TextClause) -> str:
    """Return a statement as the driver takes it."""
    return str(statement.compile(dialect=DIALECT))


def failure_of(connection: Connection, error: psycopg.Error) -> BaseException:
    """Return a driver's error as SQLAlchemy raises it, so that callers know one kind; drops a broken connection."""
    driver: Any = connection.connection.driver_connection
    is_broken = bool(driver.closed)
    if is_broken:
        connection.invalidate(error)
    return DBAPIError.instance(
        None,
        None,
        error,
        psycopg.Error,
        hide_parameters=True,
        connection_invalidated=is_broken,
        dialect=connection.dialect,
    )
