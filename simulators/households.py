"""Who drops what, where: holders of badges, and people without one.

The distributions are assumptions for a lively demo and for load, like the rhythm (see ``rhythm``): a few very active
households and many quiet ones, one usual bin each, a handful of items at a time.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from simulators.contents import unit_mass_g
from simulators.events import MAX_ITEMS
from simulators.messages import BinIdentity

ANONYMOUS_SHARE = 0.3
USUAL_BIN_SHARE = 0.85
REFUSED_SHARE = 0.04
MEAN_ITEMS = 4
# Share of items that fall in without being counted: what weighed emptyings are there to find.
UNCOUNTED_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class PlannedDeposit:
    """One deposit to make; ``bin_number`` counts in the order of the fleet file.

    Attributes:
        true_mass_g: What really falls in, uncounted items included; the bin reports ``mass_g`` only when it weighs.
    """

    bin_number: int
    material: str
    items: int
    badge: str | None
    mass_g: int | None
    refused: int | None
    confidence: float
    true_mass_g: int


@dataclass(frozen=True, slots=True)
class _Household:
    badge: str
    usual_bin: int
    preferred: float  # from 0 to 1, points at one of the bin's materials


class Households:
    """An endless, seeded sequence of deposits: the same seed, bins and badges give the same sequence."""

    def __init__(
        self,
        bins: Sequence[BinIdentity],
        badges: Sequence[str],
        *,
        rng: random.Random,
        anonymous_share: float = ANONYMOUS_SHARE,
    ) -> None:
        """Settle one household per badge near a bin.

        Args:
            bins: In the order of the fleet file; neighbours in the list count as near each other.
            badges: Given from outside; without any, every deposit is anonymous.
            rng: The only source of chance.
            anonymous_share: Share of deposits without a badge, 0 to 1.
        """
        self._bins = bins
        self._rng = rng
        self._anonymous_share = anonymous_share if badges else 1.0
        self._households = [_Household(badge, rng.randrange(len(bins)), rng.random()) for badge in badges]
        self._activity = list(accumulate(rng.gammavariate(0.8, 1.0) for _ in badges))
        self._attraction = list(accumulate(rng.lognormvariate(0.0, 0.5) for _ in bins))

    def plan_deposit(self) -> PlannedDeposit:
        """Return the next deposit of the sequence."""
        rng = self._rng
        if rng.random() < self._anonymous_share:
            badge, preferred = None, rng.random()
            bin_number = rng.choices(range(len(self._bins)), cum_weights=self._attraction)[0]
        else:
            household = rng.choices(self._households, cum_weights=self._activity)[0]
            badge, preferred = household.badge, household.preferred
            bin_number = self._choose_bin(household.usual_bin)
        identity = self._bins[bin_number]
        return self._fill(bin_number, identity, self._choose_material(identity, preferred), badge)

    def _choose_bin(self, usual_bin: int) -> int:
        if self._rng.random() < USUAL_BIN_SHARE:
            return usual_bin
        return (usual_bin + self._rng.choice((-2, -1, 1, 2))) % len(self._bins)

    def _choose_material(self, identity: BinIdentity, preferred: float) -> str:
        if self._rng.random() < 0.7:
            return identity.materials[int(preferred * len(identity.materials))]
        return self._rng.choice(identity.materials)

    def _fill(self, bin_number: int, identity: BinIdentity, material: str, badge: str | None) -> PlannedDeposit:
        rng = self._rng
        items = min(1 + int(rng.expovariate(1 / (MEAN_ITEMS - 1))), MAX_ITEMS)
        refused = 1 if rng.random() < REFUSED_SHARE else None
        counted_g = max(1, round(items * unit_mass_g(material) * rng.uniform(0.8, 1.2)))
        uncounted = sum(rng.random() < UNCOUNTED_SHARE for _ in range(items))
        return PlannedDeposit(
            bin_number=bin_number,
            material=material,
            items=items,
            badge=badge,
            mass_g=counted_g if identity.weighs else None,
            refused=refused,
            confidence=round(rng.uniform(0.86, 0.995), 3),
            true_mass_g=counted_g + uncounted * unit_mass_g(material),
        )
