"""Decide which events of the journal are sent next (bin protocol, section "Sending, waiting, resending").

Three states of an unsettled event: unsent, in flight (sent, no receipt yet), unsent again. Only a receipt ends this; a
PUBACK never does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from simulators.journal import Journal, StoredEvent
from simulators.messages import ENVELOPE_EVENT_BYTES_MAX, ENVELOPE_EVENTS_MAX
from simulators.sequence_ranges import SequenceRanges

IN_FLIGHT_MAX = 1000
# The backlog leaves this much of the 1,000 free, so that a live event never waits for a receipt of the backlog.
IN_FLIGHT_KEPT_FOR_LIVE = 100
PATIENCE = timedelta(seconds=10)


class Outbox:
    """The unsettled events of one journal and where each of them is.

    Most are outstanding: the next receipt may settle them. Those a command ordered become so when they have gone out.
    """

    def __init__(self, journal: Journal) -> None:
        """Take over what the journal holds unsettled; all of it is backlog."""
        self._journal = journal
        self._outstanding = journal.list_outstanding()
        self._unsent = SequenceRanges(self._outstanding)
        self._in_flight: dict[int, datetime] = {}  # in the order of sending
        self._suspects: set[int] = set()
        self._ordered = SequenceRanges()
        self._sent_before = SequenceRanges()
        self._live_from = journal.next_seq
        self._highest_settled = 0

    @property
    def unsettled_events(self) -> int:
        """Events that still need a receipt, sent or not."""
        return len(self._outstanding) + len(self._ordered)

    @property
    def has_unsent(self) -> bool:
        """Whether anything waits to be sent."""
        return len(self._unsent) > 0

    @property
    def in_flight_events(self) -> int:
        """Events sent and not yet settled; at most 1,000."""
        return len(self._in_flight)

    def add(self, seq: int) -> None:
        """Take a newly stored event."""
        self._outstanding.add(seq, seq)
        self._unsent.add(seq, seq)

    def start_connection(self) -> None:
        """Call everything stored until now backlog; what comes after is live."""
        self._live_from = self._journal.next_seq

    def take_envelopes(self, now: datetime, *, room: int) -> list[list[StoredEvent]]:
        """Return events for at most ``room`` envelopes, in order, and put them in flight: live first, then in turns."""
        envelopes: list[list[StoredEvent]] = []
        takes = [self._take_live, self._take_backlog]
        while takes and self.has_unsent and len(envelopes) < room:
            take = takes.pop(0)
            events = take(now)
            if events:
                takes.append(take)
                envelopes.append(events)
        return envelopes

    def _take_live(self, now: datetime) -> list[StoredEvent]:
        """Return the next events since the connection began, as many as one envelope holds, and put them in flight."""
        return self._take(self._live_from, self._journal.next_seq, IN_FLIGHT_MAX, now)

    def _take_backlog(self, now: datetime) -> list[StoredEvent]:
        """Return the oldest events from before the connection for one envelope and put them in flight."""
        return self._take(1, self._live_from, IN_FLIGHT_MAX - IN_FLIGHT_KEPT_FOR_LIVE, now)

    def _take(self, start: int, below: int, in_flight_max: int, now: datetime) -> list[StoredEvent]:
        limit = min(ENVELOPE_EVENTS_MAX, in_flight_max - len(self._in_flight))
        if limit <= 0 or not self.has_unsent:
            return []
        seqs = self._unsent.lowest_from(start, below=below, limit=limit)
        if not seqs:
            return []
        events = _first_envelope(self._journal.list_events(seqs))
        for event in events:
            self._unsent.remove(event.seq, event.seq)
            if self._ordered.remove(event.seq, event.seq):
                self._outstanding.add(event.seq, event.seq)
            self._in_flight[event.seq] = now
        self._journal.note_sent([event.seq for event in events], now)
        return events

    def count_repeats(self, events: Iterable[StoredEvent]) -> int:
        """Return how many of these were sent before since the start of the firmware, and remember them all."""
        repeats = 0
        for event in events:
            repeats += event.seq in self._sent_before
            self._sent_before.add(event.seq, event.seq)
        return repeats

    def settle(self, ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Take the union with a receipt and return what it newly settles, ascending within each given range."""
        settled = [part for low, high in ranges for part in self._outstanding.remove(low, high)]
        self._drop(settled)
        self._highest_settled = max([self._highest_settled, *(high for _, high in ranges)])
        return settled

    def give_up(self, seqs: Iterable[int]) -> None:
        """Stop sending these for ever."""
        ranges = [(seq, seq) for seq in seqs]
        for low, high in ranges:
            self._outstanding.remove(low, high)
        self._drop(ranges)

    def _drop(self, ranges: list[tuple[int, int]]) -> None:
        for low, high in ranges:
            self._unsent.remove(low, high)
            # A receipt may cover a month, the flight holds a thousand at most: walk the shorter of the two.
            is_long = high - low >= len(self._in_flight)
            for seq in [s for s in self._in_flight if low <= s <= high] if is_long else range(low, high + 1):
                self._in_flight.pop(seq, None)
                self._suspects.discard(seq)

    def order(self, seqs: Iterable[int]) -> None:
        """Send these again, settled or not; receipts count for them once they have gone out."""
        for seq in seqs:
            self._in_flight.pop(seq, None)
            self._suspects.discard(seq)
            self._outstanding.remove(seq, seq)
            self._ordered.add(seq, seq)
            self._unsent.add(seq, seq)

    def start_epoch(self) -> None:
        """Forget every receipt: all the journal holds is unsettled again, and what is in flight stays there."""
        self._outstanding = self._journal.list_outstanding()
        self._unsent = SequenceRanges(self._outstanding)
        self._ordered = SequenceRanges()
        for seq in self._in_flight:
            self._unsent.remove(seq, seq)
        self._highest_settled = 0

    def suspect_sent_until(self, moment: datetime) -> None:
        """Resend, after the patience, what was sent until ``moment`` (an answered hello) and is still unsettled."""
        self._suspects.update(seq for seq, sent_at in self._in_flight.items() if sent_at <= moment)

    def suspect(self, seqs: Iterable[int]) -> None:
        """Resend these after the patience: the broker said that it did not deliver them."""
        self._suspects.update(seq for seq in seqs if seq in self._in_flight)

    def return_missing(self, now: datetime) -> None:
        """Make unsent again what receipts show missing for ten seconds since it was last sent."""
        missing = []
        for seq, sent_at in self._in_flight.items():
            if now - sent_at < PATIENCE:
                break
            if seq < self._highest_settled or seq in self._suspects:
                missing.append(seq)
        self.return_unsent(missing)

    def return_unsent(self, seqs: Iterable[int]) -> None:
        """Make these unsent again if they are in flight; they go out with the next envelopes."""
        for seq in seqs:
            if self._in_flight.pop(seq, None) is not None:
                self._suspects.discard(seq)
                self._unsent.add(seq, seq)


def _first_envelope(events: list[StoredEvent]) -> list[StoredEvent]:
    """Return the leading events that share clock and measurement and fit into 16 KiB together."""
    size = 0
    for i, event in enumerate(events):
        size += len(event.body) + 1
        if size > ENVELOPE_EVENT_BYTES_MAX + 1 or _clock_of(event) != _clock_of(events[0]):
            return events[:i]
    return events


def _clock_of(event: StoredEvent) -> tuple[str, int | None]:
    return event.clock, event.ahead_ms
