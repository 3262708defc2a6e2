"""Worker processes: the real ``Worker`` on stand-ins, with writers that can be frozen, stopped in order, or killed.

A process that is killed leaves what one leaves that lost its power: nothing of it runs any more, its connections break,
and what it had not committed is gone.
"""

import datetime
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Engine

from ingest.observer import Observer
from ingest.pipeline import Pipeline
from ingest.worker import Worker
from reliability.simulation.broker import SimulatedBroker
from reliability.simulation.connections import SimulatedEngine
from reliability.simulation.database import IDLE_IN_TRANSACTION_S, SimulatedDatabase
from reliability.simulation.faults import Faults
from reliability.simulation.scheduler import Killed, Scheduler, Task
from reliability.simulation.source import Ears, SimulatedSource
from reliability.simulation.trace import Trace
from rewards.crash_points import CrashPoint
from rewards.keyring import Keyring

RESTART_S = (0.1, 15.0)

LOCKED_POINTS = frozenset({"acknowledged"})
"""Steps inside the worker's locks: nobody else may run there, though a process may die there."""


class SimulatedStop(threading.Event):
    """The event that stops a worker; asking and waiting are where a writer lets others go first."""

    def __init__(self, scheduler: Scheduler, rest: Callable[[], object]) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._rest = rest

    def is_set(self) -> bool:
        """Tell whether the worker shall stop; rests first when nothing was at hand."""
        self._rest()
        self._scheduler.switch()
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait in virtual time."""
        if not super().is_set():
            self._scheduler.wait(timeout)
        return super().is_set()


@dataclass
class Host:
    """What all processes of a run are started with."""

    scheduler: Scheduler
    faults: Faults
    trace: Trace
    broker: SimulatedBroker
    database: SimulatedDatabase
    keyring: Keyring
    ears: Ears
    now: Callable[[], datetime.datetime]
    writers: int
    most_messages: int
    loaded_events: int
    source_class: type[SimulatedSource] = SimulatedSource
    worker_class: type[Worker] = Worker
    pipeline_class: type[Pipeline] = Pipeline


class WorkerProcess:
    """One worker under a fixed client id, started again after each death."""

    def __init__(self, host: Host, client_id: str) -> None:
        self.client_id = client_id
        self.ahead = datetime.timedelta()
        """How far its wall clock is ahead."""
        self._host = host
        self._tasks: list[Task] = []
        self._source: SimulatedSource | None = None
        self._stop: SimulatedStop | None = None
        self._starts = 0

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended since."""
        return self._source is not None

    def start(self) -> None:
        """Start it anew: nothing of its memory is left."""
        if self.is_running:
            return
        host = self._host
        self._starts += 1
        host.trace.note(self.client_id, f"starts, {self._starts}. time")
        source = self._source = host.source_class(
            self.client_id,
            broker=host.broker,
            scheduler=host.scheduler,
            faults=host.faults,
            trace=host.trace,
            clock=self.clock,
            ears=host.ears,
            most_messages=host.most_messages,
        )
        self._stop = SimulatedStop(host.scheduler, source.rest)
        engine = cast(Engine, SimulatedEngine(host.database, self))
        worker = host.worker_class(
            source,
            host.pipeline_class(engine, host.keyring, monotonic=self.monotonic),
            stop=self._stop,
            clock=self.clock,
            monotonic=self.monotonic,
            loaded_events=host.loaded_events,
            observer=Observer(),
        )
        writers = range(1, host.writers + 1)
        self._tasks = [host.scheduler.spawn(f"{self.client_id}/{n}", lambda: self._write(worker)) for n in writers]
        source.connect()
        source.beat()

    def kill(self) -> None:
        """Kill it, whatever it is doing; it is started again a while later."""
        if self._source is None:
            return
        self._host.trace.note(self.client_id, "is killed")
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            self._host.scheduler.kill(task)
        self._end()
        self._start_later()

    def freeze(self, for_s: float) -> None:
        """Let nothing of it run for a while; the server ends transactions that are silent for too long."""
        self._host.trace.note(self.client_id, f"is frozen for {for_s:.1f} s")
        for task in self._tasks:
            task.frozen_until_s = self._host.scheduler.now_s + for_s
        if for_s > IDLE_IN_TRANSACTION_S:
            self._host.scheduler.call_in(IDLE_IN_TRANSACTION_S, lambda: self._host.database.sever_all(self))

    def stop(self) -> None:
        """Ask it to stop in order, as SIGTERM does; it is started again a while later."""
        if self._stop is not None:
            self._host.trace.note(self.client_id, "is asked to stop")
            self._stop.set()
            for task in self._tasks:
                self._host.scheduler.wake(task)

    def disconnect(self) -> None:
        """Break its connection to the broker."""
        if self._source is not None:
            self._source.disconnect()

    def come_to(self, point: CrashPoint) -> None:
        """Let others go first at a step of the worker, or die there."""
        if self._host.faults.strikes("crash"):
            self._host.trace.note(self.client_id, f"dies at {point}")
            self.kill()
            raise Killed
        if point not in LOCKED_POINTS:
            self._host.scheduler.switch()

    def clock(self) -> datetime.datetime:
        """Return its wall clock."""
        return self._host.now() + self.ahead

    def monotonic(self) -> float:
        """Return its monotonic clock."""
        return self._host.scheduler.now_s

    def task_name(self) -> str:
        """Return the name of the task that runs, for the trace."""
        current = self._host.scheduler.current
        return current.name if current else self.client_id

    def _write(self, worker: Worker) -> None:
        """Be a writer; the last one to leave a worker that was stopped finishes it."""
        worker.write()
        task = self._host.scheduler.task()
        self._tasks.remove(task)
        if not self._tasks:
            self._tasks = [task]
            worker.finish()
            self._host.trace.note(self.client_id, "has stopped")
            self._end()
            self._start_later()

    def _end(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.die()
        self._host.database.sever_all(self)

    def _start_later(self) -> None:
        self._host.scheduler.call_in(self._host.faults.chance.uniform(*RESTART_S), self.start)
