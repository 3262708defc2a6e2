"""A part of the bins as a process, to be killed: ``python -m reliability.chaos.fleet FILE JOURNALS STATUS RATE SEED``.

SIGUSR1 asks it to make no more deposits and to end when every event has its receipt.
"""

import json
import os
import signal
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Unpack

from simulators.bin import SimulatedBin
from simulators.counts import FleetCounts
from simulators.fleet_file import read_fleet_file
from simulators.hatch import OptionalDepositFields
from simulators.run import run_fleet

NO_MORE = signal.SIGUSR1
JUMP_SHARE = 0.005
JUMPS_S = (-7 * 86_400, -3600, -90, 90, 3600, 7 * 86_400)
DRAINED_WITHIN_S = 600.0


class JumpingBin(SimulatedBin):
    """A bin whose clock is now and then set wrong, before it stamps a deposit."""

    def deposit(self, now: datetime, *, material: str, items: int, **fields: Unpack[OptionalDepositFields]) -> int:
        """Journal a deposit, as any bin does."""
        if self._rng.random() < JUMP_SHARE:
            self.clock.jump(timedelta(seconds=self._rng.choice(JUMPS_S)), now=now)
        return super().deposit(now, material=material, items=items, **fields)


def run(bin_class: type[SimulatedBin]) -> None:
    """Run the bins of the command line until asked to end; their counts are in the status file once a second."""
    file, journals, status, rate, seed = sys.argv[1:]
    stop = threading.Event()
    signal.signal(NO_MORE, lambda *_: stop.set())

    def show(counts: FleetCounts) -> None:
        unfinished = Path(f"{status}.unfinished")
        unfinished.write_text(json.dumps({"pid": os.getpid(), **counts.as_dict()}))
        unfinished.rename(status)

    counts = run_fleet(
        read_fleet_file(Path(file)),
        rate_per_s=float(rate),
        duration_s=None,
        seed=int(seed),
        folder=Path(journals),
        on_progress=show,
        stop=stop,
        drain_s=DRAINED_WITHIN_S,
        stop_drain_s=DRAINED_WITHIN_S,
        bin_class=bin_class,
    )
    show(counts)
    sys.exit(0 if counts.is_drained else 1)


if __name__ == "__main__":
    run(JumpingBin)
