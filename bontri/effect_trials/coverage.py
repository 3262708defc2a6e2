"""How often the interval holds the truth, over many simulated territories; beside it, what is often done instead."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bontri.effect_trials.scenarios import panel_of
from bontri.effect_trials.usual_mistakes import compare_before_and_after, regress_on_site_months
from rewards.statistics.effect.measuring import as_percent, measure_effect
from rewards.statistics.effect.verdict import Effect, Measured
from simulators.territory import TerritoryPlan, simulate_territory

SHARE_MIN = 0.93
"""Of all repetitions, those that gave no interval among them."""


@dataclass
class Hits:
    """What intervals came to. ``shown``: those that do not hold 0 and have the sign of the truth."""

    truth_percent: float
    held: int = 0
    missed: int = 0
    shown: int = 0
    widths: list[float] = field(default_factory=list)

    def add(self, effect: Effect) -> None:
        """Count an interval."""
        is_held = effect.low_percent <= self.truth_percent <= effect.high_percent
        self.held += is_held
        self.missed += not is_held
        self.shown += effect.direction == ("rise" if self.truth_percent >= 0 else "fall")
        self.widths.append(effect.high_percent - effect.low_percent)

    def as_dict(self, repetitions: int) -> dict[str, Any]:
        """Return the counts, and shares of all repetitions."""
        return {
            "held": self.held,
            "missed": self.missed,
            "coverage": self.held / repetitions,
            "power": self.shown / repetitions,
            "mean_width_points": sum(self.widths) / len(self.widths) if self.widths else None,
        }


@dataclass(frozen=True)
class Coverage:
    """What so many repetitions came to."""

    repetitions: int
    measured: Hits
    before_and_after: Hits
    site_months: Hits
    methods: Counter[str]
    reasons: Counter[str]

    @property
    def is_kept(self) -> bool:
        """Whether the interval holds the truth as often as it must."""
        return self.measured.held >= SHARE_MIN * self.repetitions

    def as_dict(self) -> dict[str, Any]:
        """Return plain values. ``power``: the share that shows the effect; without one, that of false rises."""
        return {
            "repetitions": self.repetitions,
            "truth_percent": self.measured.truth_percent,
            "is_kept": self.is_kept,
            "needed_coverage": SHARE_MIN,
            "methods": dict(self.methods),
            "not_measurable": dict(self.reasons),
            "measured": self.measured.as_dict(self.repetitions),
            "usual_mistakes": {
                "before_and_after": self.before_and_after.as_dict(self.repetitions),
                "regression_over_site_months": self.site_months.as_dict(self.repetitions),
            },
        }


def try_often(
    plan: TerritoryPlan, *, repetitions: int, seed: int, on_progress: Callable[[int], object] = lambda done: None
) -> Coverage:
    """Measure the effect on so many simulated territories and count how often the interval holds the truth."""
    truth = 100 * plan.effect
    coverage = Coverage(repetitions, Hits(truth), Hits(truth), Hits(truth), Counter(), Counter())
    for repetition in range(repetitions):
        panel = panel_of(simulate_territory(plan, seed=seed, repetition=repetition))
        verdict = measure_effect(panel)
        if isinstance(verdict, Measured):
            coverage.measured.add(verdict.effect)
            coverage.methods[verdict.method] += 1
        else:
            coverage.reasons.update(reason.code for reason in verdict.reasons)
        coverage.before_and_after.add(as_percent(compare_before_and_after(panel)))
        coverage.site_months.add(as_percent(regress_on_site_months(panel)))
        on_progress(repetition + 1)
    return coverage
