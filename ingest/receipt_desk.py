"""Receipts on their way out: under load held back a moment, so that one covers many; longer for a wide journal.

What is held back is committed. Losing it is harmless: the bin asks again.
"""

import math
import threading
from collections.abc import Callable, Iterable, Sequence
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
class Waiting:
    """An answer and when it leaves at the latest."""

    answer: Answer
    due_s: float


class ReceiptDesk:
    """Holds answers back and hands out what is due; its writers may share it. Times are of a monotonic clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[DeskKey, Waiting] = {}
        self._told_wide_s: dict[DeskKey, float] = {}

    def take(self, answers: Iterable[Answer], *, is_loaded: bool) -> list[Answer]:
        """Take answers in; return those that leave now, in no order that matters."""
        now_s = self._clock()
        with self._lock:
            for answer in answers:
                self._add(answer, now_s + (HELD_BACK_S if is_loaded else 0.0))
            return self._pop_due(now_s)

    def pop_due(self) -> list[Answer]:
        """Return the answers held back long enough."""
        if not self._waiting:
            return []
        with self._lock:
            return self._pop_due(self._clock())

    def pop_all(self) -> list[Answer]:
        """Return whatever is held back; for the end."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        return [each.answer for each in waiting.values()]

    @property
    def wait_s(self) -> float:
        """How long until the next is due; infinite while nothing waits."""
        if not self._waiting:
            return math.inf
        with self._lock:
            due_s = min((each.due_s for each in self._waiting.values()), default=math.inf)
        return max(0.0, due_s - self._clock())

    def _add(self, answer: Answer, due_s: float) -> None:
        key = (answer.rules.authority_id, answer.bin_id, answer.journal)
        if answer.is_wide:
            due_s = max(due_s, self._told_wide_s.get(key, float("-inf")) + WIDE_HELD_BACK_S)
        waiting = self._waiting.get(key)
        if waiting is None:
            self._waiting[key] = Waiting(answer, due_s)
        else:
            was_wide = waiting.answer.is_wide
            waiting.answer.add(answer)
            waiting.due_s = due_s if answer.is_wide and not was_wide else min(waiting.due_s, due_s)

    def _pop_due(self, now_s: float) -> list[Answer]:
        is_full = len(self._waiting) > MOST_WAITING
        due = [key for key, each in self._waiting.items() if is_full or each.due_s <= now_s]
        answers = [self._waiting.pop(key).answer for key in due]
        self._note_wide(due, answers, now_s)
        return answers

    def _note_wide(self, keys: Sequence[DeskKey], answers: Sequence[Answer], now_s: float) -> None:
        for key, answer in zip(keys, answers, strict=True):
            if answer.is_wide:
                self._told_wide_s[key] = now_s
        if len(self._told_wide_s) > MOST_WAITING:
            self._told_wide_s.clear()
