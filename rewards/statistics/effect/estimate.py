"""Equipped against control: the difference of one value per site, and Welch's interval for it.

Several waves share their control sites, so their estimates hang together and must not be averaged as if they did not.
Every site therefore comes to one value again: an equipped one to its value around its own start less the mean of the
controls around the same start; a control to the mean of its values around all starts, weighted by the equipped sites
of each. The difference of the two samples is the mean of the waves by their sites, and Welch's test is right for it.
With one wave it is the plain two-sample interval.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from rewards.statistics.effect.collapse import Floats

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Samples:
    """One value per site: of waves × sites. ``labels``: the number of each site's wave, -1 for a control."""

    values: Floats
    labels: np.ndarray[tuple[int, ...], np.dtype[np.intp]]

    @property
    def equipped(self) -> int:
        """How many sites are equipped."""
        return int((self.labels >= 0).sum())

    @property
    def control(self) -> int:
        """How many are not."""
        return int((self.labels < 0).sum())


@dataclass(frozen=True, slots=True)
class Estimate:
    """A difference with its interval, on the scale of the values; ``p_value`` of there being none."""

    difference: float
    low: float
    high: float
    p_value: float


def weigh_waves(samples: Samples) -> Floats:
    """Return the share of the equipped sites that each wave has."""
    counts = np.bincount(samples.labels[samples.labels >= 0], minlength=len(samples.values))
    return np.asarray(counts / counts.sum())


def compare_by_welch(samples: Samples) -> Estimate:
    """Compare equipped with control by Welch's interval; needs two sites a side."""
    is_control = samples.labels < 0
    of_control = weigh_waves(samples) @ samples.values[:, is_control]
    means = samples.values[:, is_control].mean(axis=1)
    rows = np.flatnonzero(~is_control)
    of_equipped = samples.values[samples.labels[rows], rows] - means[samples.labels[rows]]
    difference = float(of_equipped.mean())
    shares = [sample.var(ddof=1) / len(sample) for sample in (of_equipped, of_control)]
    error = float(np.sqrt(sum(shares)))
    if error == 0.0:
        return Estimate(difference, difference, difference, float(difference == 0.0))
    freedoms = [share**2 / (len(sample) - 1) for share, sample in zip(shares, (of_equipped, of_control), strict=True)]
    freedom = sum(shares) ** 2 / sum(freedoms)
    width = float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    p_value = 2 * float(special.stdtr(freedom, -abs(difference) / error))
    return Estimate(difference, difference - width, difference + width, p_value)
