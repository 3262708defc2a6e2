"""Work that waits for its time: recurring jobs, and messages on their way to citizens."""

import datetime
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Id, Instant, tenant_key


class Job(Base):
    """When a job of an authority is due next, and how its last run went.

    ``leased_until``: a process is at it; when that is over, the process is taken for dead.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("failures >= 0", name="failures_not_negative"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId] = mapped_column(ForeignKey("authorities.authority_id"))
    job: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[Instant]
    leased_until: Mapped[datetime.datetime | None]
    started_at: Mapped[datetime.datetime | None]
    ended_at: Mapped[datetime.datetime | None]
    outcome: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    failures: Mapped[int] = mapped_column(server_default=text("0"))


class OutboxMessage(Base):
    """An e-mail to a citizen, written in the transaction that makes it due; sent later, and tried again.

    Holds no address: whose it is, and where that goes, is looked up when it is sent.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        tenant_key("citizen_id", to="citizens"),
        CheckConstraint("kind IN ('points_expiring')", name="kind_known"),
        CheckConstraint("tries >= 0", name="tries_not_negative"),
        Index(
            "ix_outbox_waiting",
            "authority_id",
            "next_try_at",
            postgresql_where=text("sent_at IS NULL AND given_up_at IS NULL"),
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    message_id: Mapped[Id]
    citizen_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[Instant]
    next_try_at: Mapped[Instant]
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    sent_at: Mapped[datetime.datetime | None]
    given_up_at: Mapped[datetime.datetime | None]


class ExpiryWarning(Base):
    """That a wallet was warned of points that expire on a day: once."""

    __tablename__ = "expiry_warnings"
    __table_args__ = (tenant_key("wallet_id", to="wallets"), {"info": DISTRIBUTED})
    authority_id: Mapped[AuthorityId]
    wallet_id: Mapped[Id]
    expires_on: Mapped[datetime.date] = mapped_column(primary_key=True)
    warned_at: Mapped[Instant]
