"""Counted against weighed: how much heavier or lighter than counted a bin's contents are, decided by somebody."""

import datetime
import decimal

from sqlalchemy import BigInteger, CheckConstraint, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Instant, tenant_key


class BinCalibration(Base):
    """What counted grams of a bin and material are multiplied by from a month on, until the next one; append-only.

    ``factor`` is weighed over counted grams of ``rounds`` complete collection rounds (docs/statistics.md, "Counted
    and weighed"). ``valid_from`` is a day of the authority's calendar. A bin without one counts as it is.
    """

    __tablename__ = "bin_calibrations"
    __table_args__ = (
        tenant_key("bin_id", to="bins"),
        tenant_key("material", to="materials"),
        CheckConstraint("EXTRACT(day FROM valid_from) = 1", name="from_the_first_of_a_month"),
        CheckConstraint("factor > 0", name="factor_positive"),
        CheckConstraint("rounds > 0", name="rounds_positive"),
        CheckConstraint("counted_g > 0 AND weighed_g > 0", name="weighed_and_counted"),
        CheckConstraint("char_length(decided_by) BETWEEN 1 AND 100", name="decided_by_somebody"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    material: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[datetime.date] = mapped_column(primary_key=True)
    factor: Mapped[decimal.Decimal] = mapped_column(Numeric(6, 4))
    rounds: Mapped[int]
    counted_g: Mapped[int] = mapped_column(BigInteger)
    weighed_g: Mapped[int] = mapped_column(BigInteger)
    decided_by: Mapped[str]
    decided_at: Mapped[Instant]
