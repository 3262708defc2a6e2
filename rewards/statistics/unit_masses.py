"""What one item of a material weighs, from when on, and says who: what turns counted items into kilograms.

A mass holds from the first day of a month until the next one; nothing is changed, and of several for the same month
the newest holds. So what figures were reckoned with can be told of any day, and a correction of the past is seen.
"""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import IntegrityError

from rewards.errors import OperatorRefusedError, violates
from rewards.ids import new_id
from rewards.schema.assumptions import UnitMass
from rewards.schema.territory import Material

IN_FORCE = """
    SELECT u.material, u.valid_from, u.unit_mass_g, u.source,
           lead(u.valid_from, 1, CAST('infinity' AS date)) OVER (PARTITION BY u.material ORDER BY u.valid_from)
               AS valid_until
      FROM (SELECT DISTINCT ON (material, valid_from) material, valid_from, unit_mass_g, source FROM unit_masses
             WHERE authority_id = :authority_id
             ORDER BY material, valid_from, unit_mass_id DESC) AS u
"""
"""Of an authority: which mass holds from ``valid_from`` until before ``valid_until``."""

LIST = text("""
    SELECT u.unit_mass_id, u.material, u.valid_from, u.unit_mass_g, u.source, u.set_by, u.set_at,
           EXISTS (SELECT FROM unit_masses n
                    WHERE n.authority_id = u.authority_id AND n.material = u.material
                      AND n.valid_from = u.valid_from AND n.unit_mass_id > u.unit_mass_id) AS is_replaced
      FROM unit_masses u
     WHERE u.authority_id = :authority_id
       AND (CAST(:material AS text) IS NULL OR u.material = :material)
       AND (CAST(:unit_mass_id AS uuid) IS NULL OR u.unit_mass_id = :unit_mass_id)
       AND (CAST(:after_material AS text) IS NULL
            OR (u.material, u.valid_from, u.unit_mass_id)
               > (:after_material, CAST(:after_from AS date), CAST(:after_id AS uuid)))
     ORDER BY u.material, u.valid_from, u.unit_mass_id LIMIT :limit
""")
LIST_WITH_MATERIALS = text(f"""
    SELECT m.material, u.unit_mass_g, u.valid_from, u.source
      FROM materials m
      LEFT JOIN ({IN_FORCE}) AS u ON u.material = m.material AND :day >= u.valid_from AND :day < u.valid_until
     WHERE m.authority_id = :authority_id AND (CAST(:after AS text) IS NULL OR m.material > :after)
     ORDER BY m.material LIMIT :limit
""")

Key = tuple[str, datetime.date, UUID]


class MaterialUnknownError(OperatorRefusedError):
    """The authority collects no such material."""

    code = "material_unknown"

    def __init__(self, material: str) -> None:
        super().__init__(f"the authority collects no {material}: check the name with bontri stats masses list")


@dataclass(frozen=True, slots=True)
class NewUnitMass:
    """A mass to set: ``unit_mass_g`` an item from ``valid_from`` on, the first day of a month; None: unknown."""

    material: str
    valid_from: datetime.date
    unit_mass_g: int | None
    source: str


@dataclass(frozen=True, slots=True)
class StoredUnitMass:
    """A mass as it was set. It ``is_replaced`` where a newer one is for the same month."""

    unit_mass_id: UUID
    material: str
    valid_from: datetime.date
    unit_mass_g: int | None
    source: str
    set_by: str | None
    set_at: datetime.datetime
    is_replaced: bool

    @property
    def key(self) -> Key:
        """What masses are listed by."""
        return (self.material, self.valid_from, self.unit_mass_id)


@dataclass(frozen=True, slots=True)
class WeighedMaterial:
    """A material and what one item of it is taken to weigh on a day; all None where that is unknown."""

    material: str
    unit_mass_g: int | None
    unit_mass_from: datetime.date | None
    unit_mass_source: str | None


def set_unit_mass(
    connection: Connection, mass: NewUnitMass, *, authority_id: int, set_by: str, now: datetime.datetime
) -> UUID:
    """Set what an item weighs from a month on; figures of that month and later ones are reckoned anew. Return its id.

    Raises:
        MaterialUnknownError: the transaction must be rolled back.
    """
    unit_mass_id = new_id()
    row = {
        "authority_id": authority_id,
        "unit_mass_id": unit_mass_id,
        "material": mass.material,
        "valid_from": mass.valid_from,
        "unit_mass_g": mass.unit_mass_g,
        "source": mass.source,
        "set_by": set_by,
        "set_at": now,
    }
    try:
        connection.execute(insert(UnitMass).values(row))
    except IntegrityError as error:
        if violates(error, "fk_unit_masses_authority_id_material"):
            raise MaterialUnknownError(mass.material) from error
        raise
    return unit_mass_id


def get_unit_mass(connection: Connection, unit_mass_id: UUID, *, authority_id: int) -> StoredUnitMass:
    """Return one that is known to be there."""
    [found] = list_unit_masses(connection, authority_id=authority_id, unit_mass_id=unit_mass_id)
    return found


def list_unit_masses(
    connection: Connection,
    *,
    authority_id: int,
    material: str | None = None,
    unit_mass_id: UUID | None = None,
    after: Key | None = None,
    limit: int = 500,
) -> list[StoredUnitMass]:
    """List all that was ever set, by material, month and when it was set, those behind ``after``."""
    after_material, after_from, after_id = after or (None, None, None)
    values = {"authority_id": authority_id, "material": material, "unit_mass_id": unit_mass_id, "limit": limit}
    named = {"after_material": after_material, "after_from": after_from, "after_id": after_id}
    return [StoredUnitMass(*row) for row in connection.execute(LIST, {**values, **named})]


def list_weighed_materials(
    connection: Connection, *, authority_id: int, day: datetime.date, after: str | None = None, limit: int = 500
) -> list[WeighedMaterial]:
    """List the materials by name, those behind ``after``, with the masses in force on ``day``."""
    values = {"authority_id": authority_id, "day": day, "after": after, "limit": limit}
    return [WeighedMaterial(*row) for row in connection.execute(LIST_WITH_MATERIALS, values)]


def check_material(connection: Connection, material: str, *, authority_id: int) -> None:
    """Raise unless the authority collects a material.

    Raises:
        MaterialUnknownError: it does not.
    """
    of_authority = Material.authority_id == authority_id
    if connection.scalar(select(Material.material).where(of_authority, Material.material == material)) is None:
        raise MaterialUnknownError(material)
