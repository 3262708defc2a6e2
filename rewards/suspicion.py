"""Which deposits are suspicious: few rules that an authority turns on, decided by pure functions without any query.

A suspicious deposit is recorded like any other, and its points are credited pending a review (``rewards/reviews``).
"""

from dataclasses import dataclass
from typing import Literal

ReviewRule = Literal["large_deposit", "doubtful_clock"]


@dataclass(frozen=True, slots=True)
class ReviewRules:
    """What an authority holds for a review: more items or grams than these in one deposit, times nobody knows."""

    over_items: int | None = None
    over_mass_g: int | None = None
    holds_doubtful_clocks: bool = False

    @property
    def is_any(self) -> bool:
        """Whether anything is held at all."""
        return self != NO_REVIEWS


NO_REVIEWS = ReviewRules()


def suspicion_of(
    rules: ReviewRules, *, items: int | None, mass_g: int | None, is_clock_doubtful: bool
) -> ReviewRule | None:
    """Return the rule a deposit falls under, the first of them; None for most.

    ``is_clock_doubtful``: the bin could not say when, and the instant of reception stands in.
    """
    is_large = (rules.over_items is not None and (items or 0) > rules.over_items) or (
        rules.over_mass_g is not None and (mass_g or 0) > rules.over_mass_g
    )
    if is_large:
        return "large_deposit"
    return "doubtful_clock" if rules.holds_doubtful_clocks and is_clock_doubtful else None
