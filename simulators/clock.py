"""The clock of one bin: it may be wrong, drift, or not be set at all (bin protocol, section "Clock").

``now`` is always the true time, given by whoever drives the bin; only this file turns it into what the bin believes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

ClockState = Literal["synced", "free", "none"]

PROMPT_ROUND_TRIP = timedelta(seconds=10)
SYNCED_FOR = timedelta(hours=24)
_UNSET_CLOCK_STARTS_AT = datetime(2000, 1, 1, tzinfo=UTC)


class BinClock:
    """A clock that reads true time plus an offset plus drift, until a prompt receipt sets it.

    A bin starts ``free`` when a battery kept its clock going and ``none`` when it did not. A receipt that answers
    within ten seconds makes it ``synced``; after a day without one it is ``free`` again, because it has drifted.
    """

    def __init__(
        self,
        started_at: datetime,
        *,
        is_set: bool = True,
        is_synced: bool = False,
        offset: timedelta = timedelta(0),
        drift_ppm: float = 0.0,
    ) -> None:
        """Start the clock at true time ``started_at``.

        Args:
            started_at: True time of the start of the firmware, aware.
            is_set: False for a clock that lost its battery: it counts from 2000-01-01 and says ``none``.
            is_synced: True for a clock that something better than a receipt, such as radio, has just set.
            offset: How far the clock is ahead of true time at the start.
            drift_ppm: Microseconds gained per second; it goes on after every setting.
        """
        self._set_at = started_at
        self._reading_when_set = started_at + offset if is_set else _UNSET_CLOCK_STARTS_AT
        self._drift_ppm = drift_ppm
        self._is_set = is_set
        self._learned_at: datetime | None = started_at if is_synced else None

    def read(self, now: datetime) -> datetime:
        """Return what the bin's clock shows at true time ``now``."""
        elapsed = now - self._set_at
        return self._reading_when_set + elapsed + elapsed * (self._drift_ppm / 1_000_000)

    def state(self, now: datetime) -> ClockState:
        """Return how far the bin trusts its clock at true time ``now``."""
        if self._learned_at is not None and now - self._learned_at < SYNCED_FOR:
            return "synced"
        return "free" if self._is_set else "none"

    def restart(self, now: datetime) -> BinClock:
        """Return this clock as the next start of the firmware finds it: still going if a battery keeps it, on trust."""
        return BinClock(now, is_set=self._is_set, offset=self.read(now) - now, drift_ppm=self._drift_ppm)

    def jump(self, by: timedelta, *, now: datetime) -> None:
        """Set the clock wrong by as much, as a person or a brown-out does; what it believes of itself stays."""
        self._reading_when_set = self.read(now) + by
        self._set_at = now

    def learn(self, time: datetime, *, sent_at: datetime, now: datetime) -> bool:
        """Set the clock from a receipt's ``time`` if its round trip was prompt; return whether it was.

        Args:
            time: The backend's time from the receipt.
            sent_at: True time at which the message echoed by the receipt was sent.
            now: True time at which the receipt arrived.
        """
        round_trip = now - sent_at
        if not timedelta(0) <= round_trip < PROMPT_ROUND_TRIP:
            return False
        self._reading_when_set = time + round_trip / 2
        self._set_at = now
        self._learned_at = now
        self._is_set = True
        return True
