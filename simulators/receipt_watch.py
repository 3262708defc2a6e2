"""Notice that receipts stay away and fall back to hello only (bin protocol, section "Sending, waiting, resending")."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

RECEIPT_WAIT = timedelta(seconds=30)
HELLO_BACK_OFF_MIN = timedelta(seconds=30)
HELLO_BACK_OFF_MAX = timedelta(hours=1)
JITTER_SHARE = 0.25


class ReceiptWatch:
    """Says whether data may be sent and whether a hello is due, so that a backend without its database is not flooded.

    After 30 s without an answer only hellos go out: the first at once, then after 30 s, 60 s … 1 h, each ±25 %.
    """

    def __init__(self, rng: random.Random) -> None:
        """Start silent; the first connection asks for the first hello."""
        self._rng = rng
        self._waiting_since: datetime | None = None
        self._hello_due_at: datetime | None = None
        self._back_off = HELLO_BACK_OFF_MIN
        self.is_probing = False

    def start_connection(self, now: datetime) -> None:
        """Every connection begins with a hello; the back-off of a probe goes on."""
        self._hello_due_at = now

    def ask(self, now: datetime) -> None:
        """Make a hello due for the sake of its answer, unless a probe asks already in its own rhythm."""
        if not self.is_probing:
            self._hello_due_at = now

    def check(self, now: datetime) -> None:
        """Begin probing if the answer is more than 30 s late."""
        if not self.is_probing and self._waiting_since is not None and now - self._waiting_since >= RECEIPT_WAIT:
            self.is_probing = True
            self._back_off = HELLO_BACK_OFF_MIN
            self._hello_due_at = now

    def is_hello_due(self, now: datetime) -> bool:
        """Tell whether a hello must go out now."""
        return self._hello_due_at is not None and now >= self._hello_due_at

    def note_sent(self, now: datetime) -> None:
        """Start waiting for an answer, if not already waiting."""
        if self._waiting_since is None:
            self._waiting_since = now

    def note_hello(self, now: datetime) -> None:
        """Count a hello as sent and set when the next is due."""
        self.note_sent(now)
        self._hello_due_at = None
        if self.is_probing:
            jitter = 1 + self._rng.uniform(-JITTER_SHARE, JITTER_SHARE)
            self._hello_due_at = now + self._back_off * jitter
            self._back_off = min(self._back_off * 2, HELLO_BACK_OFF_MAX)

    def note_receipt(self, now: datetime, *, is_waiting: bool) -> None:
        """Allow data again; keep waiting from now on if something is still unanswered."""
        self._waiting_since = now if is_waiting else None
        if self.is_probing:
            self.is_probing = False
            self._hello_due_at = None
