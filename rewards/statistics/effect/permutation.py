"""Few sites: what would have come out had others been equipped? The interval is every effect that fits.

An effect is taken back from the equipped sites; if it is the true one, who was equipped makes no difference any more,
and the difference found is one like those of all other assignments. The interval holds every effect of which that can
be said at 5 % (the test inverted). It supposes nothing of the form of the noise, only that any site could have been
the one equipped. Source: Fisher 1935; Rosenbaum, Observational Studies, 2002, chapter 2.
"""

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np

from rewards.statistics.effect.estimate import CONFIDENCE, Estimate, Samples, weigh_waves

ASSIGNMENTS_MIN = 40
"""Below, not even the most extreme assignment is rarer than 5 % on two sides."""

ASSIGNMENTS_MAX = 4000
"""So many are drawn where there are more."""

PRECISION = 1e-4

Labels = np.ndarray[tuple[int, ...], np.dtype[np.intp]]


def count_assignments(labels: Labels) -> int:
    """Return in how many ways the labels could have fallen on the sites."""
    ways = math.factorial(len(labels))
    for number in np.unique(labels, return_counts=True)[1]:
        ways //= math.factorial(int(number))
    return ways


def list_assignments(labels: Labels) -> Labels:
    """Return assignments as rows, the one that happened first: all, or as many drawn; always the same."""
    if count_assignments(labels) <= ASSIGNMENTS_MAX:
        kinds, numbers = np.unique(labels, return_counts=True)
        found = np.array([*assign(list(zip(kinds.tolist(), numbers.tolist(), strict=True)), len(labels))])
        return np.vstack([labels, found[~(found == labels).all(axis=1)]])
    rng = np.random.default_rng(1)
    drawn = rng.permuted(np.tile(labels, (ASSIGNMENTS_MAX, 1)), axis=1)
    return np.vstack([labels, drawn])


def assign(kinds: list[tuple[int, int]], sites: int) -> Iterator[list[int]]:
    """Yield every way to give (label, so many) to the sites."""

    def give(rest: list[tuple[int, int]], free: tuple[int, ...], given: dict[int, int]) -> Iterator[list[int]]:
        if not rest:
            yield [given[site] for site in range(sites)]
            return
        label, number = rest[0]
        for chosen in itertools.combinations(free, number):
            left = tuple(site for site in free if site not in chosen)
            yield from give(rest[1:], left, given | dict.fromkeys(chosen, label))

    yield from give(kinds, tuple(range(sites)), {})


def differences(samples: Samples, assignments: Labels) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the difference that each assignment would have shown."""
    worth = np.empty((len(samples.labels), len(samples.values) + 1))
    worth[:, :-1] = samples.values.T / samples.equipped
    # Label -1 is the last column.
    worth[:, -1] = -(weigh_waves(samples) @ samples.values) / samples.control
    return np.asarray(worth[np.arange(len(samples.labels)), assignments].sum(axis=1))


def compare_by_permutation(samples_without: Callable[[float], Samples]) -> Estimate:
    """Compare equipped with control; ``samples_without`` returns the values with an effect taken back.

    Needs ``ASSIGNMENTS_MIN`` assignments.
    """
    plain = samples_without(0.0)
    assignments = list_assignments(plain.labels)

    def p_of(effect: float) -> float:
        found = np.abs(differences(samples_without(effect), assignments))
        return float((found >= found[0] - 1e-12).mean())

    difference = float(differences(plain, assignments[:1])[0])
    low, high = (find_end(p_of, difference, direction) for direction in (-1, 1))
    return Estimate(difference, low, high, p_of(0.0))


def find_end(p_of: Callable[[float], float], inside: float, direction: int) -> float:
    """Return where the effects that fit end, from ``inside`` outwards."""
    step = 0.05
    while p_of(inside + direction * step) > 1 - CONFIDENCE:
        step *= 2
    near, far = 0.0, step
    while far - near > PRECISION:
        middle = (near + far) / 2
        if p_of(inside + direction * middle) > 1 - CONFIDENCE:
            near = middle
        else:
            far = middle
    return inside + direction * far
