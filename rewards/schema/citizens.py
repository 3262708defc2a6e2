"""Citizens, their wallets and badges; contact data apart from points and encrypted."""

import datetime
import uuid

from sqlalchemy import CheckConstraint, LargeBinary, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Digest, Id, Instant, tenant_key


class Wallet(Base):
    """A citizen's points, or a household's."""

    __tablename__ = "wallets"
    __table_args__ = ({"info": DISTRIBUTED},)
    authority_id: Mapped[AuthorityId]
    wallet_id: Mapped[Id]
    created_at: Mapped[Instant]


class Citizen(Base):
    """A holder of points; a card with no registered person behind it is a citizen too.

    ``first_credited_on`` is the day of the first deposit ever credited, by the authority's calendar.
    """

    __tablename__ = "citizens"
    __table_args__ = (
        tenant_key("wallet_id", to="wallets"),
        CheckConstraint("state IN ('active', 'blocked')", name="state_known"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    citizen_id: Mapped[Id]
    wallet_id: Mapped[uuid.UUID]
    state: Mapped[str]
    first_credited_on: Mapped[datetime.date | None]
    created_at: Mapped[Instant]


class Badge(Base):
    """What identifies a citizen at a bin, as an HMAC under a pepper outside the database."""

    __tablename__ = "badges"
    __table_args__ = (
        tenant_key("citizen_id", to="citizens"),
        CheckConstraint("state IN ('active', 'blocked')", name="state_known"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    badge_digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    pepper_no: Mapped[int] = mapped_column(SmallInteger)
    citizen_id: Mapped[uuid.UUID]
    state: Mapped[str]
    paired_at: Mapped[Instant]


class Contact(Base):
    """The e-mail address of a citizen: a keyed digest to find it by, the address itself encrypted."""

    __tablename__ = "contacts"
    __table_args__ = (
        tenant_key("citizen_id", to="citizens"),
        UniqueConstraint("authority_id", "email_digest"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    citizen_id: Mapped[Id]
    email_digest: Mapped[Digest]
    email_encrypted: Mapped[Digest]
