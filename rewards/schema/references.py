"""What figures are compared with: tonnages of others, and the authority's own that no bin has seen."""

import datetime

from sqlalchemy import BigInteger, CheckConstraint, SmallInteger, func, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, REFERENCE, AuthorityId, Base, Instant

STREAM = "stream ~ '^[a-z][a-z0-9_-]{1,31}$'"


class ReferenceTonnage(Base):
    """What a département collected in a year, of one stream, and its population then; public, the same for everybody.

    Regions and the nation are summed from départements, by population.
    """

    __tablename__ = "reference_tonnages"
    __table_args__ = (
        CheckConstraint(STREAM, name="stream_alphabet"),
        CheckConstraint("mass_g >= 0", name="mass_g_not_negative"),
        CheckConstraint("population > 0", name="population_positive"),
        CheckConstraint("char_length(source) BETWEEN 1 AND 300", name="source_length"),
        {"info": REFERENCE},
    )
    year: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    department: Mapped[str] = mapped_column(primary_key=True)
    stream: Mapped[str] = mapped_column(primary_key=True)
    mass_g: Mapped[int] = mapped_column(BigInteger)
    population: Mapped[int]
    source: Mapped[str]


class Tonnage(Base):
    """What was collected at a place from the first to the last day, as the authority knows it from its weighbridge.

    ``place`` is the id of a site, the INSEE code of a commune, or empty: the whole authority. A day of a place
    and stream is in one row at most. What is not known has no row; zero is a zero.
    """

    __tablename__ = "tonnages"
    __table_args__ = (
        CheckConstraint("level IN ('site', 'commune', 'authority')", name="level_known"),
        CheckConstraint("(level = 'authority') = (place = '')", name="place_of_its_level"),
        CheckConstraint(STREAM, name="stream_alphabet"),
        CheckConstraint("mass_g >= 0", name="mass_g_not_negative"),
        CheckConstraint("last_day BETWEEN first_day AND first_day + 365", name="a_year_at_most"),
        CheckConstraint("char_length(source) BETWEEN 1 AND 300", name="source_length"),
        ExcludeConstraint(
            ("authority_id", "="),
            ("level", "="),
            ("place", "="),
            ("stream", "="),
            (func.daterange(text("first_day"), text("last_day"), text("'[]'")), "&&"),
            name="ex_tonnages_one_a_day",
            using="gist",
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    level: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(primary_key=True)
    stream: Mapped[str] = mapped_column(primary_key=True)
    first_day: Mapped[datetime.date] = mapped_column(primary_key=True)
    last_day: Mapped[datetime.date]
    mass_g: Mapped[int] = mapped_column(BigInteger)
    source: Mapped[str]
    imported_at: Mapped[Instant]


class Characterisation(Base):
    """Which share of the residual waste is a stream, from a year on, by the analysis of a sample (MODECOM)."""

    __tablename__ = "characterisations"
    __table_args__ = (
        CheckConstraint(STREAM, name="stream_alphabet"),
        CheckConstraint("year BETWEEN 1962 AND 2100", name="year_of_a_survey"),
        CheckConstraint("share_permille BETWEEN 0 AND 1000", name="share_of_a_whole"),
        CheckConstraint("char_length(source) BETWEEN 1 AND 300", name="source_length"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    stream: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    share_permille: Mapped[int] = mapped_column(SmallInteger)
    source: Mapped[str]
