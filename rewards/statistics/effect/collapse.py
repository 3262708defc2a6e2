"""One value per site: the logarithm of what it took a day afterwards over what it took a day before.

Over the same calendar months on both sides, so that the season is in neither; each month weighs the same before and
after, however many of its days reported; only reporting days are divided by. Months of one site hang together, so they
are made one value before anything is compared (Bertrand, Duflo and Mullainathan 2004).
"""

import datetime
from dataclasses import dataclass

import numpy as np

from rewards.statistics.effect.panel import Panel, month_behind, month_of

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

DAYS_MIN = 7
"""Reporting days from which a month of a site is used: below, a lorry's rhythm or a market day weighs too much."""

MONTHS_MIN = 3
"""Calendar months a site must have reported in both before and after."""

DAYS_OF_MONTH = np.array([31.0, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@dataclass(frozen=True, slots=True)
class Grid:
    """A panel as arrays of sites × months; where too few days reported ``days`` is 0 and ``mass_g`` too."""

    months: list[datetime.date]
    mass_g: Floats
    days: Floats


@dataclass(frozen=True, slots=True)
class Wave:
    """Sites equipped in one month. ``start`` is left out unless all began on its first day; ``end`` is included."""

    start: datetime.date
    first_after: datetime.date
    end: datetime.date
    rows: tuple[int, ...]

    def is_before(self, months: list[datetime.date]) -> list[bool]:
        """Tell of each month whether it lies before the wave."""
        return [month < self.start for month in months]

    def is_after(self, months: list[datetime.date]) -> list[bool]:
        """Tell of each month whether it lies behind the start of the wave, and is compared."""
        return [self.first_after <= month <= self.end for month in months]


def lay_out(panel: Panel) -> Grid:
    """Return the panel as arrays."""
    months = panel.months
    columns = {month: number for number, month in enumerate(months)}
    mass_g, days = np.zeros((2, len(panel.sites), len(months)))
    for row, site in enumerate(panel.sites):
        for month, taken in site.months.items():
            # Of the month in which a site was equipped nobody knows what came before and what after.
            is_split = site.equipped_on is not None and month_of(site.equipped_on) == month
            if taken.days >= DAYS_MIN and not (is_split and site.equipped_on != month):
                mass_g[row, columns[month]], days[row, columns[month]] = taken.mass_g, taken.days
    return Grid(months, mass_g, days)


def make_wave(rows: list[int], panel: Panel, *, end: datetime.date) -> Wave:
    """Return the wave of sites equipped in the same month."""
    starts = [start for row in rows if (start := panel.sites[row].equipped_on) is not None]
    month = month_of(starts[0])
    return Wave(month, month if all(start == month for start in starts) else month_behind(month), end, tuple(rows))


def collapse(grid: Grid, wave: Wave) -> tuple[Floats, Floats]:
    """Return of each site log(after ÷ before) around a wave's start, and how many calendar months it was had from.

    NaN where fewer than ``MONTHS_MIN``, or fewer than half of those there could be, were reported in on both sides, and
    where nothing came in all of them before or after: that has no logarithm.
    """
    calendar = np.array([month.month - 1 for month in grid.months])
    sums = []
    for is_side in (wave.is_before(grid.months), wave.is_after(grid.months)):
        of_month = (calendar[:, None] == np.arange(12)) & np.array(is_side)[:, None]
        sums.append((grid.mass_g @ of_month, grid.days @ of_month, of_month.any(axis=0)))
    (mass_before, days_before, has_before), (mass_after, days_after, has_after) = sums
    is_common = (days_before > 0) & (days_after > 0)
    common = is_common.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        before = np.where(is_common, mass_before / days_before * DAYS_OF_MONTH, 0).sum(axis=1)
        after = np.where(is_common, mass_after / days_after * DAYS_OF_MONTH, 0).sum(axis=1)
        value = np.log(after) - np.log(before)
    enough = max(MONTHS_MIN, (int((has_before & has_after).sum()) + 1) // 2)
    return np.where((common >= enough) & np.isfinite(value), value, np.nan), common.astype(float)


def common_months(grid: Grid, wave: Wave) -> list[int]:
    """List the calendar months (1 to 12) the panel has both before a wave and after it."""
    before = {month.month for month, is_in in zip(grid.months, wave.is_before(grid.months), strict=True) if is_in}
    after = {month.month for month, is_in in zip(grid.months, wave.is_after(grid.months), strict=True) if is_in}
    return sorted(before & after)
