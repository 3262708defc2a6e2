"""Participation and new sorters as they are shown: counts of few holders are withheld, inside too.

Reads the numbers :mod:`rewards.statistics.participation.counting` keeps; no ledger, and nobody in it.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, text

from rewards.statistics.disclosure.threshold import FEWEST_HOLDERS, withhold
from rewards.statistics.participation.withholding import Counted, hide_new_holders, is_few

DEFINITION = (
    "A holder is a wallet: one citizen's, or a household's. Active: at least one credited or capped deposit in it."
    " New: no citizen of the wallet was credited before the period. Participation: active holders by households served,"
    " else by holders registered by the end of the period, in elevens. Sources: no legal text; docs/statistics.md."
)

Level = Literal["authority", "commune", "site"]
Granularity = Literal["month", "year"]
Cell = tuple[str, datetime.date, str, str]
"""Granularity, first day, code and material."""

# Households: the latest number that is not of a later year; a commune without one leaves the authority without.
LIST = text("""
    WITH begun AS (
        SELECT DISTINCT first_day, CAST(extract(year FROM first_day) AS integer) AS year FROM holder_counts
         WHERE authority_id = :authority_id AND granularity = :granularity
           AND first_day BETWEEN :first_day AND :last_day
    ),
    served AS (
        SELECT DISTINCT ON (h.insee_code, b.year) h.insee_code, b.year AS of_year, h.year, h.households, h.source
          FROM served_households h
          JOIN (SELECT DISTINCT year FROM begun) AS b ON h.year <= b.year
         WHERE h.authority_id = :authority_id
           AND EXISTS (SELECT FROM sites s WHERE s.authority_id = h.authority_id AND s.insee_code = h.insee_code)
         ORDER BY h.insee_code, b.year, h.year DESC
    ),
    served_of_all AS (
        SELECT of_year, min(year) AS year, sum(households) AS households, string_agg(DISTINCT source, '; ') AS source
          FROM served GROUP BY of_year
        HAVING count(*) = (SELECT count(DISTINCT insee_code) FROM sites WHERE authority_id = :authority_id)
    ),
    registered AS (
        SELECT b.first_day,
               (SELECT count(DISTINCT z.wallet_id) FROM citizens z
                 WHERE z.authority_id = :authority_id AND z.state <> 'erased'
                   AND z.created_at < CAST(b.first_day + CASE :granularity WHEN 'year' THEN interval '1 year'
                                                           ELSE interval '1 month' END AS timestamp)
                                      AT TIME ZONE :timezone) AS holders
          FROM begun b WHERE :level = 'authority'
    )
    SELECT h.first_day, h.level, h.code, h.material, coalesce(c.name, s.reference, '') AS name,
           coalesce(s.insee_code, c.insee_code) AS insee_code, h.holders, h.new_holders, h.deposits,
           h.credited_deposits, h.counted_at, coalesce(v.households, a.households) AS households,
           coalesce(v.year, a.year) AS households_year, coalesce(v.source, a.source) AS households_source,
           r.holders AS registered_holders
      FROM holder_counts h
      LEFT JOIN communes c ON h.level = 'commune' AND c.authority_id = h.authority_id AND c.insee_code = h.code
      LEFT JOIN sites s ON h.level = 'site' AND s.authority_id = h.authority_id AND CAST(s.site_id AS text) = h.code
      LEFT JOIN served v ON h.level = 'commune' AND v.insee_code = h.code
                        AND v.of_year = extract(year FROM h.first_day)
      LEFT JOIN served_of_all a ON h.level = 'authority' AND a.of_year = extract(year FROM h.first_day)
      LEFT JOIN registered r ON r.first_day = h.first_day
     WHERE h.authority_id = :authority_id AND h.granularity = :granularity AND h.level = :level
       AND h.first_day BETWEEN :first_day AND :last_day
       AND (CAST(:material AS text) IS NULL OR h.material = :material)
     ORDER BY h.first_day, name, h.code, h.material
""")
# Of whole years, whichever of their months are asked for: the answer to one question must not undo another's.
LIST_OF_YEARS = text("""
    SELECT granularity, first_day, code, material, holders, new_holders FROM holder_counts
     WHERE authority_id = :authority_id AND level = :level
       AND first_day BETWEEN date_trunc('year', CAST(:first_day AS timestamp))
                         AND date_trunc('year', CAST(:last_day AS timestamp)) + interval '1 year - 1 day'
       AND (CAST(:material AS text) IS NULL OR material = :material)
""")


@dataclass(frozen=True, slots=True)
class Participation:
    """Who took part in a month or year at a place, with a material ('' with any).

    ``holders`` is None where there are fewer than 11 but not none, ``new_holders`` also where more would tell of few,
    shares where what they are made of is. ``share_basis`` says what the participation is a share of, None where neither
    is known. ``anonymous_share`` is that of deposits nobody was credited for.
    """

    first_day: datetime.date
    level: str
    code: str
    name: str
    insee_code: str | None
    material: str
    holders: int | None
    new_holders: int | None
    new_share: float | None
    households: int | None
    households_year: int | None
    households_source: str | None
    registered_holders: int | None
    participation: float | None
    share_basis: Literal["households_served", "holders_registered"] | None
    deposits: int
    anonymous_deposits: int
    anonymous_share: float | None
    is_withheld: bool
    counted_at: datetime.datetime


def share_of(part: int | None, whole: int | None) -> float | None:
    """Return a share; None where either is unknown or withheld, and of nothing."""
    return None if part is None or not whole else part / whole


def in_elevens(holders: int) -> int | None:
    """Return a count rounded up to elevens, None below: the difference of two months would tell of few newcomers."""
    return withhold(-(-holders // FEWEST_HOLDERS) * FEWEST_HOLDERS) if holders >= FEWEST_HOLDERS else withhold(holders)


def find_withheld(rows: Iterable[Any]) -> set[Cell]:
    """Return the cells whose new holders are withheld because of others of their year, from all counts of the years."""
    months: dict[tuple[int, str, str], dict[datetime.date, Counted]] = defaultdict(dict)
    years: dict[tuple[int, str, str], Counted] = {}
    for row in rows:
        place, counted = (row.first_day.year, row.code, row.material), Counted(row.holders, row.new_holders)
        if row.granularity == "year":
            years[place] = counted
        else:
            months[place][row.first_day] = counted
    withheld: set[Cell] = set()
    for (year, code, material), counts in months.items():
        hidden = hide_new_holders(counts, year=years.get((year, code, material)))
        withheld.update(("month", month, code, material) for month in hidden)
        if hidden:
            withheld.add(("year", datetime.date(year, 1, 1), code, material))
    return withheld


def describe(row: Any, *, is_new_withheld: bool) -> Participation:
    """Return what a row of counts means, with what is too small withheld, and new holders that would tell of few."""
    holders = withhold(row.holders)
    new = None if is_new_withheld or is_few(Counted(row.holders, row.new_holders)) else row.new_holders
    registered = None if row.registered_holders is None else in_elevens(row.registered_holders)
    basis: Literal["households_served", "holders_registered"] | None = None
    if row.households is not None:
        basis = "households_served"
    elif registered is not None:
        basis = "holders_registered"
    anonymous = row.deposits - row.credited_deposits
    return Participation(
        first_day=row.first_day,
        level=row.level,
        code=row.code,
        name=row.name,
        insee_code=row.insee_code,
        material=row.material,
        holders=holders,
        new_holders=new,
        new_share=share_of(new, holders),
        households=None if row.households is None else int(row.households),
        households_year=row.households_year,
        households_source=row.households_source,
        registered_holders=registered,
        participation=share_of(holders, registered if basis == "holders_registered" else row.households),
        share_basis=basis,
        deposits=row.deposits,
        anonymous_deposits=anonymous,
        anonymous_share=share_of(anonymous, row.deposits),
        is_withheld=holders is None or new is None,
        counted_at=row.counted_at,
    )


def list_participation(
    connection: Connection,
    *,
    authority_id: int,
    timezone: str,
    granularity: Granularity,
    level: Level,
    first_day: datetime.date,
    last_day: datetime.date,
    material: str | None = "",
) -> list[Participation]:
    """List who took part in the months or years that begin in a period, oldest first, then by place and material.

    ``material`` None lists each and '' all together; places without deposits are absent.
    """
    values = {
        "authority_id": authority_id,
        "timezone": timezone,
        "granularity": granularity,
        "level": level,
        "first_day": first_day,
        "last_day": last_day,
        "material": material,
    }
    withheld = find_withheld(connection.execute(LIST_OF_YEARS, values))
    return [
        describe(row, is_new_withheld=(granularity, row.first_day, row.code, row.material) in withheld)
        for row in connection.execute(LIST, values)
    ]
