"""Receipts on their way out: under load held back a moment, so that one covers many; longer for a wide journal.

What is held back is committed, and its messages are acknowledged only after it has left: a worker that dies before
is handed them again, and answers then. Those of wide journals are not waited for; the bin asks again.
"""

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ingest.receipts import Answer

HELD_BACK_S = 0.1
WIDE_HELD_BACK_S = 10.0
"""How seldom a journal with more than a thousand open ranges is told: that slows its bin, whose events in flight are
bounded. Each union of 10,000 ranges costs 50 ms."""

MOST_WAITING = 20_000
"""Answers held back at most; when there are more, all leave at once."""

DeskKey = tuple[int, str, str]
"""(authority_id, bin_id, journal)."""


@dataclass(slots=True)
class Departure:
    """Answers that leave together. A batch may be acknowledged once the departure its answers left with is told.

    Departures are numbered from 1 without gaps, in the order they were handed out; 0 is none. Writers tell them beside
    each other, so one can overtake another.
    """

    number: int
    answers: list[Answer]


@dataclass(slots=True)
class WideAnswer:
    """What a wide journal is to be told, and when at the earliest."""

    answer: Answer
    due_s: float


class ReceiptDesk:
    """Holds answers back and hands them out; a worker's writers share it. Times are of a monotonic clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[DeskKey, Answer] = {}
        self._due_s = math.inf
        self._departures = 0
        self._wide: dict[DeskKey, WideAnswer] = {}
        self._told_wide_s: dict[DeskKey, float] = {}

    def take(self, answers: Iterable[Answer], *, is_loaded: bool) -> tuple[Departure, int]:
        """Take answers in; return what leaves now, and the number of the departure they leave with.

        Without load that is this one. Those of wide journals are waited for by nobody: the number is 0 when there are
        no others.
        """
        now_s = self._clock()
        with self._lock:
            is_waited_for = False
            for answer in answers:
                is_waited_for |= self._add(answer, now_s)
            if is_waited_for:
                self._due_s = min(self._due_s, now_s + (HELD_BACK_S if is_loaded else 0.0))
            leaves_with = self._departures + 1 if is_waited_for else 0
            return self._depart(now_s), leaves_with

    def pop_due(self) -> Departure:
        """Return what was held back long enough."""
        with self._lock:
            return self._depart(self._clock())

    def pop_all(self) -> Departure:
        """Return whatever is held back; for the end."""
        with self._lock:
            self._due_s = -math.inf
            wide, self._wide = self._wide, {}
            departure = self._depart(self._clock())
        departure.answers += [each.answer for each in wide.values()]
        return departure

    @property
    def wait_s(self) -> float:
        """How long until the next departure; infinite while nothing waits."""
        with self._lock:
            due_s = min((each.due_s for each in self._wide.values()), default=math.inf)
        return max(0.0, min(due_s, self._due_s) - self._clock())

    def _add(self, answer: Answer, now_s: float) -> bool:
        """Put an answer to those that wait; return whether it leaves with the next departure."""
        key = (answer.rules.authority_id, answer.bin_id, answer.journal)
        if answer.is_wide:
            due_s = self._told_wide_s.get(key, -math.inf) + WIDE_HELD_BACK_S
            held = self._wide.setdefault(key, WideAnswer(answer, max(due_s, now_s)))
            if held.answer is not answer:
                held.answer.add(answer)
            return False
        wide = self._wide.pop(key, None)
        known = self._waiting.setdefault(key, wide.answer if wide else answer)
        if known is not answer:
            known.add(answer)
        return True

    def _depart(self, now_s: float) -> Departure:
        answers = [self._wide.pop(key).answer for key in [k for k, each in self._wide.items() if each.due_s <= now_s]]
        self._note_wide(answers, now_s)
        if now_s < self._due_s and len(self._waiting) <= MOST_WAITING:
            return Departure(0, answers)
        self._departures += 1
        answers += self._waiting.values()
        self._waiting.clear()
        self._due_s = math.inf
        return Departure(self._departures, answers)

    def _note_wide(self, answers: Iterable[Answer], now_s: float) -> None:
        if len(self._told_wide_s) > MOST_WAITING:
            self._told_wide_s.clear()
        for answer in answers:
            self._told_wide_s[answer.rules.authority_id, answer.bin_id, answer.journal] = now_s
