"""Who may call: sessions of citizens, API keys of shops and authorities, and answers already given."""

import datetime
import uuid

from sqlalchemy import CheckConstraint, Index, SmallInteger, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Digest, Id, Instant, tenant_key


class SignInCode(Base):
    """A code sent by e-mail: kept as a keyed digest, usable once, for ten minutes and five tries.

    ``citizen_id`` is None for an address nobody holds: the answer is the same, and so is the work.
    """

    __tablename__ = "sign_in_codes"
    __table_args__ = (
        tenant_key("citizen_id", to="citizens"),
        CheckConstraint("tries_left >= 0", name="tries_left_not_negative"),
        Index("ix_sign_in_codes_citizen", "authority_id", "citizen_id"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    sign_in_id: Mapped[Id]
    citizen_id: Mapped[uuid.UUID | None]
    code_digest: Mapped[Digest]
    expires_at: Mapped[Instant]
    tries_left: Mapped[int] = mapped_column(SmallInteger)
    used_at: Mapped[datetime.datetime | None]


class Session(Base):
    """A citizen signed in on one device; a row, so that it can be listed and revoked."""

    __tablename__ = "sessions"
    __table_args__ = (
        tenant_key("citizen_id", to="citizens"),
        UniqueConstraint("authority_id", "token_digest"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    session_id: Mapped[Id]
    citizen_id: Mapped[uuid.UUID]
    token_digest: Mapped[Digest]
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    revoked_at: Mapped[datetime.datetime | None]


class ApiKey(Base):
    """A key of a shop's till or of an authority's agent; only its keyed digest is stored."""

    __tablename__ = "api_keys"
    __table_args__ = (
        tenant_key("shop_id", to="shops"),
        UniqueConstraint("authority_id", "secret_digest"),
        CheckConstraint("audience IN ('shop', 'authority')", name="audience_known"),
        CheckConstraint("(audience = 'shop') = (shop_id IS NOT NULL)", name="shop_keys_name_their_shop"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    api_key_id: Mapped[Id]
    audience: Mapped[str]
    shop_id: Mapped[uuid.UUID | None]
    secret_digest: Mapped[Digest]
    label: Mapped[str]
    created_at: Mapped[Instant]
    revoked_at: Mapped[datetime.datetime | None]


class IdempotentRequest(Base):
    """What a POST with an ``Idempotency-Key`` was answered: status and ids only, rendered again on a repeat."""

    __tablename__ = "idempotent_requests"
    __table_args__ = ({"info": DISTRIBUTED},)
    authority_id: Mapped[AuthorityId]
    principal_id: Mapped[Id]
    idempotency_key: Mapped[str] = mapped_column(primary_key=True)
    request_digest: Mapped[Digest]
    answer: Mapped[dict[str, str]] = mapped_column(JSONB)
    created_at: Mapped[Instant]
