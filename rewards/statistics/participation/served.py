"""How many households the bins of a commune serve: entered by the authority, with the year and who says so."""

from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from rewards.shop_register import unless_commune_unknown

SET = text("""
    INSERT INTO served_households AS h (authority_id, insee_code, year, households, source)
    VALUES (:authority_id, :insee_code, :year, :households, :source)
    ON CONFLICT (authority_id, insee_code, year) DO UPDATE
       SET households = excluded.households, source = excluded.source
""")
LIST = text("""
    SELECT c.insee_code, c.name AS commune, h.year, h.households, h.source
      FROM served_households h
      JOIN communes c ON c.authority_id = h.authority_id AND c.insee_code = h.insee_code
     WHERE h.authority_id = :authority_id ORDER BY c.insee_code, h.year
""")


@dataclass(frozen=True, slots=True)
class Served:
    """The households of a commune that its bins serve, as of a year."""

    insee_code: str
    commune: str
    year: int
    households: int
    source: str


def set_served(
    connection: Connection, *, authority_id: int, insee_code: str, year: int, households: int, source: str
) -> None:
    """Say how many households a commune's bins serve; what was said of that year before is replaced.

    Raises:
        CommuneUnknownError: the transaction must be rolled back.
    """
    values = {"authority_id": authority_id, "insee_code": insee_code, "year": year}
    try:
        connection.execute(SET, {**values, "households": households, "source": source})
    except IntegrityError as error:
        raise unless_commune_unknown(error, "served_households", insee_code) from error


def list_served(connection: Connection, *, authority_id: int) -> list[Served]:
    """List what was said, by commune, oldest first."""
    return [Served(*row) for row in connection.execute(LIST, {"authority_id": authority_id})]
