"""From how many holders on something is told of them."""

FEWEST_HOLDERS = 11
"""k: what has deposits and fewer holders is withheld. Source: INSEE shows nothing of fewer than 11 households."""


def withhold(count: int) -> int | None:
    """Return a count of persons as it may be shown: none, or at least 11, else None."""
    return None if 0 < count < FEWEST_HOLDERS else count
