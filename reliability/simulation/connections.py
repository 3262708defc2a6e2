"""The stand-in database as SQLAlchemy and the driver show it, as far as the ingest uses them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import psycopg
from sqlalchemy import Connection, Select, TextClause

from reliability.simulation.statements import STATEMENTS, Done, select
from reliability.simulation.tables import Transaction
from rewards.pipelining import DIALECT, failure_of, sql_of

if TYPE_CHECKING:
    from reliability.simulation.database import SimulatedDatabase
    from reliability.simulation.processes import WorkerProcess


class SimulatedSession:
    """One connection with its transaction, as the driver shows it."""

    def __init__(self, database: "SimulatedDatabase", process: "WorkerProcess", transaction: Transaction) -> None:
        self.process = process
        self.transaction = transaction
        self._database = database

    @property
    def closed(self) -> bool:
        """Whether the connection is broken."""
        return self.transaction.is_severed

    def sever(self) -> None:
        """Break the connection."""
        self.transaction.is_severed = True

    def run(self, sql: str, parameters: Mapping[str, Any]) -> Done:
        """Do a statement given by its text."""
        name, work = STATEMENTS[sql]
        return self._run(name, lambda: work(self.transaction, parameters))

    def select(self, statement: Select[Any]) -> Done:
        """Do a statement written with SQLAlchemy's ``select``."""
        return self._run("select", lambda: select(self.transaction, statement))

    def ping(self) -> Done:
        """Answer ``SELECT 1``."""
        return self._run("ping", lambda: Done([(1,)], 1))

    def _run(self, name: str, work: Callable[[], Done]) -> Done:
        self._database.step(self, name)
        self.transaction.snapshot = self._database.tables.commits
        done = work()
        self._database.note(self, f"{name} {done.count}")
        return done

    @contextmanager
    def pipeline(self) -> Iterator[None]:
        """Group statements; here each is done at once."""
        yield

    def cursor(self) -> "SimulatedCursor":
        """Return a cursor, as the driver does."""
        return SimulatedCursor(self)


class SimulatedCursor:
    """A cursor of the driver, for statements that are sent together."""

    def __init__(self, session: SimulatedSession) -> None:
        self._session = session
        self._done = Done((), 0)

    def execute(self, sql: str, parameters: Mapping[str, Any]) -> "SimulatedCursor":
        """Do a statement."""
        self._done = self._session.run(sql, parameters)
        return self

    @property
    def description(self) -> object:
        """Something, when there are rows."""
        return self._done.rows or None

    @property
    def rowcount(self) -> int:
        """How many rows were changed or given back."""
        return self._done.count

    def fetchall(self) -> Sequence[Any]:
        """Return the rows."""
        return self._done.rows


class SimulatedResult:
    """The rows of a statement, as SQLAlchemy gives them."""

    def __init__(self, done: Done) -> None:
        self._rows = done.rows
        self.rowcount = done.count

    def all(self) -> Sequence[Any]:
        """Return all rows."""
        return self._rows

    def one_or_none(self) -> Any:
        """Return the one row there is, or None."""
        return self._rows[0] if self._rows else None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)


class SimulatedConnection:
    """A connection as SQLAlchemy shows it, as far as the ingest uses it."""

    dialect = DIALECT

    def __init__(self, session: SimulatedSession) -> None:
        self.driver_connection = session

    @property
    def connection(self) -> "SimulatedConnection":
        """The pool's view of the connection, which has ``driver_connection``."""
        return self

    def invalidate(self, error: BaseException) -> None:
        """Nothing to do: no connection is used twice."""

    def execute(self, statement: TextClause | Select[Any], parameters: Mapping[str, Any] | None = None) -> Any:
        """Do a statement; raises what SQLAlchemy would."""
        with self.wrapped_errors():
            if isinstance(statement, Select):
                return SimulatedResult(self.driver_connection.select(statement))
            if parameters is None:
                return SimulatedResult(self.driver_connection.ping())
            return SimulatedResult(self.driver_connection.run(sql_of(statement), parameters))

    scalars = execute

    @contextmanager
    def wrapped_errors(self) -> Iterator[None]:
        """Raise the driver's errors as SQLAlchemy does."""
        try:
            yield
        except psycopg.Error as error:
            raise failure_of(cast(Connection, self), error) from error


class SimulatedEngine:
    """What a process opens connections with."""

    def __init__(self, database: "SimulatedDatabase", process: "WorkerProcess") -> None:
        self._database = database
        self._process = process

    @contextmanager
    def connect(self) -> Iterator[SimulatedConnection]:
        """Open a connection whose transaction is undone at the end."""
        session = self._database.connect(self._process)
        try:
            yield SimulatedConnection(session)
        finally:
            self._database.end(session)

    @contextmanager
    def begin(self) -> Iterator[SimulatedConnection]:
        """Open a connection whose transaction is committed at the end, unless something is raised."""
        with self.connect() as connection:
            yield connection
            with connection.wrapped_errors():
                self._database.commit(connection.driver_connection)
