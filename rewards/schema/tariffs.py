"""What a deposit earns, from when."""

import uuid

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Id, Instant, tenant_key


class Tariff(Base):
    """A tariff, in force from ``valid_from`` until the next one; its caps hold for the deposits of its time."""

    __tablename__ = "tariffs"
    __table_args__ = (
        UniqueConstraint("authority_id", "valid_from"),
        CheckConstraint("day_cap_points > 0 AND week_cap_points > 0", name="caps_positive"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId] = mapped_column(ForeignKey("authorities.authority_id"))
    tariff_id: Mapped[Id]
    name: Mapped[str]
    valid_from: Mapped[Instant]
    day_cap_points: Mapped[int | None]
    week_cap_points: Mapped[int | None]


class TariffLine(Base):
    """Points per item, or per kilogram, of one material."""

    __tablename__ = "tariff_lines"
    __table_args__ = (
        tenant_key("tariff_id", to="tariffs"),
        tenant_key("material", to="materials"),
        UniqueConstraint("authority_id", "tariff_id", "material"),
        CheckConstraint("basis IN ('item', 'kilogram')", name="basis_known"),
        CheckConstraint("points BETWEEN 0 AND 10000", name="points_range"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    tariff_line_id: Mapped[Id]
    tariff_id: Mapped[uuid.UUID]
    material: Mapped[str]
    basis: Mapped[str]
    points: Mapped[int]
