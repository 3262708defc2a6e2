"""From a panel to a verdict: waves, one value per site, the interval, the trends before, what was left out and why."""

import math
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from rewards.statistics.effect.collapse import (
    MONTHS_MIN,
    Grid,
    Wave,
    collapse,
    common_months,
    lay_out,
    make_wave,
)
from rewards.statistics.effect.estimate import Estimate, Samples, compare_by_welch
from rewards.statistics.effect.panel import Panel, lacks_outright, month_of
from rewards.statistics.effect.permutation import ASSIGNMENTS_MIN, compare_by_permutation, count_assignments
from rewards.statistics.effect.trends import log_rates, slopes_before
from rewards.statistics.effect.verdict import (
    Effect,
    LeftOut,
    LeftOutCode,
    Measured,
    Method,
    NotMeasurable,
    Reason,
    ReasonCode,
    Trend,
    TrendMonth,
    Verdict,
    WaveUsed,
)

SITES_FOR_WELCH = 10
"""On either side; with fewer the assignment is permuted."""

P_NOT_PARALLEL = 0.001
"""Below, trends were not parallel and nothing is measured, and so with few sites when no other assignment would have
drawn them further apart. At 5 % one sound comparison in twenty would be thrown away."""

P_DOUBTFUL = 0.05
"""Below, the verdict says that the trends are in doubt."""


class LackingError(Exception):
    """Something is lacking for a verdict; caught in :func:`measure_effect` and nowhere else."""

    def __init__(self, code: ReasonCode, found: int | None = None, needed: int | None = None) -> None:
        super().__init__(code)
        self.reason = Reason(code, found, needed)


class Comparison:
    """The sites of a panel on their two sides, and which of them were left out on the way."""

    def __init__(self, panel: Panel) -> None:
        """Choose waves and controls.

        Raises:
            LackingError: there is no comparison to make.
        """
        if (code := lacks_outright(panel)) is not None:
            raise LackingError(code)
        self.panel = panel
        self.grid = lay_out(panel)
        self.left_out: dict[int, LeftOutCode] = {}
        if not self.grid.days.any():
            raise LackingError("too_few_reporting_days")
        known = self.grid.days.sum(axis=1) > 0
        self.left_out |= {int(row): "no_figures" for row in np.flatnonzero(~known)}
        self.controls = [row for row, site in enumerate(panel.sites) if site.equipped_on is None and known[row]]
        self.waves = self.choose_waves()
        self.use_what_is_complete()

    def choose_waves(self) -> list[Wave]:
        """Return the waves in order; without a control the last of them is one, until it starts."""
        by_month = defaultdict(list)
        for row, site in enumerate(self.panel.sites):
            if site.equipped_on is not None and row not in self.left_out:
                by_month[month_of(site.equipped_on)].append(row)
        if not by_month:
            raise LackingError("no_equipped_site")
        months = self.grid.months
        end = months[-1]
        if not self.controls:
            last = max(by_month)
            self.controls = by_month.pop(last)
            if not by_month:
                raise LackingError("no_control")
            self.left_out |= dict.fromkeys(self.controls, "equipped_last")
            end = max((month for month in months if month < last), default=months[0])
        waves = [make_wave(rows, self.panel, end=end) for _, rows in sorted(by_month.items())]
        usable = [wave for wave in waves if len(common_months(self.grid, wave)) >= MONTHS_MIN]
        if not usable:
            self.refuse_months(waves)
        for wave in waves:
            if wave not in usable:
                self.left_out |= dict.fromkeys(wave.rows, "equipped_without_control")
        return usable

    def refuse_months(self, waves: list[Wave]) -> None:
        """Say which months are lacking.

        Raises:
            LackingError: always.
        """
        if not any(any(wave.is_before(self.grid.months)) for wave in waves):
            raise LackingError("no_months_before")
        if not any(any(wave.is_after(self.grid.months)) for wave in waves):
            raise LackingError("no_months_after")
        most = max(len(common_months(self.grid, wave)) for wave in waves)
        raise LackingError("no_common_months", most, MONTHS_MIN)

    def use_what_is_complete(self) -> None:
        """Leave out the sites without a value: of their own wave, or of any for a control."""
        values = self.values_of(self.grid)
        of_wave = {row: number for number, wave in enumerate(self.waves) for row in wave.rows}
        has_value = {row: bool(np.isfinite(values[number, row])) for row, number in of_wave.items()}
        has_value |= {row: bool(np.isfinite(values[:, row]).all()) for row in self.controls}
        self.left_out |= {row: "too_few_common_months" for row, is_complete in has_value.items() if not is_complete}
        self.controls = [row for row in self.controls if has_value[row]]
        kept = [tuple(row for row in wave.rows if has_value[row]) for wave in self.waves]
        self.waves = [
            Wave(wave.start, wave.first_after, wave.end, rows)
            for wave, rows in zip(self.waves, kept, strict=True)
            if rows
        ]
        if not self.waves and not self.controls:
            raise LackingError("too_few_reporting_days")
        if not self.waves:
            raise LackingError("no_equipped_site")
        if not self.controls:
            raise LackingError("no_control")

    def values_of(self, grid: Grid) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Return the values of all sites, around the start of each wave."""
        return np.array([collapse(grid, wave)[0] for wave in self.waves])

    @property
    def rows(self) -> list[int]:
        """The sites compared: wave by wave, then the controls."""
        return [row for wave in self.waves for row in wave.rows] + self.controls

    @property
    def labels(self) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
        """Whose wave each of ``rows`` is, -1 a control."""
        waves = [number for number, wave in enumerate(self.waves) for _ in wave.rows]
        return np.array(waves + [-1] * len(self.controls))

    def samples_without(self, effect: float) -> Samples:
        """Return the values with an effect (a logarithm) taken back where sites are equipped."""
        if effect == 0.0:
            return Samples(self.values_of(self.grid)[:, self.rows], self.labels)
        mass_g = self.grid.mass_g.copy()
        for wave in self.waves:
            factor = [math.exp(-effect) if month >= wave.first_after else 1.0 for month in self.grid.months]
            mass_g[list(wave.rows)] *= np.array(factor)
        return Samples(self.values_of(Grid(self.grid.months, mass_g, self.grid.days))[:, self.rows], self.labels)

    def name(self, rows: "list[int] | tuple[int, ...]") -> tuple[str, ...]:
        """Return the sites of rows."""
        return tuple(self.panel.sites[row].site for row in rows)

    def list_left_out(self) -> tuple[LeftOut, ...]:
        """List what was left out by site."""
        return tuple(sorted((LeftOut(self.panel.sites[row].site, why) for row, why in self.left_out.items()), key=str))


def measure_effect(panel: Panel) -> Verdict:
    """Return the effect on the sites of a panel, or what is lacking to tell it."""
    comparison: Comparison | None = None
    trend: Trend | None = None
    try:
        comparison = Comparison(panel)
        method, trend = choose_method(comparison), None
        trend = compare_trends(comparison)
        if trend.p_value < P_NOT_PARALLEL or trend.is_most_extreme:
            raise LackingError("trends_not_parallel")  # noqa: TRY301 (one way out for all that is lacking)
    except LackingError as lacking:
        left_out = () if comparison is None else comparison.list_left_out()
        return NotMeasurable((lacking.reason,), panel.source, left_out, trend)
    found = compare(comparison.samples_without, method)
    return Measured(
        as_percent(found),
        found.p_value,
        method,
        panel.source,
        tuple(
            WaveUsed(wave.start, wave.end, comparison.name(wave.rows), tuple(common_months(comparison.grid, wave)))
            for wave in comparison.waves
        ),
        comparison.name(comparison.controls),
        comparison.list_left_out(),
        trend,
        ("trends_doubtful",) if trend.p_value < P_DOUBTFUL else (),
    )


def choose_method(comparison: Comparison) -> Method:
    """Return how to come by the interval.

    Raises:
        LackingError: too few sites for any.
    """
    equipped = sum(len(wave.rows) for wave in comparison.waves)
    if min(equipped, len(comparison.controls)) >= SITES_FOR_WELCH:
        return "welch"
    # Every site gets to stand for every other, so each needs its value around every start.
    values = comparison.values_of(comparison.grid)
    partly = [row for row in comparison.rows if not np.isfinite(values[:, row]).all()]
    comparison.left_out |= dict.fromkeys(partly, "too_few_common_months")
    comparison.waves = [
        Wave(wave.start, wave.first_after, wave.end, rows)
        for wave in comparison.waves
        if (rows := tuple(row for row in wave.rows if row not in partly))
    ]
    ways = count_assignments(comparison.labels) if comparison.waves else 0
    if ways < ASSIGNMENTS_MIN:
        raise LackingError("too_few_sites", ways, ASSIGNMENTS_MIN)
    return "permutation"


def compare_trends(comparison: Comparison) -> Trend:
    """Compare the slopes before the start, of the sites that have one.

    Raises:
        LackingError: too few have.
    """
    slopes = np.array([slopes_before(comparison.grid, wave, comparison.rows) for wave in comparison.waves])
    labels = comparison.labels
    has_slope = np.isfinite(slopes).all(axis=0)
    sides = [int((has_slope & (labels >= 0)).sum()), int((has_slope & (labels < 0)).sum())]
    if min(sides) < 2 and not (has_slope.all() and min(sides)):
        raise LackingError("trend_not_testable")
    kept, kinds = slopes[:, has_slope], labels[has_slope]
    present = [number for number in range(len(slopes)) if (kinds == number).any()]
    kinds = np.array([present.index(kind) if kind >= 0 else -1 for kind in kinds.tolist()])
    samples = Samples(kept[present], kinds)
    method: Method = "welch" if min(sides) >= SITES_FOR_WELCH else "permutation"
    if method == "permutation" and count_assignments(kinds) < ASSIGNMENTS_MIN:
        raise LackingError("trend_not_testable")

    def without(slope: float) -> Samples:
        return Samples(samples.values - slope * (kinds >= 0), kinds)

    found = compare(without, method)
    is_most_extreme = method == "permutation" and found.p_value * count_assignments(kinds) < 2.5
    return Trend(as_percent(found), found.p_value, is_most_extreme, tuple(list_trend_months(comparison)))


def compare(samples_without: Callable[[float], Samples], method: Method) -> Estimate:
    """Compare by one method or the other."""
    return compare_by_welch(samples_without(0.0)) if method == "welch" else compare_by_permutation(samples_without)


def list_trend_months(comparison: Comparison) -> list[TrendMonth]:
    """List both sides by month: percent of the mean of the months before anybody was equipped."""
    grid = comparison.grid
    logs = log_rates(grid)
    first = min(wave.start for wave in comparison.waves)
    columns = [number for number, month in enumerate(grid.months) if month < first]
    equipped = [row for wave in comparison.waves for row in wave.rows]

    def series(rows: list[int]) -> list[float | None]:
        own = logs[rows]
        levels = np.array([mean_of(site) for site in own[:, columns]])
        found = [mean_of(own[:, month] - levels) for month in range(len(grid.months))]
        return [100 * math.exp(each) if math.isfinite(each) else None for each in found]

    sides = zip(series(equipped), series(comparison.controls), strict=True)
    return [TrendMonth(month, *both) for month, both in zip(grid.months, sides, strict=True)]


def mean_of(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Return the mean of what is known; NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def as_percent(found: Estimate) -> Effect:
    """Return an estimate of logarithms in percent."""
    return Effect(*(100 * math.expm1(each) for each in (found.difference, found.low, found.high)))
