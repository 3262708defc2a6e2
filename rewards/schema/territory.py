"""Authorities and what stands on their ground: communes, sites, bins and where each bin stood when."""

import datetime
import uuid
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from rewards.languages import LANGUAGES
from rewards.schema.base import DISTRIBUTED, REFERENCE, AuthorityId, Base, Id, Instant, tenant_key


class Authority(Base):
    """A collectivité, the tenant. ``epoch`` rises when a restore may have forgotten receipts.

    ``address`` is what its statements show, lines separated by newlines; ``language`` that of letters to whoever has
    chosen none.
    ``fleet_version`` rises with every change of a bin, key or placement that workers must know of; they look at it
    once a second instead of at every bin. ``holders_version`` is the same for badges, citizens and wallets, and
    ``config_version`` for what bins show on their displays. By ``points_expired_on`` all lots that had to are empty.
    Deposits beyond ``review_over_…``, or of bins whose clock is in doubt, are credited pending a review; None holds
    none. A bin that weighs ``balance_over_percent`` more or less than it counted raises an alarm. Citizens who did
    nothing for ``inactive_after_months`` are erased; None keeps them. A lot that is empty stays
    its wallet's for ``history_kept_months``. Strangers may sign up while ``sign_up_is_open``, citizens claim cards
    themselves while ``claiming_is_open``. Nothing of any authority stands under an encryption key before the highest
    ``oldest_key_no``: a new authority has 1.
    """

    __tablename__ = "authorities"
    __table_args__ = (
        CheckConstraint("slug ~ '^[a-z0-9-]{2,32}$'", name="slug_alphabet"),
        # What the tokens of operators begin with.
        CheckConstraint("slug <> 'operator'", name="slug_not_reserved"),
        CheckConstraint("points_valid_months BETWEEN 1 AND 120", name="points_valid_months_range"),
        CheckConstraint("review_over_items BETWEEN 1 AND 200", name="review_over_items_range"),
        CheckConstraint("review_over_mass_g BETWEEN 1 AND 2000000", name="review_over_mass_g_range"),
        CheckConstraint("balance_over_percent BETWEEN 10 AND 400", name="balance_over_percent_range"),
        CheckConstraint("inactive_after_months BETWEEN 12 AND 120", name="inactive_after_months_range"),
        CheckConstraint("history_kept_months BETWEEN 12 AND 120", name="history_kept_months_range"),
        CheckConstraint(f"language IN {LANGUAGES}", name="language_known"),
        UniqueConstraint("slug"),
        {"info": REFERENCE},
    )
    authority_id: Mapped[AuthorityId]
    slug: Mapped[str]
    name: Mapped[str]
    address: Mapped[str] = mapped_column(server_default=text("''"))
    timezone: Mapped[str]
    language: Mapped[str] = mapped_column(server_default=text("'fr'"))
    epoch: Mapped[int] = mapped_column(server_default=text("1"))
    fleet_version: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    holders_version: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    config_version: Mapped[int] = mapped_column(server_default=text("1"))
    display_texts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    points_valid_months: Mapped[int] = mapped_column(server_default=text("24"))
    points_expired_on: Mapped[datetime.date | None]
    review_over_items: Mapped[int | None] = mapped_column(SmallInteger)
    review_over_mass_g: Mapped[int | None]
    reviews_doubtful_clocks: Mapped[bool] = mapped_column(server_default=text("false"))
    balance_over_percent: Mapped[int] = mapped_column(SmallInteger, server_default=text("40"))
    inactive_after_months: Mapped[int | None] = mapped_column(SmallInteger)
    history_kept_months: Mapped[int] = mapped_column(SmallInteger, server_default=text("24"))
    sign_up_is_open: Mapped[bool] = mapped_column(server_default=text("true"))
    claiming_is_open: Mapped[bool] = mapped_column(server_default=text("true"))
    oldest_key_no: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    is_simulated: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[Instant]


class Commune(Base):
    """A commune of the authority; how many live there is in :class:`Population`."""

    __tablename__ = "communes"
    __table_args__ = ({"info": DISTRIBUTED},)
    authority_id: Mapped[AuthorityId] = mapped_column(ForeignKey("authorities.authority_id"))
    insee_code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Population(Base):
    """How many live in a commune (INSEE's population municipale), by year of the census, and who says so."""

    __tablename__ = "populations"
    __table_args__ = (
        tenant_key("insee_code", to="communes"),
        CheckConstraint("population > 0", name="population_positive"),
        CheckConstraint("year BETWEEN 1962 AND 2100", name="year_of_a_census"),
        CheckConstraint("char_length(source) BETWEEN 1 AND 300", name="source_length"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    insee_code: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    population: Mapped[int]
    source: Mapped[str]


class CommuneOutline(Base):
    """Where a commune is: a Polygon or MultiPolygon of GeoJSON, as simple as a map needs, and who drew it."""

    __tablename__ = "commune_outlines"
    __table_args__ = (
        tenant_key("insee_code", to="communes"),
        CheckConstraint("outline ->> 'type' IN ('Polygon', 'MultiPolygon')", name="outline_is_a_shape"),
        CheckConstraint("char_length(source) BETWEEN 1 AND 300", name="source_length"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    insee_code: Mapped[str] = mapped_column(primary_key=True)
    outline: Mapped[dict[str, Any]] = mapped_column(JSONB)
    source: Mapped[str]


class Material(Base):
    """A material the authority collects; what one item weighs is in :class:`rewards.schema.assumptions.UnitMass`."""

    __tablename__ = "materials"
    __table_args__ = (
        CheckConstraint("material ~ '^[a-z][a-z0-9_-]{1,31}$'", name="material_alphabet"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId] = mapped_column(ForeignKey("authorities.authority_id"))
    material: Mapped[str] = mapped_column(primary_key=True)


class Site(Base):
    """A drop-off point, at a place."""

    __tablename__ = "sites"
    __table_args__ = (
        tenant_key("insee_code", to="communes"),
        UniqueConstraint("authority_id", "reference"),
        CheckConstraint("latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180", name="on_earth"),
        Index("ix_sites_place", "authority_id", "latitude", "longitude"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    site_id: Mapped[Id]
    reference: Mapped[str]
    insee_code: Mapped[str]
    address: Mapped[str]
    latitude: Mapped[float]
    longitude: Mapped[float]


class BinDirectory(Base):
    """Which authority a bin belongs to: bin ids are unique across authorities."""

    __tablename__ = "bin_directory"
    __table_args__ = (
        CheckConstraint("bin_id ~ '^[A-Z0-9-]{4,32}$'", name="bin_id_alphabet"),
        {"info": REFERENCE},
    )
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    authority_id: Mapped[int] = mapped_column(ForeignKey("authorities.authority_id"))


class Bin(Base):
    """The connected container. Its issuing account is the source of every point it gives.

    In state ``test`` it is answered and counted apart: it earns nothing and is in no statistics. ``configured_version``
    and ``configured_key_number`` say which configuration was last published for it, and how signed.
    """

    __tablename__ = "bins"
    __table_args__ = (
        tenant_key("issuing_account_id", to="accounts.account_id"),
        CheckConstraint("state IN ('test', 'live', 'revoked')", name="state_known"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    issuing_account_id: Mapped[uuid.UUID]
    capacity_l: Mapped[int | None]
    newest_key_number: Mapped[int] = mapped_column(server_default=text("1"))
    configured_version: Mapped[int] = mapped_column(server_default=text("0"))
    configured_key_number: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[Instant]


class BinKey(Base):
    """A key number of a bin and its state; the key itself is derived and stored nowhere."""

    __tablename__ = "bin_keys"
    __table_args__ = (
        tenant_key("bin_id", to="bins"),
        CheckConstraint("key_number BETWEEN 1 AND 32767", name="key_number_range"),
        CheckConstraint("state IN ('valid', 'revoked')", name="state_known"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    key_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str]
    created_at: Mapped[Instant]


class Placement(Base):
    """A bin at a site from an instant to an instant (open while it stands there); never two at once."""

    __tablename__ = "placements"
    __table_args__ = (
        tenant_key("bin_id", to="bins"),
        tenant_key("site_id", to="sites"),
        CheckConstraint("removed_at > placed_at", name="removed_after_placed"),
        ExcludeConstraint(
            ("authority_id", "="),
            ("bin_id", "="),
            (func.tstzrange(text("placed_at"), text("removed_at")), "&&"),
            name="ex_placements_one_at_a_time",
            using="gist",
        ),
        Index("ix_placements_site", "authority_id", "site_id"),
        Index("ix_placements_bin", "authority_id", "bin_id", "placed_at"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    placement_id: Mapped[Id]
    bin_id: Mapped[str]
    site_id: Mapped[uuid.UUID]
    placed_at: Mapped[Instant]
    removed_at: Mapped[Instant | None]
