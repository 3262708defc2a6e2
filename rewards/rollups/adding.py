"""Adding a batch to the sums, in the transaction that records it; written last, when locks are held shortest.

Every deposit is added to its day. One whose day was folded into its month is added to the month as well; whether it was
is decided in the statement (docs/decisions/0045-days-are-folded-into-months.md).
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text

from rewards.arrays import Columns
from rewards.ids import Id
from rewards.pipelining import Write
from rewards.rollups.signs import plan_signs

RollupKey = tuple[datetime.date, str, Id, str]
"""(day of the authority's time zone, bin_id, site_id, material)."""

FRESH_DAYS = 1
"""Deposits of today and of so many days before it are never folded: a batch of them alone asks nothing of the months.

``folding.py`` keeps away from two days more, by which the clocks of workers and jobs may differ.
"""

NEVER = datetime.date(1, 1, 1)
"""Up to which day an authority is folded that never was."""


@dataclass(slots=True)
class RollupSums:
    """What one batch adds to one day of one bin at one site, for one material.

    ``points`` are those credited then, pending ones included; what became of them later is in the ledger.
    ``unweighed_items`` are those of deposits whose bin did not weigh: what grams have to be estimated of.
    """

    deposits: int = 0
    credited_deposits: int = 0
    items: int = 0
    mass_g: int = 0
    refused: int = 0
    points: int = 0
    unweighed_items: int = 0


COUNTERS = RollupSums.__slots__

COLUMNS = Columns(day="date", bin_id="text", site_id="uuid", material="text", **dict.fromkeys(COUNTERS, "bigint"))
ADDED = ", ".join(f"{name} = d.{name} + excluded.{name}" for name in COUNTERS)
SUMMED = ", ".join(f"CAST(sum(t.{name}) AS bigint) AS {name}" for name in COUNTERS)

ADD_TO_ROLLUPS = text(f"""
    INSERT INTO daily_deposits AS d (authority_id, {COLUMNS.names})
    SELECT :authority_id, t.* FROM {COLUMNS.unnest("t")} ORDER BY t.day, t.bin_id, t.site_id, t.material
    ON CONFLICT (authority_id, day, bin_id, site_id, material) DO UPDATE SET {ADDED}
""")

# The row must be there to be locked; one that is costs nothing.
OPEN_FOLDS = text("""
    INSERT INTO folded_days (authority_id, folded_before) VALUES (:authority_id, :never)
    ON CONFLICT (authority_id) DO NOTHING
""")
# Shared: late batches wait for a fold alone, never for each other.
HOLD_FOLDS = text("SELECT folded_before FROM folded_days WHERE authority_id = :authority_id FOR SHARE")
ADD_TO_MONTHS = text(f"""
    INSERT INTO monthly_deposits AS d (authority_id, month, bin_id, site_id, material, {", ".join(COUNTERS)})
    SELECT :authority_id, CAST(date_trunc('month', CAST(t.day AS timestamp)) AS date) AS month, t.bin_id, t.site_id,
           t.material, {SUMMED}
      FROM {COLUMNS.unnest("t")}
     WHERE t.day < (SELECT folded_before FROM folded_days WHERE authority_id = :authority_id)
     GROUP BY 2, t.bin_id, t.site_id, t.material ORDER BY 2, t.bin_id, t.site_id, t.material
    ON CONFLICT (authority_id, month, bin_id, site_id, material) DO UPDATE SET {ADDED}
""")


def plan_rollups(sums: Mapping[RollupKey, RollupSums], *, authority_id: int, today: datetime.date) -> list[Write]:
    """Return the writes that add ``sums`` to the stored days, and to the months of what comes late.

    Each is one sorted upsert. ``today`` is that of the authority's time zone.
    """
    named = {"authority_id": authority_id}
    writes = [Write(ADD_TO_ROLLUPS, {**named, **bind_sums(sums)})]
    late = {key: each for key, each in sums.items() if is_late(key[0], today=today)}
    if late:
        writes += plan_hold(authority_id=authority_id)
        writes.append(Write(ADD_TO_MONTHS, {**named, **bind_sums(late)}))
        writes.append(plan_signs([(day, bin_id) for day, bin_id, *_ in late], "dropped", **named))
    return writes


def plan_hold(*, authority_id: int) -> list[Write]:
    """Return the writes after which nothing more is folded until the transaction ends."""
    named = {"authority_id": authority_id}
    return [Write(OPEN_FOLDS, {**named, "never": NEVER}), Write(HOLD_FOLDS, named)]


def is_late(day: datetime.date, *, today: datetime.date) -> bool:
    """Tell whether a day may be folded by now."""
    return day < today - datetime.timedelta(days=FRESH_DAYS)


def bind_sums(sums: Mapping[RollupKey, RollupSums]) -> dict[str, str]:
    """Return the parameters for ``COLUMNS``."""
    days, bin_ids, site_ids, materials = zip(*sums, strict=True)
    counters = {name: [getattr(each, name) for each in sums.values()] for name in COUNTERS}
    return COLUMNS.bind(day=days, bin_id=bin_ids, site_id=site_ids, material=materials, **counters)
