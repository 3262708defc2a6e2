"""The time of the faults: each is begun when the plan says, and ended when its time is over, in one thread."""

import heapq
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from reliability.chaos.faults import Ending, Faults, NotNowError
from reliability.chaos.schedule import Planned

TICK_S = 0.05
TRY_AGAIN_S = 0.5


@dataclass(slots=True)
class Happened:
    """A fault that was brought about; monotonic seconds."""

    kind: str
    from_s: float
    until_s: float


@dataclass
class Storm:
    """Walks through a plan. ``happened`` is what came of it, ``missed`` what found nobody to hit before the end."""

    faults: Faults
    plan: Sequence[Planned]
    seconds: float
    happened: list[Happened] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._numbers = itertools.count()
        self._endings: list[tuple[float, int, Happened, Ending]] = []
        self._waiting = [(planned.at_s, next(self._numbers), planned) for planned in self.plan]
        heapq.heapify(self._waiting)

    def rage(self, on_tick: Callable[[float], None]) -> None:
        """Bring every fault about in its time; return when the time is over and all have ended."""
        while self.elapsed_s < self.seconds or self._endings:
            self._end_due()
            self._begin_due()
            self.faults.backup.look()
            self.faults.scene.services.look_after()
            on_tick(self.elapsed_s)
            time.sleep(TICK_S)
        self.missed += [planned.kind for _, _, planned in sorted(self._waiting)]
        self.faults.stop()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began_s

    def _end_due(self) -> None:
        while self._endings and self._endings[0][0] <= self.elapsed_s:
            _, _, happened, end = heapq.heappop(self._endings)
            end()
            happened.until_s = time.monotonic()

    def _begin_due(self) -> None:
        while self._waiting and self._waiting[0][0] <= self.elapsed_s < self.seconds:
            at_s, _, planned = heapq.heappop(self._waiting)
            from_s = time.monotonic()
            try:
                end = self.faults.begin(planned)
            except NotNowError:
                heapq.heappush(self._waiting, (at_s + TRY_AGAIN_S, next(self._numbers), planned))
                continue
            happened = Happened(planned.kind, from_s, time.monotonic())
            self.happened.append(happened)
            if end is not None:
                ends_at_s = self.elapsed_s + planned.lasts_s
                heapq.heappush(self._endings, (ends_at_s, next(self._numbers), happened, end))
