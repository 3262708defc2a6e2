"""On which days bins gave a sign: were heard, or had a deposit. Each bin's days as the bits of a number."""

import datetime
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.rollups import SIGNS_OF_PERIOD

LIST = text(f"""
    SELECT bin_id, array_agg(month - CAST(:since AS date)) AS months, array_agg(heard_days) AS heard,
           array_agg(deposit_days) AS dropped
      FROM {SIGNS_OF_PERIOD} AS signs
     WHERE authority_id = :authority_id AND bin_id = ANY(CAST(:bin_ids AS text[]))
     GROUP BY bin_id
""")


@dataclass(frozen=True, slots=True)
class Signs:
    """The days of a bin, bit 0 that of ``since``: on which it was heard, and on which it had a deposit."""

    heard: int = 0
    dropped: int = 0


def list_signs(
    connection: Connection, since: datetime.date, until: datetime.date, *, bin_ids: Collection[str], authority_id: int
) -> Mapping[str, Signs]:
    """Return the signs of bins by id, of the days from ``since``, the first of a month, to ``until`` and maybe more."""
    values = {"authority_id": authority_id, "since": since, "until": until, "bin_ids": list(bin_ids)}
    return {
        row.bin_id: Signs(join_months(row.months, row.heard), join_months(row.months, row.dropped))
        for row in connection.execute(LIST, values)
    }


def join_months(months: list[int], days: list[int]) -> int:
    """Return the days of all months as one number; each month says with which bit it begins."""
    joined = 0
    for begins, of_month in zip(months, days, strict=True):
        joined |= of_month << begins
    return joined
