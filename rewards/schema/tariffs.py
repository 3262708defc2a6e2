"""What a deposit earns, from when."""

import datetime
import uuid

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, SmallInteger, Text, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Id, Instant, tenant_key


class Tariff(Base):
    """A tariff, in force from ``valid_from`` until the next one; its caps hold for the deposits of its time."""

    __tablename__ = "tariffs"
    __table_args__ = (
        UniqueConstraint("authority_id", "valid_from"),
        CheckConstraint("day_cap_points > 0 AND week_cap_points > 0 AND bin_hour_cap_points > 0", name="caps_positive"),
        CheckConstraint("welcome_points BETWEEN 0 AND 10000", name="welcome_points_range"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId] = mapped_column(ForeignKey("authorities.authority_id"))
    tariff_id: Mapped[Id]
    name: Mapped[str]
    valid_from: Mapped[Instant]
    day_cap_points: Mapped[int | None]
    week_cap_points: Mapped[int | None]
    bin_hour_cap_points: Mapped[int | None]
    welcome_points: Mapped[int] = mapped_column(server_default=text("0"))


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


class Campaign(Base):
    """More points for a time, a place or a material; None holds for all. Published, and then never edited.

    Only what its budget has paid (``used_points``) and an early stop are written later.
    """

    __tablename__ = "campaigns"
    __table_args__ = (
        CheckConstraint("valid_until > valid_from", name="ends_after_it_begins"),
        CheckConstraint("num_nonnulls(multiplier_percent, bonus_points) = 1", name="multiplies_or_adds"),
        CheckConstraint("multiplier_percent BETWEEN 101 AND 1000", name="multiplier_percent_range"),
        CheckConstraint("bonus_points BETWEEN 1 AND 10000", name="bonus_points_range"),
        CheckConstraint("weekdays <@ '{1,2,3,4,5,6,7}' AND cardinality(weekdays) > 0", name="weekdays_known"),
        CheckConstraint("until_time > from_time", name="hours_of_one_day"),
        CheckConstraint("(from_time IS NULL) = (until_time IS NULL)", name="hours_whole"),
        CheckConstraint("cardinality(materials) > 0", name="materials_named"),
        CheckConstraint("cardinality(site_ids) > 0", name="sites_named"),
        CheckConstraint("cardinality(insee_codes) > 0", name="communes_named"),
        CheckConstraint("budget_points > 0", name="budget_points_positive"),
        CheckConstraint("used_points BETWEEN 0 AND budget_points", name="budget_not_overspent"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId] = mapped_column(ForeignKey("authorities.authority_id"))
    campaign_id: Mapped[Id]
    name: Mapped[str]
    valid_from: Mapped[Instant]
    valid_until: Mapped[Instant]
    multiplier_percent: Mapped[int | None]
    bonus_points: Mapped[int | None]
    weekdays: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    from_time: Mapped[datetime.time | None]
    until_time: Mapped[datetime.time | None]
    materials: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    site_ids: Mapped[list[uuid.UUID] | None] = mapped_column(ARRAY(Uuid))
    insee_codes: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    is_first_deposit_only: Mapped[bool] = mapped_column(server_default=text("false"))
    budget_points: Mapped[int | None] = mapped_column(BigInteger)
    used_points: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    last_granted: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    stopped_at: Mapped[datetime.datetime | None]
