"""What a bin does by itself once an hour: forget what was settled long ago, give up what never will be."""

from __future__ import annotations

from datetime import datetime, timedelta

from simulators.counts import Tally
from simulators.journal import KEEP_SETTLED, Journal
from simulators.outbox import Outbox
from simulators.status import StatusReport

HOUSEKEEPING_EVERY = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=30)


class Housekeeping:
    """Keeps the journal within its size (bin protocol, sections "Receipt" and "Sending, waiting, resending")."""

    def __init__(self, journal: Journal, outbox: Outbox, status: StatusReport, tally: Tally, now: datetime) -> None:
        """Begin with a first round at once."""
        self._journal = journal
        self._outbox = outbox
        self._status = status
        self._tally = tally
        self._due_at = now

    def keep(self, now: datetime) -> None:
        """Do the round if an hour has passed."""
        if now < self._due_at:
            return
        self._due_at = now + HOUSEKEEPING_EVERY
        self.forget_settled(now)
        self._give_up(now)

    def forget_settled(self, now: datetime) -> None:
        """Delete events whose receipt is more than seven days old, and say whether the journal is full."""
        self._journal.forget_settled_before(now - KEEP_SETTLED)
        if self._journal.is_full:
            self._status.add_fault("journal_full", now)
        else:
            self._status.end_fault("journal_full")

    def _give_up(self, now: datetime) -> None:
        # Thirty days since the first send: an event that waits for a connection is never given up.
        given_up = self._journal.give_up_sent_before(now - GIVE_UP_AFTER, now)
        self._outbox.give_up(given_up)
        self._tally.given_up_events += len(given_up)
        if self._journal.given_up_events:
            self._status.add_fault("events_given_up", now)
        else:
            self._status.end_fault("events_given_up")
