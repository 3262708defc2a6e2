"""Did equipped and control sites go the same way before the start? Their slopes per year, compared like the effect.

A test that finds nothing is no proof: so the slopes' difference is given with its interval, and both series are shown.
"""

import warnings

import numpy as np

from rewards.statistics.effect.collapse import Floats, Grid, Wave

MONTHS_MIN = 4
"""Months before the start from which a slope is had."""

SWEEPS = 8


def log_rates(grid: Grid) -> Floats:
    """Return log(grams a day) of sites × months; NaN where nothing is known or nothing came."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(grid.mass_g / grid.days)
    return np.where(np.isfinite(logs), logs, np.nan)


def slopes_before(grid: Grid, wave: Wave, rows: list[int]) -> Floats:
    """Return of each of ``rows`` the slope of its logarithm per year before a wave, less what all had in common.

    Common is each month's mean over the sites, their levels taken off first: season and shared trend. NaN where a site
    has fewer than ``MONTHS_MIN`` months.
    """
    logs = log_rates(grid)[rows][:, wave.is_before(grid.months)]
    if logs.shape[1] < MONTHS_MIN:
        return np.full(len(rows), np.nan)
    logs = take_off_means(logs)
    times = np.where(np.isnan(logs), np.nan, np.arange(logs.shape[1]) / 12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means of nothing are NaN, which is what is wanted
        times -= np.nanmean(times, axis=1, keepdims=True)
        slopes = np.nansum(times * logs, axis=1) / np.nansum(times**2, axis=1)
    return np.where((~np.isnan(logs)).sum(axis=1) >= MONTHS_MIN, slopes, np.nan)


def take_off_means(logs: Floats) -> Floats:
    """Return what is left of sites × months without the level of each site and the mean of each month."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for _ in range(SWEEPS):  # with gaps one sweep does not do
            logs = logs - np.nanmean(logs, axis=1, keepdims=True)
            logs = logs - np.nanmean(logs, axis=0, keepdims=True)
    return logs
