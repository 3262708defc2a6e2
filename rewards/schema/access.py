"""Who may call: sessions of citizens and agents, keys of shops, authorities and operators, and answers given."""

import datetime
import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, SmallInteger, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, REFERENCE, AuthorityId, Base, Digest, Id, Instant, tenant_key

ROLES = ("viewer", "manager", "admin")
"""What an agent may do; each may what the ones before it may."""
SCOPES = ("redeem", "offers", "statements", "staff")
"""What a key of a shop may be used for."""


class Agent(Base):
    """Somebody who works for the authority; a key of the authority is made for a program instead."""

    __tablename__ = "agents"
    __table_args__ = (
        CheckConstraint(f"role IN {ROLES}", name="role_known"),
        CheckConstraint("state IN ('active', 'blocked')", name="state_known"),
        UniqueConstraint("authority_id", "email_digest"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    agent_id: Mapped[Id]
    name: Mapped[str]
    email_digest: Mapped[Digest]
    email_encrypted: Mapped[Digest]
    role: Mapped[str]
    state: Mapped[str]
    created_at: Mapped[Instant]


class SignInCode(Base):
    """A code sent by e-mail: kept as a keyed digest, usable once, for ten minutes and five tries.

    Neither citizen nor agent for an address nobody holds: the answer is the same, and so is the work; nor for a code
    that confirms something (``rewards/confirmations.py``). With ``email_encrypted`` the code makes a citizen of whoever
    has that address.
    """

    __tablename__ = "sign_in_codes"
    __table_args__ = (
        tenant_key("citizen_id", to="citizens"),
        tenant_key("agent_id", to="agents"),
        CheckConstraint("tries_left >= 0", name="tries_left_not_negative"),
        CheckConstraint("num_nonnulls(citizen_id, agent_id) <= 1", name="for_one"),
        CheckConstraint(
            "email_encrypted IS NULL OR num_nonnulls(citizen_id, agent_id) = 0", name="address_of_nobody_known"
        ),
        Index("ix_sign_in_codes_over", "authority_id", "expires_at"),
        Index("ix_sign_in_codes_citizen", "authority_id", "citizen_id"),
        Index("ix_sign_in_codes_agent", "authority_id", "agent_id"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    sign_in_id: Mapped[Id]
    citizen_id: Mapped[uuid.UUID | None]
    agent_id: Mapped[uuid.UUID | None]
    email_encrypted: Mapped[bytes | None]
    code_digest: Mapped[Digest]
    expires_at: Mapped[Instant]
    tries_left: Mapped[int] = mapped_column(SmallInteger)
    used_at: Mapped[datetime.datetime | None]


class Session(Base):
    """A citizen or an agent signed in on one device; a row, so that it can be listed and revoked.

    ``used_on`` is the last day of use, and nothing finer: the label is what the device called itself. An agent's ends
    at ``idle_until`` too, which is put off while it is used.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        tenant_key("citizen_id", to="citizens"),
        tenant_key("agent_id", to="agents"),
        UniqueConstraint("authority_id", "token_digest"),
        CheckConstraint("num_nonnulls(citizen_id, agent_id) = 1", name="of_one"),
        Index("ix_sessions_citizen", "authority_id", "citizen_id", "session_id"),
        CheckConstraint("(agent_id IS NULL) = (idle_until IS NULL)", name="idle_if_an_agents"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    session_id: Mapped[Id]
    citizen_id: Mapped[uuid.UUID | None]
    agent_id: Mapped[uuid.UUID | None]
    token_digest: Mapped[Digest]
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    idle_until: Mapped[datetime.datetime | None]
    revoked_at: Mapped[datetime.datetime | None]
    label_encrypted: Mapped[bytes | None]
    used_on: Mapped[datetime.date | None]


class LimitedTry(Base):
    """How often somebody tried something of late, ``most`` times before the window ends: who and what is a digest."""

    __tablename__ = "limited_tries"
    __table_args__ = (
        CheckConstraint("tries BETWEEN 0 AND most", name="tries_range"),
        Index("ix_limited_tries_over", "authority_id", "window_ends_at"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId] = mapped_column(ForeignKey("authorities.authority_id"))
    subject_digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    tries: Mapped[int]
    most: Mapped[int]
    window_ends_at: Mapped[Instant]


class ApiKey(Base):
    """A key of a shop's till, with scopes, or of a program of the authority, with a role; only its digest is stored.

    A key that is replaced goes on until ``expires_at``, so that tills can be changed one after the other. Behind a key
    made with another one is whoever made that one; nobody is known behind those operators made.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        tenant_key("shop_id", to="shops"),
        tenant_key("made_by_agent_id", to="agents.agent_id"),
        UniqueConstraint("authority_id", "secret_digest"),
        CheckConstraint("audience IN ('shop', 'authority')", name="audience_known"),
        CheckConstraint("(audience = 'shop') = (shop_id IS NOT NULL)", name="shop_keys_name_their_shop"),
        CheckConstraint("(audience = 'shop') = (scopes IS NOT NULL)", name="shop_keys_have_scopes"),
        CheckConstraint("(audience = 'authority') = (role IS NOT NULL)", name="authority_keys_have_a_role"),
        CheckConstraint(f"role IN {ROLES}", name="role_known"),
        CheckConstraint(f"scopes <@ ARRAY{list(SCOPES)} AND cardinality(scopes) > 0", name="scopes_known"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    api_key_id: Mapped[Id]
    audience: Mapped[str]
    shop_id: Mapped[uuid.UUID | None]
    role: Mapped[str | None]
    scopes: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    secret_digest: Mapped[Digest]
    label: Mapped[str]
    created_at: Mapped[Instant]
    expires_at: Mapped[datetime.datetime | None]
    revoked_at: Mapped[datetime.datetime | None]
    made_by_agent_id: Mapped[uuid.UUID | None]


class OperatorKey(Base):
    """A key of who runs the installation, for all authorities; only its keyed digest is stored."""

    __tablename__ = "operator_keys"
    __table_args__ = (UniqueConstraint("secret_digest"), {"info": REFERENCE})
    operator_key_id: Mapped[Id]
    secret_digest: Mapped[Digest]
    label: Mapped[str]
    created_at: Mapped[Instant]
    expires_at: Mapped[datetime.datetime | None]
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
