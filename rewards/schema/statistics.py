"""What figures are made from beside the deposits: numbers alone, with nobody behind them to be looked up."""

import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Instant, tenant_key

GRANULARITIES = ("month", "year")
LEVELS = ("authority", "commune", "site")


class HolderCount(Base):
    """How many holders were active in a month or year, at a place, with a material; counted, never summed.

    ``first_day`` begins the month or year. ``code`` is '' for the authority, the INSEE code of a commune, the id of a
    site; ``material`` '' is all of them. ``deposits`` and ``credited_deposits`` are what the daily sums held when it
    was ``counted_at``: when they changed, it is counted again.
    """

    __tablename__ = "holder_counts"
    __table_args__ = (
        CheckConstraint(f"granularity IN {GRANULARITIES}", name="granularity_known"),
        CheckConstraint(f"level IN {LEVELS}", name="level_known"),
        CheckConstraint("(level = 'authority') = (code = '')", name="places_named"),
        CheckConstraint("extract(day FROM first_day) = 1", name="first_day_of_month"),
        CheckConstraint("new_holders BETWEEN 0 AND holders", name="new_holders_range"),
        CheckConstraint("credited_deposits BETWEEN 0 AND deposits", name="credited_deposits_range"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    granularity: Mapped[str] = mapped_column(primary_key=True)
    first_day: Mapped[datetime.date] = mapped_column(primary_key=True)
    level: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    material: Mapped[str] = mapped_column(primary_key=True)
    holders: Mapped[int]
    new_holders: Mapped[int]
    deposits: Mapped[int] = mapped_column(BigInteger)
    credited_deposits: Mapped[int] = mapped_column(BigInteger)
    counted_at: Mapped[Instant]


class ServedHouseholds(Base):
    """How many households a commune's bins serve, of which year, and who says so."""

    __tablename__ = "served_households"
    __table_args__ = (
        tenant_key("insee_code", to="communes"),
        CheckConstraint("year BETWEEN 2000 AND 2100", name="year_range"),
        CheckConstraint("households > 0", name="households_positive"),
        CheckConstraint("char_length(source) BETWEEN 1 AND 200", name="source_length"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    insee_code: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    households: Mapped[int]
    source: Mapped[str]


class EffectVerdict(Base):
    """The newest verdict on whether equipping sites has an effect, of a material: see ``effect/keeping.py``.

    ``verdict`` is what ``effect/showing.py`` makes of it, of all that was known until ``last_day``.
    """

    __tablename__ = "effect_verdicts"
    __table_args__ = (
        tenant_key("material", to="materials"),
        CheckConstraint("verdict ? 'is_measurable'", name="says_whether_measurable"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    material: Mapped[str] = mapped_column(primary_key=True)
    last_day: Mapped[datetime.date]
    verdict: Mapped[dict[str, Any]] = mapped_column(JSONB)
    measured_at: Mapped[Instant]
