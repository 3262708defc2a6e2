"""The stand-in for PostgreSQL: what the ingest's engine connects to, and how it fails.

Statements take virtual time and let others go first, so that transactions interleave at every statement. Errors are
those of the driver, wrapped as SQLAlchemy wraps them: the worker tells by them what to wait out and what to set aside.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import psycopg

from reliability.simulation.connections import SimulatedSession
from reliability.simulation.faults import Faults
from reliability.simulation.scheduler import Scheduler
from reliability.simulation.tables import Locks, Place, Row, Tables, Transaction
from reliability.simulation.trace import Trace

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

    def connect(self, process: "WorkerProcess") -> SimulatedSession:
        """Begin a transaction for a process."""
        session = SimulatedSession(self, process, Transaction(self.tables, self._locks))
        if self.is_away:
            session.sever()
        self._open[session] = None
        return session

    def step(self, session: SimulatedSession, name: str) -> None:
        """Take the time of a statement, then raise what goes wrong with it."""
        self.scheduler.sleep(self._faults.chance.uniform(0.0001, 0.003))
        if self._faults.strikes("statement_slow"):
            self.scheduler.sleep(self._faults.chance.uniform(0.2, 4.0))
        self.scheduler.switch()
        session.transaction.check()
        if name != "commit" and self._faults.strikes("deadlock"):
            raise psycopg.errors.DeadlockDetected("deadlock detected")

    def commit(self, session: SimulatedSession) -> None:
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

    def end(self, session: SimulatedSession) -> None:
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

    def note(self, session: SimulatedSession, what: str) -> None:
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
