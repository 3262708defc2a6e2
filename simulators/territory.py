"""A simulated territory whose true effect is known: what its sites took by month, to try measurements of effects on.

Assumptions, none of them validated on a real territory: levels of sites differ by half (log-normal); season ±15 %;
a common trend of 3 % a year and each site's own around it (3 % a year); what a month does to all alike (3 %); noise of
each site of 12 %, of which six tenths stay from month to month; in 4 of 100 months a site is silent, in 8 partly.
"""

from __future__ import annotations

import calendar
import math
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

RollOut = Literal["at-once", "staggered", "everywhere"]
"""Half of the sites in one month; in three months; or all in three, the last of them shortly before the end."""

LEVEL_G_A_DAY, LEVEL_SPREAD = 40_000, 0.5
SEASON, TREND, TREND_SPREAD, MONTH_SPREAD = 0.15, 0.03, 0.03, 0.03
NOISE_SPREAD, NOISE_KEPT = 0.12, 0.6
SILENT_SHARE, PARTLY_SHARE = 0.04, 0.08
STARTS: dict[RollOut, tuple[tuple[int, int], ...]] = {
    "at-once": ((12, 1),),
    "staggered": ((12, 1), (13, 11), (14, 1)),
    "everywhere": ((12, 1), (13, 15), (17, 1)),
}
"""Months since the first, and days of the month, on which sites are equipped."""


@dataclass(frozen=True, slots=True)
class TerritoryPlan:
    """What to simulate. ``effect``: 0.2 makes an equipped site take 20 % more than it would have."""

    effect: float
    sites: int = 60
    months: int = 18
    roll_out: RollOut = "staggered"
    first_month: date = date(2025, 1, 1)
    level_g_a_day: int = LEVEL_G_A_DAY


@dataclass(frozen=True, slots=True)
class TerritorySite:
    """A site: ``months`` are (first day, mass, days that reported); silent months are absent."""

    name: str
    equipped_on: date | None
    months: tuple[tuple[date, int, int], ...]


def list_months(first: date, number: int) -> list[date]:
    """List the first days of so many months."""
    count = first.year * 12 + first.month - 1
    return [date((count + each) // 12, (count + each) % 12 + 1, 1) for each in range(number)]


def simulate_territory(plan: TerritoryPlan, *, seed: int, repetition: int = 0) -> list[TerritorySite]:
    """Return the sites of a territory; the same plan, seed and repetition give the same."""
    rng = np.random.default_rng([seed, repetition])
    months = list_months(plan.first_month, plan.months)
    times = np.arange(plan.months) / 12
    level = rng.normal(math.log(plan.level_g_a_day), LEVEL_SPREAD, plan.sites)
    season = SEASON * np.cos(2 * np.pi * (times - rng.uniform()))
    common = season + TREND * times + rng.normal(0, MONTH_SPREAD, plan.months)
    own = np.outer(rng.normal(0, TREND_SPREAD, plan.sites), times)
    logs = level[:, None] + common + own + draw_noise(plan, rng)
    starts = choose_starts(plan, months, rng)
    sites = []
    for number, start in enumerate(starts):
        taken = []
        for month, log in zip(months, logs[number], strict=True):
            days = calendar.monthrange(month.year, month.month)[1]
            share = share_behind(start, month, days)
            chance = rng.uniform()
            if chance < SILENT_SHARE:
                continue
            if chance < SILENT_SHARE + PARTLY_SHARE:
                days = int(rng.integers(2, days))
            taken.append((month, round(math.exp(log) * (1 + plan.effect * share) * days), days))
        sites.append(TerritorySite(f"SIM-{number + 1:03}", start, tuple(taken)))
    return sites


def draw_noise(plan: TerritoryPlan, rng: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return noise of sites × months that stays in part from one month to the next."""
    fresh = rng.normal(0, NOISE_SPREAD, (plan.sites, plan.months))
    noise = np.empty_like(fresh)
    noise[:, 0] = fresh[:, 0]
    for month in range(1, plan.months):
        noise[:, month] = NOISE_KEPT * noise[:, month - 1] + math.sqrt(1 - NOISE_KEPT**2) * fresh[:, month]
    return noise


def choose_starts(plan: TerritoryPlan, months: list[date], rng: np.random.Generator) -> list[date | None]:
    """Choose by lot which site is equipped from which day on."""
    planned = [months[month].replace(day=day) for month, day in STARTS[plan.roll_out]]
    equipped = plan.sites if plan.roll_out == "everywhere" else plan.sites // 2
    starts: list[date | None] = [planned[number * len(planned) // equipped] for number in range(equipped)]
    starts += [None] * (plan.sites - equipped)
    return [starts[number] for number in rng.permutation(plan.sites)]


def share_behind(start: date | None, month: date, days: int) -> float:
    """Return the share of a month's days that lie behind a start."""
    if start is None or start >= month.replace(day=days):
        return 0.0
    return 1.0 if start <= month else (days - start.day + 1) / days
