"""What is heard of bins and told to them: reports, commands, alarms."""

import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Id, Instant, tenant_key


class BinReport(Base):
    """The newest hello, status and presence of a bin, each ordered by the bin's own counters.

    ``status_n`` and friends decide, never a clock: a lower ``(boot, n)`` never overwrites a higher one.
    """

    __tablename__ = "bin_reports"
    __table_args__ = (tenant_key("bin_id", to="bins"), {"info": DISTRIBUTED})
    authority_id: Mapped[AuthorityId]
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    last_heard_at: Mapped[Instant]
    hello_boot: Mapped[int | None] = mapped_column(BigInteger)
    hello_n: Mapped[int | None] = mapped_column(BigInteger)
    firmware: Mapped[str | None]
    model: Mapped[str | None]
    materials: Mapped[list[str] | None] = mapped_column(JSONB)
    capacity_l: Mapped[int | None]
    config_version: Mapped[int | None]
    status_boot: Mapped[int | None] = mapped_column(BigInteger)
    status_n: Mapped[int | None] = mapped_column(BigInteger)
    status_at: Mapped[datetime.datetime | None]
    status: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    presence_boot: Mapped[int | None] = mapped_column(BigInteger)
    presence_conn: Mapped[int | None] = mapped_column(BigInteger)
    is_online: Mapped[bool | None]


class BinCommand(Base):
    """An order to a bin, published until the bin answers or its time is over; a bin executes it once.

    Source: docs/bin-protocol.md, "Commands".
    """

    __tablename__ = "bin_commands"
    __table_args__ = (
        tenant_key("bin_id", to="bins"),
        CheckConstraint("kind IN ('resend', 'reboot', 'emptying_mode')", name="kind_known"),
        CheckConstraint("outcome IN ('done', 'refused', 'expired')", name="outcome_known"),
        CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended_with_an_outcome"),
        CheckConstraint("expires_at > issued_at", name="expires_after_issued"),
        Index("ix_bin_commands_bin", "authority_id", "bin_id", "issued_at"),
        Index("ix_bin_commands_open", "authority_id", "bin_id", postgresql_where=text("outcome IS NULL")),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    command_id: Mapped[Id]
    bin_id: Mapped[str]
    kind: Mapped[str]
    arguments: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    issued_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    sent_at: Mapped[datetime.datetime | None]
    times_sent: Mapped[int] = mapped_column(server_default=text("0"))
    outcome: Mapped[str | None]
    ended_at: Mapped[datetime.datetime | None]


class BinAlarm(Base):
    """Something about a bin that an operator should look at; one row per bin and kind, raised again when it ended."""

    __tablename__ = "bin_alarms"
    __table_args__ = (
        tenant_key("bin_id", to="bins"),
        CheckConstraint(
            "kind IN ('gap', 'lost', 'clone', 'wide_journal', 'event_conflict', 'quarantine_flood', 'mass_balance')",
            name="kind_known",
        ),
        CheckConstraint("times > 0", name="times_positive"),
        Index("ix_bin_alarms_open", "authority_id", "raised_at", postgresql_where=text("ended_at IS NULL")),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    raised_at: Mapped[Instant]
    last_seen_at: Mapped[Instant]
    ended_at: Mapped[datetime.datetime | None]
    times: Mapped[int] = mapped_column(server_default=text("1"))


class BinDay(Base):
    """What a bin said of itself in a day of the authority's time zone: see ``rewards/bin_days.py``.

    Bit *h* of the hours is the *h*-th hour since midnight; a day has 23 to 25.
    """

    __tablename__ = "bin_days"
    __table_args__ = (
        CheckConstraint("heard_hours BETWEEN 1 AND 33554431", name="heard_hours_of_a_day"),
        CheckConstraint("told_hours & heard_hours = told_hours", name="told_when_heard"),
        CheckConstraint("full_hours & told_hours = full_hours", name="full_when_told"),
        CheckConstraint("fill_pct BETWEEN 0 AND 100", name="fill_pct_range"),
        CheckConstraint("(fill_pct IS NULL) = (told_hours = 0)", name="level_when_told"),
        CheckConstraint("(fill_pct IS NULL) = (fill_at IS NULL)", name="level_has_an_instant"),
        Index("ix_bin_days_bin", "authority_id", "bin_id", "day"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    day: Mapped[datetime.date] = mapped_column(primary_key=True)
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    heard_hours: Mapped[int]
    told_hours: Mapped[int]
    full_hours: Mapped[int]
    fill_pct: Mapped[int | None] = mapped_column(SmallInteger)
    fill_at: Mapped[datetime.datetime | None]
