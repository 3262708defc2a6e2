"""Sums of deposits, kept with the deposits: by day, and whole days folded into months.

How they are added to, folded, recomputed and put right. What they mean: docs/statistics.md, "Sums kept with the
deposits". Figures made of them are in ``rewards/statistics/``.
"""

from rewards.rollups.adding import COUNTERS, RollupKey, RollupSums, is_late, plan_hold, plan_rollups
from rewards.rollups.folding import Folded, fold_days
from rewards.rollups.reading import DEPOSITS_OF_PERIOD
from rewards.rollups.rebuilding import (
    Difference,
    RebuildUnderWayError,
    apply_differences,
    count_differences,
    drop_differences,
    find_differences,
    list_differences,
    list_differing_months,
    locked_for_rebuild,
)
from rewards.rollups.signs import SIGNS_OF_PERIOD, list_differing_signs, mend_signs, plan_signs

__all__ = [
    "COUNTERS",
    "DEPOSITS_OF_PERIOD",
    "SIGNS_OF_PERIOD",
    "Difference",
    "Folded",
    "RebuildUnderWayError",
    "RollupKey",
    "RollupSums",
    "apply_differences",
    "count_differences",
    "drop_differences",
    "find_differences",
    "fold_days",
    "is_late",
    "list_differences",
    "list_differing_months",
    "list_differing_signs",
    "locked_for_rebuild",
    "mend_signs",
    "plan_hold",
    "plan_rollups",
    "plan_signs",
]
