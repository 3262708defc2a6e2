"""Double entry: accounts with four counters, and transfers that are never changed."""

import datetime
import uuid

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Id, Instant, tenant_key

OVERDRAFT_KINDS = ("adjustment", "bonus", "issuing", "loss")
"""Accounts of the authority itself: points come into being by overdrawing them."""

ACCOUNT_KINDS = (*OVERDRAFT_KINDS, "cause", "expired", "forfeited", "goal", "lot", "network", "settled", "shop")

REASONS = (
    "adjustment",
    "donation",
    "expiry",
    "forfeiture",
    "merge",
    "reinstatement",
    "reversal",
    "review",
    "settlement",
    "split",
    "welcome",
)
"""Why a transfer exists that is neither a deposit's credit nor a voucher's."""

CORRECTION_REASONS = ("bin_fault", "wrong_card", "fraud", "mistake")
"""Why a credit is taken back, or was not given after a review; told to the citizen."""

REINSTATEMENT_REASONS = ("outage", "hardship", "mistake")
"""Why expired points are given back; told to the citizen."""

CREDIT_REASONS = ("bin_fault", "outage", "mistake")
"""Why points that were missing are credited after all; told to the citizen."""

MOST_GRANTED = 100_000

REVIEW_RULES = ("large_deposit", "doubtful_clock")
"""Why a deposit's credit waits for a review; told to the citizen."""

WITHHOLDING_CAPS = ("bin_hour", "day", "week", "bin_hour+day", "bin_hour+week", "day+week", "bin_hour+day+week")
"""Which caps held points back, in the order in which they are granted."""

AUTHORITY_ACCOUNT_KINDS = ("bonus", "expired", "forfeited", "loss", "network", "settled")


class Account(Base):
    """An account. The CHECK forbids overdraft whatever the code does; its name is what refusals are told by.

    A lot is an account: the points one wallet was credited in one month, which expire together.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint(f"kind IN {ACCOUNT_KINDS}", name="kind_known"),
        CheckConstraint(
            "debits_posted >= 0 AND credits_posted >= 0 AND debits_pending >= 0 AND credits_pending >= 0",
            name="counters_not_negative",
        ),
        CheckConstraint(
            f"kind IN {OVERDRAFT_KINDS} OR debits_posted + debits_pending <= credits_posted",
            name="no_overdraft",
        ),
        CheckConstraint("(kind = 'lot') = (expires_on IS NOT NULL)", name="lots_expire"),
        Index(
            "ix_accounts_expiring",
            "authority_id",
            "expires_on",
            "account_id",
            postgresql_where=text("kind = 'lot'"),
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    account_id: Mapped[Id]
    kind: Mapped[str]
    expires_on: Mapped[datetime.date | None]
    debits_posted: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    credits_posted: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    debits_pending: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    credits_pending: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    created_at: Mapped[Instant]


class WalletAccount(Base):
    """The only link between a wallet and its lots; retention and erasure may cut it while every sum stays true."""

    __tablename__ = "wallet_accounts"
    __table_args__ = (
        # Deferred: the link is inserted first, as the arbiter of who creates the lot of a month.
        tenant_key("account_id", to="accounts", deferrable=True, initially="DEFERRED"),
        tenant_key("wallet_id", to="wallets"),
        UniqueConstraint("authority_id", "wallet_id", "lot_month"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    account_id: Mapped[Id]
    wallet_id: Mapped[uuid.UUID]
    lot_month: Mapped[datetime.date]


class Transfer(Base):
    """Points moved from the debit account to the credit account; append-only.

    ``phase`` ``single`` moves at once; ``pending`` reserves; ``post`` and ``void`` end a pending transfer, at
    most once (unique on ``pending_id``). A deposit's credit carries the event's identity and how the points
    came about. Every transfer says why it exists: by a deposit, a voucher, or a ``reason``, whose ``cause_id`` is the
    row that asked for it. No foreign keys, see :class:`rewards.schema.events.Event`.
    """

    __tablename__ = "transfers"
    __table_args__ = (
        CheckConstraint("points > 0", name="points_positive"),
        CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
        CheckConstraint("phase IN ('single', 'pending', 'post', 'void')", name="phase_known"),
        CheckConstraint("(phase IN ('post', 'void')) = (pending_id IS NOT NULL)", name="endings_name_their_pending"),
        CheckConstraint("(journal_no IS NULL) = (seq IS NULL)", name="event_identity_whole"),
        CheckConstraint("withheld_points >= 0", name="withheld_points_not_negative"),
        CheckConstraint(f"withheld_by IN {WITHHOLDING_CAPS}", name="withheld_by_known"),
        CheckConstraint("(campaign_id IS NULL) = (campaign_points IS NULL)", name="campaigns_whole"),
        CheckConstraint("campaign_points >= 0", name="campaign_points_not_negative"),
        CheckConstraint(f"reason IN {REASONS}", name="reason_known"),
        CheckConstraint("num_nonnulls(journal_no, voucher_id, reason) = 1", name="one_reason"),
        CheckConstraint("cause_id IS NULL OR reason IS NOT NULL", name="causes_have_a_reason"),
        Index(
            "uq_transfers_pending",
            "authority_id",
            "pending_id",
            unique=True,
            postgresql_where=text("pending_id IS NOT NULL"),
        ),
        Index(
            "uq_transfers_event",
            "authority_id",
            "journal_no",
            "seq",
            unique=True,
            postgresql_where=text("journal_no IS NOT NULL"),
        ),
        Index("ix_transfers_credit_account", "authority_id", "credit_account_id"),
        Index(
            "ix_transfers_voucher",
            "authority_id",
            "voucher_id",
            postgresql_where=text("voucher_id IS NOT NULL"),
        ),
        Index(
            "ix_transfers_debit_account",
            "authority_id",
            "debit_account_id",
            postgresql_where=text("journal_no IS NULL"),
        ),
        Index(
            "ix_transfers_cause",
            "authority_id",
            "cause_id",
            postgresql_where=text("cause_id IS NOT NULL"),
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    transfer_id: Mapped[Id]
    phase: Mapped[str]
    debit_account_id: Mapped[uuid.UUID]
    credit_account_id: Mapped[uuid.UUID]
    points: Mapped[int] = mapped_column(BigInteger)
    pending_id: Mapped[uuid.UUID | None]
    recorded_at: Mapped[Instant]
    journal_no: Mapped[int | None]
    seq: Mapped[int | None] = mapped_column(BigInteger)
    tariff_line_id: Mapped[uuid.UUID | None]
    withheld_points: Mapped[int | None]
    withheld_by: Mapped[str | None]
    campaign_id: Mapped[uuid.UUID | None]
    campaign_points: Mapped[int | None]
    voucher_id: Mapped[uuid.UUID | None]
    reason: Mapped[str | None]
    cause_id: Mapped[uuid.UUID | None]


class AuthorityAccount(Base):
    """An account of the authority itself, one of each kind."""

    __tablename__ = "authority_accounts"
    __table_args__ = (
        # Deferred: the link is inserted first, as the arbiter of who creates the account.
        tenant_key("account_id", to="accounts", deferrable=True, initially="DEFERRED"),
        CheckConstraint(f"kind IN {AUTHORITY_ACCOUNT_KINDS}", name="kind_known"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    kind: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID]


class Correction(Base):
    """A transfer that one person asks to take back and a second one decides about.

    A ``reversal`` takes a credit back: ``taken_points`` came from the wallet, ``expired_points`` had expired in the
    credit's own lot, ``lost_points`` were spent before and are the authority's loss; all are None until it is approved.
    A ``reinstatement`` gives back what expired, whole. A ``credit`` gives ``granted_points`` that the transfer lacked.
    Agents are kept by id besides, since names can be changed.
    """

    __tablename__ = "corrections"
    __table_args__ = (
        tenant_key("requested_by_agent_id", to="agents.agent_id"),
        tenant_key("decided_by_agent_id", to="agents.agent_id"),
        CheckConstraint(
            f"(kind = 'reversal' AND reason IN {CORRECTION_REASONS})"
            f" OR (kind = 'reinstatement' AND reason IN {REINSTATEMENT_REASONS})"
            f" OR (kind = 'credit' AND reason IN {CREDIT_REASONS})",
            name="reason_known",
        ),
        CheckConstraint("state IN ('requested', 'approved', 'rejected')", name="state_known"),
        CheckConstraint("char_length(note) BETWEEN 1 AND 500", name="note_length"),
        CheckConstraint("(state = 'requested') = (decided_by IS NULL)", name="decided_by_somebody"),
        CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decided_at_some_time"),
        CheckConstraint("decided_by <> requested_by OR state = 'rejected'", name="approved_by_a_second_person"),
        CheckConstraint(
            "decided_by_agent_id <> requested_by_agent_id OR state = 'rejected'", name="approved_by_a_second_agent"
        ),
        CheckConstraint("taken_points >= 0 AND expired_points >= 0 AND lost_points >= 0", name="points_not_negative"),
        CheckConstraint(
            "taken_points IS NULL OR (state = 'approved' AND kind = 'reversal')", name="points_only_approved"
        ),
        CheckConstraint("num_nulls(taken_points, expired_points, lost_points) IN (0, 3)", name="points_whole"),
        CheckConstraint("(kind = 'credit') = (granted_points IS NOT NULL)", name="credits_say_how_much"),
        CheckConstraint(f"granted_points BETWEEN 1 AND {MOST_GRANTED}", name="granted_points_range"),
        Index(
            "uq_corrections_transfer",
            "authority_id",
            "transfer_id",
            unique=True,
            postgresql_where=text("state <> 'rejected'"),
        ),
        Index("ix_corrections_open", "authority_id", "requested_at", postgresql_where=text("state = 'requested'")),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    correction_id: Mapped[Id]
    transfer_id: Mapped[uuid.UUID]
    kind: Mapped[str] = mapped_column(server_default=text("'reversal'"))
    reason: Mapped[str]
    note: Mapped[str]
    requested_by: Mapped[str]
    requested_by_agent_id: Mapped[uuid.UUID | None]
    requested_at: Mapped[Instant]
    state: Mapped[str]
    decided_by: Mapped[str | None]
    decided_by_agent_id: Mapped[uuid.UUID | None]
    decided_at: Mapped[datetime.datetime | None]
    taken_points: Mapped[int | None] = mapped_column(BigInteger)
    expired_points: Mapped[int | None] = mapped_column(BigInteger)
    lost_points: Mapped[int | None] = mapped_column(BigInteger)
    granted_points: Mapped[int | None] = mapped_column(BigInteger)


class Review(Base):
    """A deposit's credit that is pending because a ``rule`` of the authority found it suspicious.

    It posts itself at ``due_at`` (``lapsed``) unless somebody approves or rejects it before; a rejection has a
    ``reason``, told to the citizen, and a ``note``, which is not. No foreign key, as none of transfers.
    """

    __tablename__ = "reviews"
    __table_args__ = (
        CheckConstraint(f"rule IN {REVIEW_RULES}", name="rule_known"),
        CheckConstraint("state IN ('open', 'approved', 'rejected', 'lapsed')", name="state_known"),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided_at_some_time"),
        CheckConstraint("(state IN ('approved', 'rejected')) = (decided_by IS NOT NULL)", name="decided_by_somebody"),
        CheckConstraint(f"reason IN {CORRECTION_REASONS}", name="reason_known"),
        CheckConstraint("(state = 'rejected') = (reason IS NOT NULL)", name="rejected_for_a_reason"),
        CheckConstraint("(reason IS NULL) = (note IS NULL)", name="rejected_with_a_note"),
        CheckConstraint("char_length(note) BETWEEN 1 AND 500", name="note_length"),
        Index("ix_reviews_open", "authority_id", "due_at", "transfer_id", postgresql_where=text("state = 'open'")),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    transfer_id: Mapped[Id]
    rule: Mapped[str]
    due_at: Mapped[Instant]
    state: Mapped[str] = mapped_column(server_default=text("'open'"))
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime.datetime | None]
    reason: Mapped[str | None]
    note: Mapped[str | None]


class CappedDeposit(Base):
    """A deposit whose points the cap held back whole: no transfer exists, yet the citizen may read why."""

    __tablename__ = "capped_deposits"
    __table_args__ = (
        CheckConstraint("withheld_points > 0", name="withheld_points_positive"),
        CheckConstraint(f"withheld_by IN {WITHHOLDING_CAPS}", name="withheld_by_known"),
        CheckConstraint("(campaign_id IS NULL) = (campaign_points IS NULL)", name="campaigns_whole"),
        CheckConstraint("campaign_points >= 0", name="campaign_points_not_negative"),
        Index("ix_capped_deposits_account", "authority_id", "account_id"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    journal_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    account_id: Mapped[uuid.UUID]
    tariff_line_id: Mapped[uuid.UUID]
    withheld_points: Mapped[int]
    withheld_by: Mapped[str | None]
    campaign_id: Mapped[uuid.UUID | None]
    campaign_points: Mapped[int | None]
    recorded_at: Mapped[Instant]


class CapUsage(Base):
    """How many points a citizen was granted in a day or ISO week; ``last_granted`` is what the last upsert gave."""

    __tablename__ = "cap_usages"
    __table_args__ = (
        tenant_key("citizen_id", to="citizens"),
        CheckConstraint("period IN ('day', 'week')", name="period_known"),
        CheckConstraint("used_points >= 0", name="used_points_not_negative"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    citizen_id: Mapped[Id]
    period: Mapped[str] = mapped_column(primary_key=True)
    starts_on: Mapped[datetime.date] = mapped_column(primary_key=True)
    cap_points: Mapped[int]
    used_points: Mapped[int]
    last_granted: Mapped[int]


class BinCapUsage(Base):
    """How many points a bin gave in an hour; against a bin that counts too much, and against who feeds it so."""

    __tablename__ = "bin_cap_usages"
    __table_args__ = (
        tenant_key("bin_id", to="bins"),
        CheckConstraint("used_points >= 0", name="used_points_not_negative"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime.datetime] = mapped_column(primary_key=True)
    cap_points: Mapped[int]
    used_points: Mapped[int]
    last_granted: Mapped[int]
