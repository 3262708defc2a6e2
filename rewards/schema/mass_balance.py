"""Counted against weighed: collection rounds, and how much heavier or lighter than counted a bin's contents are."""

import datetime
import decimal
import uuid

from sqlalchemy import BigInteger, CheckConstraint, Index, Numeric
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


class CollectionRound(Base):
    """What was dropped into a bin, of one material, between two emptyings; known by the emptying that ended it.

    Facts alone, computed from ``events`` by the job ``weigh-rounds``: what items weigh and how the bin is calibrated
    is decided later, and applied when a round is read. The round holds the numbers behind the emptying that began it
    up to the one that ended it, and those of all materials: ``settled`` of them are in the journals, of which
    ``quarantined`` carry no event and ``test_events`` count nowhere; ``lost`` never come, ``missing`` may.
    ``mass_g`` is what the bin weighed deposit by deposit, ``unweighed_items`` what it did not weigh; ``weighed_g`` is
    the emptying's, None where it was not weighed. ``anonymous_deposits`` were credited to nobody.
    """

    __tablename__ = "collection_rounds"
    __table_args__ = (
        tenant_key("bin_id", to="bins"),
        tenant_key("site_id", to="sites"),
        tenant_key("material", to="materials"),
        CheckConstraint("(began_journal_no, began_seq) < (journal_no, seq)", name="begins_before_it_ends"),
        CheckConstraint("deposits >= 0 AND anonymous_deposits BETWEEN 0 AND deposits", name="deposits_counted"),
        CheckConstraint("items >= 0 AND unweighed_items BETWEEN 0 AND items AND mass_g >= 0", name="items_counted"),
        CheckConstraint("weighed_g > 0", name="weighed_g_positive"),
        CheckConstraint("settled > 0 AND lost >= 0 AND missing >= 0", name="numbers_counted"),
        CheckConstraint(
            "quarantined >= 0 AND test_events >= 0 AND deposits + quarantined + test_events < settled",
            name="numbers_accounted_for",
        ),
        Index("ix_collection_rounds_bin", "authority_id", "bin_id", "material"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    journal_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    began_journal_no: Mapped[int]
    began_seq: Mapped[int] = mapped_column(BigInteger)
    bin_id: Mapped[str]
    site_id: Mapped[uuid.UUID]
    material: Mapped[str]
    began_at: Mapped[Instant]
    ended_at: Mapped[Instant]
    deposits: Mapped[int]
    anonymous_deposits: Mapped[int]
    items: Mapped[int]
    unweighed_items: Mapped[int]
    mass_g: Mapped[int] = mapped_column(BigInteger)
    weighed_g: Mapped[int | None]
    is_moved: Mapped[bool]
    settled: Mapped[int] = mapped_column(BigInteger)
    quarantined: Mapped[int] = mapped_column(BigInteger)
    test_events: Mapped[int] = mapped_column(BigInteger)
    lost: Mapped[int] = mapped_column(BigInteger)
    missing: Mapped[int] = mapped_column(BigInteger)
    computed_at: Mapped[Instant]
