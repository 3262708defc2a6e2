"""Deposits by day, site, bin and material, as they were rolled up: no person is in them, and no count of persons."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.statistics.periods import Period

LIST = text("""
    SELECT d.day, s.reference AS site, s.insee_code, c.name AS commune, d.bin_id, d.site_id, d.material, d.deposits,
           d.credited_deposits, d.items, d.mass_g, d.refused, d.points
      FROM daily_deposits d
      JOIN sites s ON s.authority_id = d.authority_id AND s.site_id = d.site_id
      JOIN communes c ON c.authority_id = s.authority_id AND c.insee_code = s.insee_code
     WHERE d.authority_id = :authority_id AND d.day BETWEEN :first_day AND :last_day
       AND (CAST(:after_day AS date) IS NULL
            OR (d.day, d.bin_id, d.site_id, d.material)
               > (:after_day, CAST(:after_bin AS text), CAST(:after_site AS uuid), CAST(:after_material AS text)))
     ORDER BY d.day, d.bin_id, d.site_id, d.material LIMIT :limit
""")

Key = tuple[datetime.date, str, UUID, str]


@dataclass(frozen=True, slots=True)
class DepositsOfDay:
    """What one bin at one site took of one material in a day of the authority's time zone."""

    day: datetime.date
    site: str
    insee_code: str
    commune: str
    bin_id: str
    site_id: UUID
    material: str
    deposits: int
    credited_deposits: int
    items: int
    mass_g: int
    refused: int
    points: int

    @property
    def key(self) -> Key:
        """What the rows are listed by."""
        return (self.day, self.bin_id, self.site_id, self.material)


def list_deposits_of_days(
    connection: Connection, period: Period, *, authority_id: int, after: Key | None = None, limit: int = 500
) -> list[DepositsOfDay]:
    """List the rows of a period in the order of their keys, those behind ``after``."""
    day, bin_id, site_id, material = after or (None, None, None, None)
    values = {"authority_id": authority_id, "first_day": period.first_day, "last_day": period.last_day, "limit": limit}
    named = {"after_day": day, "after_bin": bin_id, "after_site": site_id, "after_material": material}
    return [DepositsOfDay(*row) for row in connection.execute(LIST, {**values, **named})]
