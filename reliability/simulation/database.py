"""The stand-in for PostgreSQL: what the ingest's engine connects to, and how it fails.

Statements take virtual time and let others go first, so that transactions interleave at every statement. Errors are
those of the driver, wrapped as SQLAlchemy wraps them: the worker tells by them what to wait out and what to set aside.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import psycopg
from sqlalchemy import Connection, Select, TextClause

from reliability.simulation.faults import Faults
from reliability.simulation.scheduler import Scheduler
from reliability.simulation.statements import STATEMENTS, Done, select
from reliability.simulation.tables import Locks, Place, Row, Tables, Transaction
from reliability.simulation.trace import Trace
from rewards.pipelining import DIALECT, failure_of, sql_of

if TYPE_CHECKING:
    from reliability.simulation.processes import WorkerProcess

IDLE_IN_TRANSACTION_S = 10.0
"""As in ``rewards/database.py``: a transaction whose client says nothing for so long is ended by the server."""


class SimulatedDatabase:
    """The server. ``restores`` counts how often it was put back to a backup."""

    def __init__(self, scheduler: Scheduler, faults: Faults, trace: Trace) -> None:
        self.tables = Tables()
        self.is_away = False
        self.restores = 0
        self.restored_s = float("-inf")
        self.on_commit: Callable[[Mapping[Place, Row]], object] = lambda written: None
        self.scheduler = scheduler
        self._faults = faults
        self._trace = trace
        self._locks = Locks(scheduler)
        self._open: dict[SimulatedSession, None] = {}

    def connect(self, process: "WorkerProcess") -> "SimulatedSession":
        """Begin a transaction for a process."""
        session = SimulatedSession(self, process, Transaction(self.tables, self._locks))
        if self.is_away:
            session.sever()
        self._open[session] = None
        return session

    def step(self, session: "SimulatedSession", name: str) -> None:
        """Take the time of a statement, then raise what goes wrong with it."""
        self.scheduler.sleep(self._faults.chance.uniform(0.0001, 0.003))
        if self._faults.strikes("statement_slow"):
            self.scheduler.sleep(self._faults.chance.uniform(0.2, 4.0))
        self.scheduler.switch()
        session.transaction.check()
        if name != "commit" and self._faults.strikes("deadlock"):
            raise psycopg.errors.DeadlockDetected("deadlock detected")

    def commit(self, session: "SimulatedSession") -> None:
        """Commit, or not, or commit and lose the answer."""
        self.step(session, "commit")
        if self._faults.strikes("commit_refused"):
            session.sever()
            raise psycopg.OperationalError("the server closed the connection")
        self._apply(session.transaction.written)
        self._locks.release(session.transaction)
        if self._faults.strikes("commit_answer_lost"):
            self.note(session, "committed, and the answer is lost")
            session.sever()
            raise psycopg.OperationalError("the server closed the connection")
        self.note(session, "committed")
        self.scheduler.switch()

    def end(self, session: "SimulatedSession") -> None:
        """Forget what was not committed, and release what was locked."""
        self._open.pop(session, None)
        session.transaction.written = {}
        self._locks.release(session.transaction)

    def sever_all(self, process: "WorkerProcess | None" = None) -> None:
        """End the transactions of a process that is gone or silent, or all."""
        for session in list(self._open):
            if process is None or session.process is process:
                session.sever()
                self.end(session)

    def go_away(self) -> None:
        """Stop; what was under way is gone, what was committed is there when it comes back."""
        self.is_away = True
        self.sever_all()

    def restore(self, backup: Tables, *, epoch_floor: int) -> None:
        """Come back with the rows of a backup and a raised epoch, as after ``bontri restore-epoch``."""
        self.sever_all()
        self.tables = backup.copy()
        self.tables.rows["authorities"] = {
            key: {**row, "epoch": max(row["epoch"] + 1, epoch_floor)}
            for key, row in self.tables.table("authorities").items()
        }
        self.restores += 1
        self.restored_s = self.scheduler.now_s

    def note(self, session: "SimulatedSession", what: str) -> None:
        """Note in the trace what a session did."""
        self._trace.note(session.process.task_name(), what)

    def _apply(self, written: Mapping[Place, Row]) -> None:
        self.tables.commits += 1
        for (table, key), row in written.items():
            rows = self.tables.table(table)
            if key not in rows:
                self.tables.born[table, key] = self.tables.commits
            rows[key] = row
        self.on_commit(written)


class SimulatedSession:
    """One connection with its transaction, as the driver shows it."""

    def __init__(self, database: SimulatedDatabase, process: "WorkerProcess", transaction: Transaction) -> None:
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

    def __init__(self, database: SimulatedDatabase, process: "WorkerProcess") -> None:
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
