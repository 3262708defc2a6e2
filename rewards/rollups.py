"""Daily rollups of deposits, kept in the transaction that records them; written last, when locks are held shortest."""

import datetime
from dataclasses import dataclass

from sqlalchemy import text

from rewards.arrays import Columns
from rewards.ids import Id
from rewards.pipelining import Write

RollupKey = tuple[datetime.date, str, Id, str]
"""(day of the authority's time zone, bin_id, site_id, material)."""


@dataclass(slots=True)
class RollupSums:
    """What one batch adds to one day of one bin at one site, for one material."""

    deposits: int = 0
    credited_deposits: int = 0
    items: int = 0
    mass_g: int = 0
    refused: int = 0
    points: int = 0


COUNTERS = RollupSums.__slots__

COLUMNS = Columns(day="date", bin_id="text", site_id="uuid", material="text", **dict.fromkeys(COUNTERS, "bigint"))
ADD_TO_ROLLUPS = text(f"""
    INSERT INTO daily_deposits AS d (authority_id, {COLUMNS.names})
    SELECT :authority_id, t.* FROM {COLUMNS.unnest("t")} ORDER BY t.day, t.bin_id, t.site_id, t.material
    ON CONFLICT (authority_id, day, bin_id, site_id, material) DO UPDATE
       SET {", ".join(f"{name} = d.{name} + excluded.{name}" for name in COUNTERS)}
""")


def plan_rollups(sums: dict[RollupKey, RollupSums], *, authority_id: int) -> Write:
    """Return the write that adds ``sums`` to the stored days, in one sorted upsert."""
    days, bin_ids, site_ids, materials = zip(*sums, strict=True)
    counters = {name: [getattr(each, name) for each in sums.values()] for name in COUNTERS}
    columns = COLUMNS.bind(day=days, bin_id=bin_ids, site_id=site_ids, material=materials, **counters)
    return Write(ADD_TO_ROLLUPS, {"authority_id": authority_id, **columns})
