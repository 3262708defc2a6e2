"""Work that waits for its time: recurring jobs, and messages on their way to citizens."""

import datetime
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from rewards.languages import LANGUAGES
from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Id, Instant, tenant_key

CODE_KINDS = ("sign_in_code", "sign_up_code", "erasure_code")
NOTICE_KINDS = ("points_expiring", "goal_reached", "goal_missed")
"""What a citizen may do without, and can switch off."""

LETTER_KINDS = (
    *CODE_KINDS,
    *NOTICE_KINDS,
    "wallet_merged",
    "wallet_left",
    "card_blocked",
    "account_inactive",
    "account_erased",
    "statement_ready",
    "offer_published",
    "offer_rejected",
)
"""Every letter there is; each has its words in ``bontri/letters``."""


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
    """A letter by e-mail, written in the transaction that makes it due; sent later, and tried again.

    It goes to a citizen or a shop, whose address is looked up when it is sent, or to an address it carries itself,
    encrypted. What is nobody else's business (a code) is in ``facts_encrypted``. Past ``good_until`` it is of no use.
    Of a letter that was sent nothing is kept but that it was. ``next_try_at`` is also how long a sender has it for
    itself. ``fault``: why it did not leave when it was last tried.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        tenant_key("citizen_id", to="citizens"),
        tenant_key("shop_id", to="shops"),
        CheckConstraint(f"kind IN {LETTER_KINDS}", name="kind_known"),
        CheckConstraint(f"language IN {LANGUAGES}", name="language_known"),
        CheckConstraint("tries >= 0", name="tries_not_negative"),
        CheckConstraint("num_nonnulls(citizen_id, shop_id, address_encrypted) <= 1", name="one_addressee"),
        CheckConstraint(
            "sent_at IS NOT NULL OR given_up_at IS NOT NULL"
            " OR num_nonnulls(citizen_id, shop_id, address_encrypted) = 1",
            name="somebodys_while_it_waits",
        ),
        CheckConstraint("sent_at IS NULL OR given_up_at IS NULL", name="one_end"),
        CheckConstraint(
            "sent_at IS NULL OR (address_encrypted IS NULL AND facts_encrypted IS NULL AND facts = '{}')",
            name="nothing_kept_once_sent",
        ),
        CheckConstraint(
            "given_up_at IS NULL OR good_until IS NULL OR (address_encrypted IS NULL AND facts_encrypted IS NULL)",
            name="no_secret_kept_once_useless",
        ),
        CheckConstraint(
            f"kind NOT IN {CODE_KINDS} OR (good_until IS NOT NULL AND facts = '{{}}')", name="no_code_in_the_open"
        ),
        Index(
            "ix_outbox_waiting",
            "authority_id",
            "next_try_at",
            postgresql_where=text("sent_at IS NULL AND given_up_at IS NULL"),
        ),
        Index(
            "ix_outbox_urgent",
            "authority_id",
            "next_try_at",
            postgresql_where=text("sent_at IS NULL AND given_up_at IS NULL AND good_until IS NOT NULL"),
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    message_id: Mapped[Id]
    citizen_id: Mapped[uuid.UUID | None]
    shop_id: Mapped[uuid.UUID | None]
    address_encrypted: Mapped[bytes | None] = mapped_column(LargeBinary)
    language: Mapped[str | None]
    kind: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    facts_encrypted: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[Instant]
    good_until: Mapped[datetime.datetime | None]
    next_try_at: Mapped[Instant]
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    fault: Mapped[str | None]
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
