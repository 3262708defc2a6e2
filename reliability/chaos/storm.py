"""The time of the faults: each is begun when the plan says, and ended when its time is over, in one thread.

A kill that is timed stands alone: the plan waits until all is calm before it, and until there is a new commit after it.
"""

import heapq
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from reliability.chaos.faults import Ending, Faults, NotNowError
from reliability.chaos.recovery import COUNTED_FROM_ITS_ANSWER, OF_THE_GROUP, Recovery, find_commit_after
from reliability.chaos.schedule import Planned

TICK_S = 0.05
TRY_AGAIN_S = 0.5
LATE_S = 20.0
"""So much longer a storm may last for what it has planned: on a busy machine a broker takes seconds to come back."""
WAITS_FOR_CALM_S, WAITS_FOR_RECOVERY_S = 90.0, 60.0
NOTICED_WITHIN_S = 1.0
"""The parent of the workers looks after them five times a second."""


@dataclass(slots=True)
class Happened:
    """A fault that was brought about; monotonic seconds."""

    kind: str
    from_s: float
    until_s: float


@dataclass(slots=True)
class Timing:
    """A kill that waits for calm since ``since_s``; once it ``happened``, for a new commit."""

    planned: Planned
    since_s: float
    happened: Happened | None = None


@dataclass
class Storm:
    """Walks through a plan. ``happened`` is what came of it, ``missed`` what found nobody to hit before the end."""

    faults: Faults
    plan: Sequence[Planned]
    seconds: float
    happened: list[Happened] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    missed: list[Planned] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)
    ended_s: float = 0.0

    def __post_init__(self) -> None:
        self._scene = self.faults.scene
        self._numbers = itertools.count()
        self._endings: list[tuple[float, int, Happened, Ending]] = []
        self._waiting = [(planned.at_s, next(self._numbers), planned) for planned in self.plan]
        heapq.heapify(self._waiting)
        self._timing: Timing | None = None
        self._held_s = 0.0

    def rage(self, on_tick: Callable[[float], None]) -> None:
        """Bring every fault about in its time; return when the time is over and all have ended."""
        try:
            while self.elapsed_s < self.seconds or self._endings or self._timing or self._has_late():
                looked_s = time.monotonic()
                self._end_due()
                if self._timing is None:
                    self._begin_due()
                else:
                    self._time_kill(self._timing)
                self.faults.backup.look()
                self._scene.services.look_after()
                on_tick(self.elapsed_s)
                time.sleep(TICK_S)
                if self._timing is not None:
                    self._held_s += time.monotonic() - looked_s
            self.missed += [planned for _, _, planned in sorted(self._waiting)]
        finally:
            self.ended_s = time.monotonic()
            self.faults.stop()

    @property
    def elapsed_s(self) -> float:
        """Seconds of the plan that are over; while a kill is timed it stands still."""
        return time.monotonic() - self.began_s - self._held_s

    def _end_due(self) -> None:
        while self._endings and self._endings[0][0] <= time.monotonic():
            _, _, happened, end = heapq.heappop(self._endings)
            end()
            happened.until_s = time.monotonic()

    def _has_late(self) -> bool:
        """Tell whether a fault waits past the end for what it would hit to be up again, and may still."""
        return bool(self._waiting) and self.elapsed_s < self.seconds + LATE_S

    def _begin_due(self) -> None:
        while self._timing is None and self._has_late() and self._waiting[0][0] <= self.elapsed_s:
            at_s, _, planned = heapq.heappop(self._waiting)
            if planned.is_timed:
                self._timing = Timing(planned, time.monotonic())
                return
            try:
                self._begin(planned)
            except NotNowError:
                heapq.heappush(self._waiting, (at_s + TRY_AGAIN_S, next(self._numbers), planned))

    def _begin(self, planned: Planned) -> Happened:
        from_s = time.monotonic()
        end = self.faults.begin(planned)
        happened = Happened(planned.kind, from_s, time.monotonic())
        self.happened.append(happened)
        if end is not None:
            happened.until_s = from_s + planned.lasts_s
            heapq.heappush(self._endings, (happened.until_s, next(self._numbers), happened, end))
        return happened

    def _time_kill(self, timing: Timing) -> None:
        """Begin a kill once all is calm; note how long the recovery took once there is one."""
        waited_s = time.monotonic() - timing.since_s
        if timing.happened is None:
            if self._is_calm(timing.since_s):
                timing.happened, timing.since_s = self._begin(timing.planned), time.monotonic()
            elif waited_s > WAITS_FOR_CALM_S:
                self._note(timing, None)
        elif not self._endings and (recovered_s := self._find_recovery(timing.happened)) is not None:
            happened = timing.happened
            from_s = happened.until_s if happened.kind in COUNTED_FROM_ITS_ANSWER else happened.from_s
            self._note(timing, recovered_s - from_s)
        elif waited_s > WAITS_FOR_RECOVERY_S:
            self._note(timing, None)

    def _note(self, timing: Timing, seconds: float | None) -> None:
        self.recoveries.append(Recovery(timing.planned.kind, seconds))
        self._timing = None

    def _is_calm(self, since_s: float) -> bool:
        """Tell whether no fault is under way and all workers take and commit messages."""
        if self._endings or find_commit_after(self._scene.watch.samples, since_s) is None:
            return False
        return self._scene.services.are_workers_ready()

    def _find_recovery(self, happened: Happened) -> float | None:
        """Return when there was a new commit after a kill had ended, of one worker: when all were ready again."""
        committed_s = find_commit_after(self._scene.watch.samples, happened.until_s)
        if happened.kind not in OF_THE_GROUP or committed_s is None:
            return committed_s
        now_s = time.monotonic()
        has_been_noticed = now_s - happened.from_s > NOTICED_WITHIN_S
        return now_s if has_been_noticed and self._scene.services.are_workers_ready() else None
