"""One thing that runs, and can be killed, paused and started again."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from bontri.embedded.broker import Broker
from bontri.embedded.errors import EmbeddedServiceError
from bontri.embedded.postgres import PostgresServer
from bontri.embedded.process_tree import list_descendants
from bontri.embedded.processes import Child
from reliability.chaos.guardian import Guardian


@dataclass(eq=False)
class Service:
    """Something that runs, or has been killed and waits to be started again."""

    name: str
    guardian: Guardian
    open: Callable[[], AbstractContextManager[PostgresServer | Broker | Child]]
    is_wanted: bool = False
    is_paused: bool = False
    starts: int = 0
    child: Child | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """Start it unless it runs; return once it answers, if it is of the kind that can be asked."""
        self.is_wanted = True
        if self.is_running:
            return
        running = self._stack.enter_context(self.open())
        self.child = running if isinstance(running, Child) else running.child
        self.starts += 1

    @property
    def is_running(self) -> bool:
        """Whether its process lives, paused or not."""
        return self.child is not None and self.child.is_running

    @property
    def has_ended_well(self) -> bool:
        """Whether its process has ended with 0."""
        return self.child is not None and self.child.process.poll() == 0

    @property
    def pids(self) -> list[int]:
        """Its process and all below it; none when it does not run."""
        if self.child is None or not self.child.is_running:
            return []
        return [self.child.pid, *list_descendants(self.child.pid)]

    def kill(self) -> None:
        """End it as a power cut would. It stays away until started again."""
        self.is_wanted = False
        self.resume()
        if self.child is not None:
            self.child.kill()
        self._close()

    def pause(self) -> None:
        """Stop all its processes where they are."""
        self.is_paused = True
        self.guardian.watch(self.pids)
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on; does nothing when they do."""
        if self.is_paused:
            self.is_paused = False
            self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it in order."""
        self.is_wanted = False
        self.resume()
        self._close()

    def _close(self) -> None:
        self._stack.close()
        self.child = None

    def _signal(self, number: signal.Signals) -> None:
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def wait_for(condition: Callable[[], Any], *, within_s: float, what: str) -> None:
    """Return once ``condition`` holds.

    Raises:
        EmbeddedServiceError: it does not in time.
    """
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise EmbeddedServiceError(f"{what} within {within_s:.0f} s")
        time.sleep(0.05)
