"""Quantiles of samples that were all kept."""

import math
from collections.abc import Sequence

PERCENTILES = (50, 95, 99)


def quantiles_of(samples: Sequence[float], *, digits: int = 1) -> dict[str, float]:
    """Return median, 95th and 99th percentile and the largest: each a sample that was seen (nearest rank).

    Nothing of no samples.
    """
    ordered = sorted(samples)
    if not ordered:
        return {}
    ranks = {f"p{share}": math.ceil(share * len(ordered) / 100) for share in PERCENTILES} | {"max": len(ordered)}
    return {name: round(ordered[rank - 1], digits) for name, rank in ranks.items()}
