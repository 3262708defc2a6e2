"""What an authority publishes of its deposits: once, and never changed."""

import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Instant, tenant_key
from rewards.schema.statistics import GRANULARITIES, LEVELS

REASONS = ("primary", "complementary")
CELL = ("granularity", "first_day", "level", "code", "material")


class Publication(Base):
    """That the table of a month or year was published, by whom and when; append-only."""

    __tablename__ = "publications"
    __table_args__ = (
        CheckConstraint(f"granularity IN {GRANULARITIES}", name="granularity_known"),
        CheckConstraint("extract(day FROM first_day) = 1", name="first_day_of_month"),
        CheckConstraint("withheld BETWEEN 0 AND cells", name="withheld_range"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId] = mapped_column(ForeignKey("authorities.authority_id"))
    granularity: Mapped[str] = mapped_column(primary_key=True)
    first_day: Mapped[datetime.date] = mapped_column(primary_key=True)
    published_at: Mapped[Instant]
    published_by: Mapped[str]
    cells: Mapped[int]
    withheld: Mapped[int]


class PublishedCell(Base):
    """One cell of a published table, as everybody may see it: withheld, or with what was dropped and by how many.

    ``insee_code`` is the commune a site was in then. ``mass_g`` is None too where no unit mass was known. Append-only.
    """

    __tablename__ = "published_cells"
    __table_args__ = (
        tenant_key("granularity", "first_day", to="publications", name="fk_published_cells_publication"),
        CheckConstraint(f"level IN {LEVELS}", name="level_known"),
        CheckConstraint("(level = 'site') = (insee_code IS NOT NULL)", name="sites_in_a_commune"),
        CheckConstraint(
            "num_nulls(deposits, items, points, holders) = CASE WHEN is_withheld THEN 4 ELSE 0 END",
            name="withheld_whole",
        ),
        CheckConstraint("NOT is_withheld OR mass_g IS NULL", name="mass_g_withheld"),
        CheckConstraint("deposits = 0 OR holders >= 11", name="eleven_holders"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    granularity: Mapped[str] = mapped_column(primary_key=True)
    first_day: Mapped[datetime.date] = mapped_column(primary_key=True)
    level: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    material: Mapped[str] = mapped_column(primary_key=True)
    insee_code: Mapped[str | None]
    is_withheld: Mapped[bool]
    deposits: Mapped[int | None] = mapped_column(BigInteger)
    items: Mapped[int | None] = mapped_column(BigInteger)
    mass_g: Mapped[int | None] = mapped_column(BigInteger)
    points: Mapped[int | None] = mapped_column(BigInteger)
    holders: Mapped[int | None]


class WithheldCell(Base):
    """What stands in a cell that is withheld; no role that serves anybody reads it. Append-only.

    Kept so that a year adds up its months as they were when they were published.
    """

    __tablename__ = "withheld_cells"
    __table_args__ = (
        ForeignKeyConstraint(
            ["authority_id", *CELL],
            [f"published_cells.{name}" for name in ("authority_id", *CELL)],
            name="fk_withheld_cells_cell",
        ),
        CheckConstraint(f"reason IN {REASONS}", name="reason_known"),
        CheckConstraint("deposits > 0", name="deposits_positive"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    granularity: Mapped[str] = mapped_column(primary_key=True)
    first_day: Mapped[datetime.date] = mapped_column(primary_key=True)
    level: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    material: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    deposits: Mapped[int] = mapped_column(BigInteger)
    items: Mapped[int] = mapped_column(BigInteger)
    mass_g: Mapped[int | None] = mapped_column(BigInteger)
    points: Mapped[int] = mapped_column(BigInteger)
    holders: Mapped[int]
