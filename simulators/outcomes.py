"""Count what receipts say, once per event, however often they say it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from simulators.counts import Tally
from simulators.receipts import EventResult
from simulators.sequence_ranges import SequenceRanges


class Outcomes:
    """The settled events of one bin in this run: state, points, and how long the receipt took."""

    def __init__(self, tally: Tally) -> None:
        """Count into ``tally``."""
        self.tally = tally
        self._made_at: dict[int, datetime] = {}
        self._with_result = SequenceRanges()

    def note_made(self, seq: int, now: datetime) -> None:
        """Start the time of an event."""
        self._made_at[seq] = now

    def note_settled(self, ranges: Iterable[tuple[int, int]], now: datetime) -> None:
        """Stop the time of newly settled events; those of an earlier run have none."""
        for low, high in ranges:
            self.tally.settled_events += high - low + 1
            for seq in range(low, high + 1):
                made_at = self._made_at.pop(seq, None)
                if made_at is not None:
                    self.tally.add_latency((now - made_at) / timedelta(milliseconds=1))

    def note_results(self, results: Iterable[EventResult]) -> None:
        """Count state and points of events not counted before; repeats are answered again and change nothing."""
        for result in results:
            if result.seq not in self._with_result:
                self._with_result.add(result.seq, result.seq)
                self.tally.events_by_state[result.state] += 1
                self.tally.points += result.points
