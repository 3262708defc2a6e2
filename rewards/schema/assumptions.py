"""What figures take for granted, with its source: the mass of an item, costs, CO2. Dated, and never changed."""

import datetime

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Id, Instant, tenant_key

FIRST_OF_MONTH = "EXTRACT(day FROM valid_from) = 1"
"""So that a whole month has one, and sums of months are enough to reckon with."""


class UnitMass(Base):
    """What one item of a material is taken to weigh from a month on, until the next; None: unknown from then on.

    Append-only. Of several for the same month the newest holds.
    """

    __tablename__ = "unit_masses"
    __table_args__ = (
        tenant_key("material", to="materials"),
        CheckConstraint("unit_mass_g BETWEEN 1 AND 100000", name="unit_mass_g_range"),
        CheckConstraint(FIRST_OF_MONTH, name="from_first_of_month"),
        CheckConstraint("char_length(source) BETWEEN 1 AND 300", name="source_length"),
        Index("ix_unit_masses_material", "authority_id", "material", "valid_from"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    unit_mass_id: Mapped[Id]
    material: Mapped[str]
    valid_from: Mapped[datetime.date]
    unit_mass_g: Mapped[int | None]
    source: Mapped[str]
    set_by: Mapped[str | None]
    set_at: Mapped[Instant]


class Assumption(Base):
    """A number the authority puts in the place of a default of ``rewards/statistics/assumptions.py``, from a month on.

    Append-only. Of several for the same month the newest holds.
    """

    __tablename__ = "assumptions"
    __table_args__ = (
        CheckConstraint("value BETWEEN 0 AND 10000000", name="value_range"),
        CheckConstraint(FIRST_OF_MONTH, name="from_first_of_month"),
        CheckConstraint("char_length(source) BETWEEN 1 AND 300", name="source_length"),
        Index("ix_assumptions_name", "authority_id", "name", "valid_from"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    assumption_id: Mapped[Id]
    name: Mapped[str]
    valid_from: Mapped[datetime.date]
    value: Mapped[int]
    source: Mapped[str]
    set_by: Mapped[str | None]
    set_at: Mapped[Instant]
