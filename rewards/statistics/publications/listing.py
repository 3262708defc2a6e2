"""What was published, as anybody may have it; also for a public page or file."""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, text

LICENCE = "Licence Ouverte / Open Licence 2.0 (Etalab)"
"""Of everything published. Source: https://www.etalab.gouv.fr/licence-ouverte-open-licence."""

LIST = text("""
    SELECT granularity, first_day, published_at, cells, withheld FROM publications
     WHERE authority_id = :authority_id
       AND (CAST(:after_day AS date) IS NULL
            OR (first_day, granularity) > (:after_day, CAST(:after_granularity AS text)))
     ORDER BY first_day, granularity LIMIT :limit
""")
LIST_CELLS = text("""
    SELECT p.granularity, p.first_day, p.level, p.code, coalesce(s.reference, c.name, a.name) AS name,
           coalesce(p.insee_code, c.insee_code) AS insee_code, p.material, p.is_withheld, p.deposits, p.items, p.mass_g,
           p.points, p.holders, s.latitude, s.longitude
      FROM published_cells p
      JOIN authorities a ON a.authority_id = p.authority_id
      LEFT JOIN communes c ON c.authority_id = p.authority_id AND p.level = 'commune' AND c.insee_code = p.code
      LEFT JOIN sites s ON s.authority_id = p.authority_id AND p.level = 'site' AND s.site_id = CAST(
                               CASE p.level WHEN 'site' THEN p.code END AS uuid)
     WHERE p.authority_id = :authority_id AND p.granularity = :granularity
       AND p.first_day BETWEEN :first_day AND :last_day
       AND (CAST(:level AS text) IS NULL OR p.level = :level)
       AND (CAST(:after_day AS date) IS NULL
            OR (p.first_day, p.level, p.code, p.material)
               > (:after_day, CAST(:after_level AS text), CAST(:after_code AS text), CAST(:after_material AS text)))
     ORDER BY p.first_day, p.level, p.code, p.material LIMIT :limit
""")

CellKey = tuple[datetime.date, str, str, str]


@dataclass(frozen=True, slots=True)
class Publication:
    """A published month or year: how many cells it has, and how many of them are withheld."""

    granularity: str
    first_day: datetime.date
    published_at: datetime.datetime
    cells: int
    withheld: int
    licence: str = LICENCE


@dataclass(frozen=True, slots=True)
class PublishedCell:
    """A cell as it was published; all counts are None where it is withheld. Why it is, nobody is told."""

    granularity: str
    first_day: datetime.date
    level: str
    code: str
    name: str
    insee_code: str | None
    material: str
    is_withheld: bool
    deposits: int | None
    items: int | None
    mass_g: int | None
    points: int | None
    holders: int | None
    latitude: float | None
    longitude: float | None
    licence: str = LICENCE

    @property
    def kg(self) -> float | None:
        """Kilograms weighed, or counted items by what one weighs."""
        return None if self.mass_g is None else self.mass_g / 1000

    @property
    def key(self) -> CellKey:
        """What cells are listed by."""
        return (self.first_day, self.level, self.code, self.material)


def list_publications(
    connection: Connection, *, authority_id: int, after: tuple[datetime.date, str] | None = None, limit: int = 500
) -> list[Publication]:
    """List what was published, oldest period first, behind ``after``."""
    day, granularity = after or (None, None)
    values = {"authority_id": authority_id, "limit": limit, "after_day": day, "after_granularity": granularity}
    return [Publication(*row) for row in connection.execute(LIST, values)]


def list_published_cells(
    connection: Connection,
    *,
    authority_id: int,
    granularity: str,
    first_day: datetime.date,
    last_day: datetime.date,
    level: str | None = None,
    after: CellKey | None = None,
    limit: int = 500,
) -> list[PublishedCell]:
    """List the cells of the months or years that begin in a period, by period and place, those behind ``after``."""
    day, after_level, code, material = after or (None, None, None, None)
    values = {
        "authority_id": authority_id,
        "granularity": granularity,
        "first_day": first_day,
        "last_day": last_day,
        "level": level,
        "limit": limit,
    }
    named = {"after_day": day, "after_level": after_level, "after_code": code, "after_material": material}
    return [PublishedCell(*row) for row in connection.execute(LIST_CELLS, {**values, **named})]
