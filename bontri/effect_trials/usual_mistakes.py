"""What is often done instead, to show beside the measurement how often it is wrong. Nothing here is ever served."""

import numpy as np
from scipy import special

from rewards.statistics.effect.collapse import Floats, lay_out
from rewards.statistics.effect.estimate import CONFIDENCE, Estimate
from rewards.statistics.effect.panel import Panel
from rewards.statistics.effect.trends import log_rates, take_off_means


def are_behind_start(panel: Panel) -> Floats:
    """Return 1 where a site is equipped in a month, of sites × months."""
    months = panel.months
    return np.array(
        [
            [float(site.equipped_on is not None and month >= site.equipped_on) for month in months]
            for site in panel.sites
        ]
    )


def compare_before_and_after(panel: Panel) -> Estimate:
    """Compare the equipped sites with themselves before: no control, every month, so trend and season are in it."""
    logs, behind = log_rates(lay_out(panel)), are_behind_start(panel)
    is_known = np.isfinite(logs)
    equipped = (is_known & (behind == 1)).any(axis=1) & (is_known & (behind == 0)).any(axis=1)
    after, before = (np.nanmean(np.where(behind == side, logs, np.nan)[equipped], axis=1) for side in (1, 0))
    changes = after - before
    error = changes.std(ddof=1) / np.sqrt(len(changes))
    return with_width(float(changes.mean()), float(error), len(changes) - 1)


def regress_on_site_months(panel: Panel) -> Estimate:
    """Regress on sites, months and equipment as if every month of a site were news: intervals far too short."""
    logs = log_rates(lay_out(panel))
    is_known = np.isfinite(logs)
    behind = take_off_means(np.where(is_known, are_behind_start(panel), np.nan))
    left = take_off_means(logs)
    slope = np.nansum(behind * left) / np.nansum(behind**2)
    freedom = int(is_known.sum()) - sum(logs.shape)
    variance = np.nansum((left - slope * behind) ** 2) / freedom
    return with_width(float(slope), float(np.sqrt(variance / np.nansum(behind**2))), freedom)


def with_width(difference: float, error: float, freedom: int) -> Estimate:
    """Return a difference with Student's interval."""
    width = float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    p_value = 2 * float(special.stdtr(freedom, -abs(difference) / error))
    return Estimate(difference, difference - width, difference + width, p_value)
