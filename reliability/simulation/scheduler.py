"""Virtual time, and one thread of control: whoever runs holds the baton, and gives it back only where it may.

The worker's writers are real threads, so that the worker's code runs as it is. Each runs only while it holds the
baton; it gives it back where it calls a stand-in (a statement, a publish, a wait), never inside the worker's locks.
Which of those that could go on is next is drawn from the run's chance. Time passes only when none can.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from random import Random

SWITCHES = 0.25
"""How often the processor is taken from a task at a place where that can matter."""

AWAY_S = (0.001, 0.01, 0.3)
"""For how long at most: drawn from these, so that a writer is sometimes overtaken by a whole batch of another."""


class Killed(BaseException):
    """The process of this task was killed; no ``except Exception`` of the code under test may hold it up."""


class BrokenInvariantError(BaseException):
    """Something that must hold does not; no ``except Exception`` of the code under test may hide it."""

    def __init__(self, invariant: str, words: str) -> None:
        super().__init__(f"{invariant}: {words}")
        self.invariant = invariant
        self.words = words


class Task:
    """A thread that runs only while it holds the baton."""

    def __init__(self, scheduler: "Scheduler", name: str, run: Callable[[], object]) -> None:
        self.name = name
        self.is_killed = False
        self.is_done = False
        self.frozen_until_s = 0.0
        self.is_waiting = False
        self.waits = 0
        self.fault: BaseException | None = None
        self._scheduler = scheduler
        self._run = run
        self._baton = threading.Lock()
        self._baton.acquire()
        threading.Thread(target=self._live, daemon=True, name=name).start()

    def _live(self) -> None:
        self._baton.acquire()
        try:
            if not self.is_killed:
                self._run()
        except Killed:
            pass
        except BaseException as fault:  # noqa: BLE001 (a top: it is raised in the thread of the scheduler)
            self.fault = fault
        self.is_done = True
        self._scheduler.give_back()

    def take_baton(self) -> None:
        """Let the thread go on; called by the scheduler."""
        self._baton.release()

    def wait_for_baton(self) -> None:
        """Wait until it is this task's turn; raises :class:`Killed` when its process died meanwhile."""
        self._baton.acquire()
        if self.is_killed:
            raise Killed


class Turn:
    """From the baton handed out to the baton given back."""

    def __init__(self) -> None:
        self.is_over = False
        self.returned = threading.Lock()
        self.returned.acquire()


class Scheduler:
    """Runs tasks and timers of one seed, one after the other. ``now_s`` is the virtual time."""

    def __init__(self, chance: Random) -> None:
        self.now_s = 0.0
        self.current: Task | None = None
        self.spawned = 0
        self._chance = chance
        self._tasks: list[Task] = []
        self._ready: list[Task] = []
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._turn = Turn()

    def spawn(self, name: str, run: Callable[[], object]) -> Task:
        """Start a task; it runs when its turn comes."""
        self.spawned += 1
        task = Task(self, name, run)
        self._tasks = [each for each in self._tasks if not each.is_done]
        self._tasks.append(task)
        self._ready.append(task)
        return task

    def call_in(self, delay_s: float, action: Callable[[], object]) -> None:
        """Have ``action`` called when ``delay_s`` of virtual time have passed; it must not wait for anything."""
        heapq.heappush(self._timers, (self.now_s + delay_s, next(self._numbers), action))

    def run_until(self, end_s: float, *, is_over: Callable[[], bool] = lambda: False) -> None:
        """Run whatever comes, until virtual time ``end_s``, or until it is over: asked whenever time passes.

        Raises:
            BrokenInvariantError: by whoever found it, or because a task ended by an error that the worker did not
                catch, which would end a real one too.
        """
        while True:
            if self._ready:
                self._resume(self._ready.pop(self._chance.randrange(len(self._ready))))
            elif self._timers and self._timers[0][0] <= end_s and not is_over():
                due_s, _, action = heapq.heappop(self._timers)
                self.now_s = max(self.now_s, due_s)
                action()
            else:
                return

    def switch(self) -> None:
        """Take the processor from the task that runs for a moment, now and then."""
        if self._chance.random() < SWITCHES:
            self.sleep(self._chance.uniform(0.0, self._chance.choice(AWAY_S)))

    def sleep(self, delay_s: float) -> None:
        """Let ``delay_s`` pass for the task that runs."""
        # Nobody else could do anything meanwhile: no need to hand the baton to and fro.
        if not self._ready and (not self._timers or self._timers[0][0] > self.now_s + delay_s):
            self.now_s += delay_s
            return
        self.wait(delay_s)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until woken by :meth:`wake`, or for ``timeout_s``; return whether it was woken in time."""
        task = self.task()
        task.waits += 1
        task.is_waiting = True
        number, timed_out = task.waits, []

        def end() -> None:
            if task.is_waiting and task.waits == number:
                timed_out.append(True)
                self.wake(task)

        if timeout_s is not None:
            self.call_in(timeout_s, end)
        self._hand_back()
        return not timed_out

    def wake(self, task: Task) -> None:
        """Let a task go on if it waits."""
        if task.is_waiting:
            task.is_waiting = False
            self._ready.append(task)

    def kill(self, task: Task) -> None:
        """Have a task die at the place where it waits; the one that runs must raise :class:`Killed` itself."""
        task.is_killed = True
        self.wake(task)

    def close(self) -> None:
        """Have every task die, so that no thread lives on."""
        # After a signal broke off the wait for it, a turn may not be over yet, but is in an instant.
        while self.current is not None and not self._turn.is_over:
            time.sleep(0.001)
        for task in self._tasks:
            task.is_killed = True
            self._resume(task)

    def task(self) -> Task:
        """Return the task that runs."""
        if self.current is None:
            raise AssertionError("no task runs: a stand-in was called from a timer")
        return self.current

    def give_back(self) -> None:
        """Give the baton back to the scheduler; called by the thread of a task."""
        turn = self._turn
        turn.returned.release()
        turn.is_over = True

    def _hand_back(self) -> None:
        task = self.task()
        self.give_back()
        task.wait_for_baton()

    def _resume(self, task: Task) -> None:
        if task.is_done:
            return
        if task.frozen_until_s > self.now_s and not task.is_killed:
            self.call_in(task.frozen_until_s - self.now_s, lambda: self._ready.append(task))
            return
        self.current = task
        turn = self._turn = Turn()
        task.take_baton()
        turn.returned.acquire()
        self.current = None
        if isinstance(task.fault, BrokenInvariantError):
            raise task.fault
        if task.fault is not None:
            raise BrokenInvariantError("worker_survives", f"{task.name}: {task.fault!r}") from task.fault
