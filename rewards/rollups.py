"""Daily rollups of deposits, kept in the transaction that records them; written last, when locks are held shortest."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

RollupKey = tuple[datetime.date, str, UUID, str]
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

ADD_TO_ROLLUPS = text(f"""
    INSERT INTO daily_deposits AS d (authority_id, day, bin_id, site_id, material, {", ".join(COUNTERS)})
    SELECT :authority_id, t.*
      FROM unnest(CAST(:day AS date[]), CAST(:bin_id AS text[]), CAST(:site_id AS uuid[]), CAST(:material AS text[]),
                  {", ".join(f"CAST(:{name} AS bigint[])" for name in COUNTERS)})
           AS t(day, bin_id, site_id, material, {", ".join(COUNTERS)})
     ORDER BY t.day, t.bin_id, t.site_id, t.material
    ON CONFLICT (authority_id, day, bin_id, site_id, material) DO UPDATE
       SET {", ".join(f"{name} = d.{name} + excluded.{name}" for name in COUNTERS)}
""")


def add_to_rollups(connection: Connection, sums: dict[RollupKey, RollupSums], *, authority_id: int) -> None:
    """Add ``sums`` to the stored days, in one sorted upsert."""
    if not sums:
        return
    days, bin_ids, site_ids, materials = zip(*sums, strict=True)
    connection.execute(
        ADD_TO_ROLLUPS,
        {
            "authority_id": authority_id,
            "day": list(days),
            "bin_id": list(bin_ids),
            "site_id": list(site_ids),
            "material": list(materials),
            **{name: [getattr(each, name) for each in sums.values()] for name in COUNTERS},
        },
    )
