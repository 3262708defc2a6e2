"""What figures take for granted beside masses: costs of a tonne, CO2 of cullet. Defaults with their sources, and own.

An authority puts a number of its own in the place of a default from a month on, with its source; nothing is changed,
and of several for the same month the newest holds. Source of the defaults: docs/figures.md.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import Connection, insert, text

from rewards.ids import new_id
from rewards.schema.assumptions import Assumption as AssumptionRow

AssumptionName = Literal[
    "residual_cost_cents_per_tonne",
    "glass_cost_cents_per_tonne",
    "co2_low_kg_per_tonne",
    "co2_high_kg_per_tonne",
    "inhabitants_per_bin",
]
ASSUMPTION_NAMES: tuple[AssumptionName, ...] = get_args(AssumptionName)
VALUE_MAX = 10_000_000


@dataclass(frozen=True, slots=True)
class Assumption:
    """A number that holds from a month on, and where it comes from; a default of Bontri has no month."""

    name: AssumptionName
    value: int
    source: str
    valid_from: datetime.date | None = None

    @property
    def is_default(self) -> bool:
        """Whether the authority has said nothing for that time."""
        return self.valid_from is None


DEFAULTS: Mapping[AssumptionName, Assumption] = {
    each.name: each
    for each in (
        Assumption(
            "residual_cost_cents_per_tonne", 12_000, "glass left in residual waste: 120 € a tonne (Le Havre, 2022)"
        ),
        Assumption("glass_cost_cents_per_tonne", 6_500, "glass by drop-off: 65 € a tonne (reference of 2012)"),
        Assumption("co2_low_kg_per_tonne", 460, "0.46 t CO2 a tonne of cullet (smictom-centreouest35)"),
        Assumption("co2_high_kg_per_tonne", 620, "0.62 t CO2 a tonne of cullet (rsf91)"),
        Assumption("inhabitants_per_bin", 500, "at least one bin per 500 inhabitants (Biloba; La Gazette 429208)"),
    )
}

LIST = text("""
    SELECT a.assumption_id, a.name, a.valid_from, a.value, a.source, a.set_by, a.set_at,
           EXISTS (SELECT FROM assumptions n
                    WHERE n.authority_id = a.authority_id AND n.name = a.name
                      AND n.valid_from = a.valid_from AND n.assumption_id > a.assumption_id) AS is_replaced
      FROM assumptions a
     WHERE a.authority_id = :authority_id
       AND (CAST(:assumption_id AS uuid) IS NULL OR a.assumption_id = :assumption_id)
       AND (CAST(:after_name AS text) IS NULL
            OR (a.name, a.valid_from, a.assumption_id)
               > (:after_name, CAST(:after_from AS date), CAST(:after_id AS uuid)))
     ORDER BY a.name, a.valid_from, a.assumption_id LIMIT :limit
""")
LIST_STANDING = text("""
    SELECT DISTINCT ON (name, valid_from) name, value, source, valid_from FROM assumptions
     WHERE authority_id = :authority_id
     ORDER BY name, valid_from, assumption_id DESC
""")

Key = tuple[str, datetime.date, UUID]


@dataclass(frozen=True, slots=True)
class StoredAssumption:
    """An assumption as it was set. It ``is_replaced`` where a newer one is for the same month."""

    assumption_id: UUID
    name: AssumptionName
    valid_from: datetime.date
    value: int
    source: str
    set_by: str | None
    set_at: datetime.datetime
    is_replaced: bool

    @property
    def key(self) -> Key:
        """What assumptions are listed by."""
        return (self.name, self.valid_from, self.assumption_id)


@dataclass(frozen=True, slots=True)
class Assumptions:
    """All that holds for an authority, by name and oldest first, above the defaults."""

    own: tuple[Assumption, ...] = ()

    def get(self, name: AssumptionName, day: datetime.date) -> Assumption:
        """Return what holds on ``day``."""
        standing = [each for each in self.own if each.name == name and each.valid_from and each.valid_from <= day]
        return standing[-1] if standing else DEFAULTS[name]


def get_assumptions(connection: Connection, *, authority_id: int) -> Assumptions:
    """Return what the authority takes for granted at any time."""
    rows = connection.execute(LIST_STANDING, {"authority_id": authority_id})
    return Assumptions(tuple(Assumption(*row) for row in rows if row.name in DEFAULTS))


def set_assumption(
    connection: Connection, assumption: Assumption, *, authority_id: int, set_by: str, now: datetime.datetime
) -> UUID:
    """Put a number in the place of the default from its month on; return the id of what is stored."""
    assumption_id = new_id()
    row = {
        "authority_id": authority_id,
        "assumption_id": assumption_id,
        "name": assumption.name,
        "valid_from": assumption.valid_from,
        "value": assumption.value,
        "source": assumption.source,
        "set_by": set_by,
        "set_at": now,
    }
    connection.execute(insert(AssumptionRow).values(row))
    return assumption_id


def get_assumption(connection: Connection, assumption_id: UUID, *, authority_id: int) -> StoredAssumption:
    """Return one that is known to be there."""
    [found] = list_assumptions(connection, authority_id=authority_id, assumption_id=assumption_id)
    return found


def list_assumptions(
    connection: Connection,
    *,
    authority_id: int,
    assumption_id: UUID | None = None,
    after: Key | None = None,
    limit: int = 500,
) -> list[StoredAssumption]:
    """List all that was ever set, by name, month and when it was set, those behind ``after``; no defaults."""
    after_name, after_from, after_id = after or (None, None, None)
    values = {"authority_id": authority_id, "assumption_id": assumption_id, "limit": limit}
    named = {"after_name": after_name, "after_from": after_from, "after_id": after_id}
    return [StoredAssumption(*row) for row in connection.execute(LIST, {**values, **named})]
