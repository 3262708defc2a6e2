"""What a bin reports about itself in ``status``: fill level, sensors, faults (bin protocol, section "Status")."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta

from simulators.contents import Contents

STATUS_EVERY = timedelta(minutes=5)


class StatusReport:
    """Decides when a status is due and what it says.

    Due at every connection, every five minutes, with a new fault and with the answer to a command.
    """

    def __init__(self, contents: Contents, rng: random.Random, started_at: datetime) -> None:
        """Report about ``contents``; the sensors are invented from ``rng`` and the hour."""
        self._contents = contents
        self._rng = rng
        self._started_at = started_at
        self._due_at = started_at
        self.faults: set[str] = set()

    def is_due(self, now: datetime) -> bool:
        """Tell whether a status must go out now."""
        return now >= self._due_at

    def request(self, now: datetime) -> None:
        """Report at once: on a new connection, and when a command has been answered."""
        self._due_at = now

    def add_fault(self, fault: str, now: datetime) -> None:
        """Show a fault from now on, and at once if it is new."""
        if fault not in self.faults:
            self.faults.add(fault)
            self._due_at = now

    def end_fault(self, fault: str) -> None:
        """Show the fault no longer, from the next status on."""
        self.faults.discard(fault)

    def take_readings(self, now: datetime) -> dict[str, object]:
        """Return the fields of the status due now; the next is due in five minutes."""
        self._due_at = now + STATUS_EVERY
        hour = now.hour + now.minute / 60
        days = (now - self._started_at) / timedelta(days=1)
        return {
            "fill_pct": self._contents.status_fill_pct(),
            "battery_pct": max(5, round(98 - days / 3)),
            "temperature_c": round(14 + 7 * math.sin((hour - 9) / 24 * math.tau) + self._rng.uniform(-1, 1), 1),
            "signal_dbm": self._rng.randint(-97, -63),
            "lid": "closed",
            "faults": sorted(self.faults),
        }
