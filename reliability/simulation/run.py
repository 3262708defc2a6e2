"""Many seeds, one after the other, and what they came to together."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from reliability.simulation.audit import INVARIANTS
from reliability.simulation.controls import CONTROLS, HONEST
from reliability.simulation.world import Outcome, simulate

MOST_SEEDS_FOR_A_CONTROL = 200
"""A control that survives so many seeds was not caught: then the invariants prove nothing."""


@dataclass
class Report:
    """Totals over the seeds run so far, and those that failed.

    ``control`` is the guard that was taken away, if any; ``controls`` says after how many seeds each was caught, None
    where it was not, and is empty when none was tried.
    """

    control: str | None = None
    controls: dict[str, int | None] = field(default_factory=dict)
    seeds: int = 0
    seconds: float = 0.0
    virtual_seconds: float = 0.0
    events: int = 0
    messages: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    failures: list[Outcome] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether every seed came to rest with nothing broken, and every control that was tried was caught."""
        return not self.failures and None not in self.controls.values()

    @property
    def bound(self) -> float | None:
        """The share of seeds that may fail at most, with 95 % confidence: about 3 in n; None when one did fail."""
        return None if self.failures or not self.seeds else min(1.0, 3 / self.seeds)

    def add(self, outcome: Outcome) -> None:
        """Add a seed."""
        self.seeds += 1
        self.virtual_seconds += outcome.virtual_s
        self.events += outcome.events
        self.messages += outcome.messages
        self.faults.update(outcome.faults)
        self.checks.update(outcome.checks)
        if outcome.invariant is not None:
            self.failures.append(outcome)

    def as_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "ok": self.is_sound,
            "seeds": self.seeds,
            "seconds": round(self.seconds, 2),
            "virtual_seconds": round(self.virtual_seconds, 1),
            "events": self.events,
            "messages": self.messages,
            "faults": dict(sorted(self.faults.items())),
            "checks": {name: self.checks[name] for name in INVARIANTS},
            "bound_95": self.bound,
            "controls_caught_after_seeds": self.controls,
            "failures": [
                {
                    "seed": failed.seed,
                    "invariant": failed.invariant,
                    "found": failed.words,
                    "replay": replay_command(failed.seed, control=self.control),
                }
                for failed in self.failures
            ],
        }


def replay_command(seed: int, *, control: str | None) -> str:
    """Return the command that shows a seed once more, line by line."""
    return f"bontri simulate-faults --seed {seed}{f' --control {control}' if control else ''} --trace"


def simulate_seeds(
    seeds: Iterable[int],
    *,
    control: str | None = None,
    on_outcome: Callable[[Report, Outcome], object] = lambda report, outcome: None,
    tell: Callable[[str], object] | None = None,
) -> Report:
    """Run each seed; a seed that fails does not keep the others from running.

    Args:
        seeds: Any numbers from 0.
        control: The guard to take away, by its name in ``CONTROLS``.
        on_outcome: Told after each seed.
        tell: Given every line of every trace.
    """
    report, started_s = Report(control), time.monotonic()
    with quiet_logs():
        for seed in seeds:
            outcome = simulate(seed, control=CONTROLS[control] if control else HONEST, tell=tell)
            report.add(outcome)
            report.seconds = time.monotonic() - started_s
            on_outcome(report, outcome)
    return report


def catch_control(name: str, *, most_seeds: int = MOST_SEEDS_FOR_A_CONTROL) -> int | None:
    """Run seeds with one guard taken away until one fails; return how many that took, None when none failed."""
    with quiet_logs():
        for seed in range(most_seeds):
            if simulate(seed, control=CONTROLS[name]).invariant is not None:
                return seed + 1
    return None


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Keep the worker's logs out: that thousands of databases are away is what was ordered."""
    former = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**former)
