"""Shops, what they offer, and the vouchers citizens take there."""

import datetime
import uuid

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Digest, Id, Instant, tenant_key


class Shop(Base):
    """A partner shop; its account collects the points of redeemed vouchers."""

    __tablename__ = "shops"
    __table_args__ = (
        tenant_key("account_id", to="accounts"),
        tenant_key("insee_code", to="communes"),
        CheckConstraint("state IN ('active', 'revoked')", name="state_known"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    shop_id: Mapped[Id]
    account_id: Mapped[uuid.UUID]
    name: Mapped[str]
    address: Mapped[str]
    insee_code: Mapped[str]
    state: Mapped[str]
    created_at: Mapped[Instant]


class Offer(Base):
    """What a shop gives for points: the price in points, and the value it is paid in cents."""

    __tablename__ = "offers"
    __table_args__ = (
        tenant_key("shop_id", to="shops"),
        CheckConstraint("price_points > 0", name="price_points_positive"),
        CheckConstraint("value_cents >= 0", name="value_cents_not_negative"),
        CheckConstraint("voucher_valid_days BETWEEN 1 AND 365", name="voucher_valid_days_range"),
        CheckConstraint("state IN ('published', 'ended')", name="state_known"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    offer_id: Mapped[Id]
    shop_id: Mapped[uuid.UUID]
    title: Mapped[str]
    price_points: Mapped[int]
    value_cents: Mapped[int]
    voucher_valid_days: Mapped[int]
    state: Mapped[str]


class Voucher(Base):
    """A right to an offer, paid in points that stay pending until it is redeemed, cancelled or expires.

    Names no wallet: whose it is follows from the lots its pending transfers debit. Only a keyed digest of the
    128-bit code is stored. Price and value are those of the day it was issued.
    """

    __tablename__ = "vouchers"
    __table_args__ = (
        tenant_key("offer_id", to="offers"),
        tenant_key("shop_id", to="shops"),
        UniqueConstraint("authority_id", "code_digest"),
        CheckConstraint("status IN ('issued', 'redeemed', 'cancelled', 'expired')", name="status_known"),
        CheckConstraint("(status = 'issued') = (ended_at IS NULL)", name="ended_unless_issued"),
        CheckConstraint("(status = 'redeemed') = (redemption_key IS NOT NULL)", name="redeemed_by_a_key"),
        Index(
            "uq_vouchers_redemption_key",
            "authority_id",
            "shop_id",
            "redemption_key",
            unique=True,
            postgresql_where=text("redemption_key IS NOT NULL"),
        ),
        Index("ix_vouchers_expiring", "authority_id", "expires_at", postgresql_where=text("status = 'issued'")),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    voucher_id: Mapped[Id]
    offer_id: Mapped[uuid.UUID]
    shop_id: Mapped[uuid.UUID]
    price_points: Mapped[int]
    value_cents: Mapped[int]
    status: Mapped[str]
    code_digest: Mapped[Digest]
    issued_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    ended_at: Mapped[datetime.datetime | None]
    redemption_key: Mapped[str | None]


class RedemptionAttempt(Base):
    """Every try to redeem, the refused ones too, with a closed list of outcomes; append-only."""

    __tablename__ = "redemption_attempts"
    __table_args__ = (
        tenant_key("shop_id", to="shops"),
        CheckConstraint(
            "outcome IN ('redeemed', 'voucher_unknown', 'voucher_of_another_shop', 'voucher_already_redeemed',"
            " 'voucher_cancelled', 'voucher_expired')",
            name="outcome_known",
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    attempt_id: Mapped[Id]
    shop_id: Mapped[uuid.UUID]
    voucher_id: Mapped[uuid.UUID | None]
    outcome: Mapped[str]
    attempted_at: Mapped[Instant]
