"""What bins reported: journals, events (deposits and emptyings), and what could not be accepted."""

import datetime
import uuid

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Digest, Instant, tenant_key

LARGEST_SEQ = 2**63 - 2


class BinJournal(Base):
    """One event storage of a bin. ``received`` holds every settled sequence number, ``lost`` those that never come.

    ``journal_no`` stands for (bin, journal) so that the key of an event takes 16 bytes.
    """

    __tablename__ = "bin_journals"
    __table_args__ = (
        tenant_key("bin_id", to="bins"),
        UniqueConstraint("authority_id", "bin_id", "journal"),
        # No regular expression: every batch updates journals, and PostgreSQL checks the whole row again.
        CheckConstraint(
            "octet_length(journal) = 32 AND translate(journal, '0123456789abcdef', '') = ''", name="journal_hex"
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    journal_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    bin_id: Mapped[str]
    journal: Mapped[str]
    received: Mapped[object] = mapped_column(INT8MULTIRANGE, server_default=text("'{}'"))
    lost: Mapped[object] = mapped_column(INT8MULTIRANGE, server_default=text("'{}'"))
    next_seq: Mapped[int | None] = mapped_column(BigInteger)
    oldest_held: Mapped[int | None] = mapped_column(BigInteger)
    last_received_at: Mapped[datetime.datetime | None]
    created_at: Mapped[Instant]


class Event(Base):
    """A deposit or an emptying, as committed; append-only. What a bin in state ``test`` reports is of type ``test``.

    Names no citizen and no badge: who was credited is known only through ``wallet_accounts``.
    No foreign keys: the same transaction resolves what they would check, and ``bontri verify``
    looks for orphans (docs/decisions/0004-no-foreign-keys-on-the-hot-path.md).
    """

    __tablename__ = "events"
    __table_args__ = (
        CheckConstraint(f"seq BETWEEN 1 AND {LARGEST_SEQ}", name="seq_range"),
        CheckConstraint("type IN ('deposit', 'emptying', 'test')", name="type_known"),
        CheckConstraint("items BETWEEN 0 AND 200", name="items_range"),
        CheckConstraint("type = 'test' OR (type = 'deposit') = (items IS NOT NULL)", name="deposits_have_items"),
        CheckConstraint("mass_g BETWEEN 1 AND 2000000", name="mass_g_range"),
        # One event in hundreds: a deposit costs the look at its type, and no write.
        Index(
            "ix_events_emptyings",
            "authority_id",
            "bin_id",
            "material",
            "journal_no",
            "seq",
            postgresql_where=text("type = 'emptying'"),
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    journal_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    type: Mapped[str]
    bin_id: Mapped[str]
    site_id: Mapped[uuid.UUID]
    material: Mapped[str]
    items: Mapped[int | None] = mapped_column(SmallInteger)
    mass_g: Mapped[int | None]
    refused: Mapped[int | None] = mapped_column(SmallInteger)
    confidence: Mapped[float | None] = mapped_column(REAL)
    emptied_by: Mapped[str | None]
    occurred_at: Mapped[Instant]
    is_estimated: Mapped[bool]
    received_at: Mapped[Instant]
    recorded_at: Mapped[Instant]
    content_digest: Mapped[Digest]


class QuarantinedMessage(Base):
    """A message that could not be accepted, or that carried such an event: exact bytes, encrypted, counted.

    ``authority_id`` 0 holds what names no authority of ours. ``code`` is None when only single events of the
    message were refused (they are in ``quarantined_events``). Removed 35 days after it was last received.
    ``replay_requested_at``: an operator wants it processed again; ``replay_taken_at``: a worker is at it;
    ``replayed_at``: a replay recorded all of it.
    """

    __tablename__ = "quarantined_messages"
    __table_args__ = (
        CheckConstraint("times > 0", name="times_positive"),
        Index("ix_quarantined_messages_bin", "authority_id", "bin_id", "received_at"),
        Index(
            "ix_quarantined_messages_requested",
            "authority_id",
            "replay_requested_at",
            postgresql_where=text("replay_requested_at IS NOT NULL"),
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    message_digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    topic: Mapped[str]
    bin_id: Mapped[str | None]
    code: Mapped[str | None]
    detail: Mapped[str]
    payload_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[Instant]
    last_received_at: Mapped[Instant]
    times: Mapped[int] = mapped_column(server_default=text("1"))
    replay_requested_at: Mapped[datetime.datetime | None]
    replay_taken_at: Mapped[datetime.datetime | None]
    replayed_at: Mapped[datetime.datetime | None]


class QuarantineOverflow(Base):
    """Messages of a bin above what its quarantine keeps in a day: counted, their bytes not kept.

    Only messages refused whole, which settle nothing: the bin still holds what was in them.
    """

    __tablename__ = "quarantine_overflows"
    __table_args__ = ({"info": DISTRIBUTED},)
    authority_id: Mapped[AuthorityId]
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[datetime.date] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    times: Mapped[int] = mapped_column(BigInteger)


class QuarantinedEvent(Base):
    """One event of a message that was refused for a reason of its own; settled towards the bin.

    Outlives its message, whose bytes are removed after 35 days: it says what became of the number.
    """

    __tablename__ = "quarantined_events"
    __table_args__ = (
        tenant_key("message_digest", to="quarantined_messages"),
        Index(
            "ix_quarantined_events_conflicts",
            "authority_id",
            "received_at",
            postgresql_where=text("code = 'event_conflict'"),
        ),
        Index(
            "ix_quarantined_events_message",
            "authority_id",
            "message_digest",
            postgresql_where=text("message_digest IS NOT NULL"),
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    journal_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    content_digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    code: Mapped[str]
    detail: Mapped[str]
    message_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    received_at: Mapped[Instant]


class DailyDeposits(Base):
    """Deposits rolled up by day of the authority's time zone, bin, site and material.

    Kept in the transaction that writes the deposits and rebuildable from ``events``; never holds a count of
    distinct citizens, which cannot be summed over days.
    """

    __tablename__ = "daily_deposits"
    __table_args__ = ({"info": DISTRIBUTED},)
    authority_id: Mapped[AuthorityId]
    day: Mapped[datetime.date] = mapped_column(primary_key=True)
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    site_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    material: Mapped[str] = mapped_column(primary_key=True)
    deposits: Mapped[int] = mapped_column(BigInteger)
    credited_deposits: Mapped[int] = mapped_column(BigInteger)
    items: Mapped[int] = mapped_column(BigInteger)
    mass_g: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    points: Mapped[int] = mapped_column(BigInteger)
    unweighed_items: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class MonthlyDeposits(Base):
    """Whole days of :class:`DailyDeposits` folded into their months: the sums of those before ``folded_before``.

    What comes later for such a day is added in the transaction that writes the deposit.
    """

    __tablename__ = "monthly_deposits"
    __table_args__ = (CheckConstraint("extract(day FROM month) = 1", name="month_begins"), {"info": DISTRIBUTED})
    authority_id: Mapped[AuthorityId]
    month: Mapped[datetime.date] = mapped_column(primary_key=True)
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    site_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    material: Mapped[str] = mapped_column(primary_key=True)
    deposits: Mapped[int] = mapped_column(BigInteger)
    credited_deposits: Mapped[int] = mapped_column(BigInteger)
    items: Mapped[int] = mapped_column(BigInteger)
    mass_g: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    points: Mapped[int] = mapped_column(BigInteger)
    unweighed_items: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class BinMonth(Base):
    """On which days before ``folded_before`` a bin gave a sign: see ``rewards/rollups/signs.py``.

    Bit 0 is the first of the month.
    """

    __tablename__ = "bin_months"
    __table_args__ = (
        CheckConstraint("extract(day FROM month) = 1", name="month_begins"),
        CheckConstraint("heard_days >= 0 AND deposit_days >= 0", name="days_of_a_month"),
        CheckConstraint("heard_days | deposit_days > 0", name="a_sign_was_given"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    month: Mapped[datetime.date] = mapped_column(primary_key=True)
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    heard_days: Mapped[int]
    deposit_days: Mapped[int]


class FoldedDays(Base):
    """Up to which day the days of an authority are folded into months; that day itself is not."""

    __tablename__ = "folded_days"
    __table_args__ = ({"info": DISTRIBUTED},)
    authority_id: Mapped[AuthorityId]
    folded_before: Mapped[datetime.date]
