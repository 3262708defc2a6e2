"""Shops and their staff, what they offer, and the vouchers citizens take there."""

import datetime
import uuid

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from rewards.languages import LANGUAGES
from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Digest, Id, Instant, tenant_key

REVERSAL_REASONS = ("mistake", "goods_returned", "fraud", "other")
"""Why a redemption is taken back."""


class Shop(Base):
    """A partner shop; its account collects the points of redeemed vouchers.

    Where it ``wants_pins`` nobody redeems or takes back without one of its staff.
    """

    __tablename__ = "shops"
    __table_args__ = (
        tenant_key("account_id", to="accounts"),
        tenant_key("insee_code", to="communes"),
        CheckConstraint("state IN ('active', 'revoked')", name="state_known"),
        CheckConstraint("char_length(phone) <= 30", name="phone_length"),
        CheckConstraint("char_length(opening_hours) <= 300", name="opening_hours_length"),
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
    phone: Mapped[str] = mapped_column(server_default=text("''"))
    opening_hours: Mapped[str] = mapped_column(server_default=text("''"))
    wants_pins: Mapped[bool] = mapped_column(server_default=text("false"))


class ShopStaff(Base):
    """Somebody who works at a shop's till, known by a PIN of six digits.

    Of the PIN only a slow digest is kept, salted, of a keyed one (rewards/staff/pins.py).
    """

    __tablename__ = "shop_staff"
    __table_args__ = (
        tenant_key("shop_id", to="shops"),
        # Who redeems and who takes back is of the shop that does: keys of vouchers refer to both.
        UniqueConstraint("authority_id", "shop_id", "staff_id"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 100", name="name_length"),
        CheckConstraint("state IN ('active', 'blocked')", name="state_known"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    staff_id: Mapped[Id]
    shop_id: Mapped[uuid.UUID]
    name: Mapped[str]
    pin_digest: Mapped[Digest]
    state: Mapped[str]
    created_at: Mapped[Instant]


class StaffTry(Base):
    """How many PINs were tried of late for one of a shop's staff: five in ten minutes, a right one not counted."""

    __tablename__ = "staff_tries"
    __table_args__ = (
        tenant_key("staff_id", to="shop_staff"),
        CheckConstraint("tries BETWEEN 0 AND 5", name="tries_range"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    staff_id: Mapped[Id]
    tries: Mapped[int]
    window_ends_at: Mapped[Instant]


class ShopContact(Base):
    """Where letters to a shop go, encrypted; a shop without gets none.

    ``language`` None is the authority's.
    """

    __tablename__ = "shop_contacts"
    __table_args__ = (
        tenant_key("shop_id", to="shops"),
        CheckConstraint(f"language IN {LANGUAGES}", name="language_known"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    shop_id: Mapped[Id]
    email_encrypted: Mapped[Digest]
    language: Mapped[str | None]


class Funder(Base):
    """Who pays shops for vouchers: the authority, a shop that gives its own (and is paid nothing), or a sponsor."""

    __tablename__ = "funders"
    __table_args__ = (
        CheckConstraint("kind IN ('authority', 'shop', 'sponsor')", name="kind_known"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 100", name="name_length"),
        Index(
            "uq_funders_authority",
            "authority_id",
            unique=True,
            postgresql_where=text("kind = 'authority'"),
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId] = mapped_column(ForeignKey("authorities.authority_id"))
    funder_id: Mapped[Id]
    kind: Mapped[str]
    name: Mapped[str]


class FunderBudget(Base):
    """What the vouchers of a funder may cost in a year of the authority's calendar.

    ``committed_cents`` is the value of the vouchers bought that year that are out or redeemed.
    """

    __tablename__ = "funder_budgets"
    __table_args__ = (
        tenant_key("funder_id", to="funders"),
        CheckConstraint("year BETWEEN 2000 AND 9999", name="year_range"),
        CheckConstraint("budget_cents >= 0", name="budget_cents_not_negative"),
        CheckConstraint("committed_cents >= 0", name="committed_cents_not_negative"),
        CheckConstraint("committed_cents <= budget_cents", name="committed_within_budget"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    funder_id: Mapped[Id]
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    budget_cents: Mapped[int] = mapped_column(BigInteger)
    committed_cents: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class Offer(Base):
    """What is given for points: the price in points, the value a shop is paid in cents, and by whom.

    Without a ``shop_id`` every partner shop takes its vouchers. ``sold`` counts those out or redeemed, with a ``stock``
    or without. What the authority has paused its shop cannot resume: ``paused_by`` says who did.
    """

    __tablename__ = "offers"
    __table_args__ = (
        tenant_key("shop_id", to="shops"),
        tenant_key("funder_id", to="funders"),
        CheckConstraint("price_points > 0", name="price_points_positive"),
        CheckConstraint("value_cents >= 0", name="value_cents_not_negative"),
        CheckConstraint("voucher_valid_days BETWEEN 1 AND 365", name="voucher_valid_days_range"),
        CheckConstraint("state IN ('draft', 'submitted', 'published', 'paused', 'ended')", name="state_known"),
        CheckConstraint("category IN ('local_shop', 'leisure', 'donation', 'authority')", name="category_known"),
        CheckConstraint("stock >= 0", name="stock_not_negative"),
        CheckConstraint("sold >= 0", name="sold_not_negative"),
        CheckConstraint("sold <= stock", name="sold_within_stock"),
        CheckConstraint("offered_until > offered_from", name="offered_for_a_while"),
        CheckConstraint("most_per_wallet > 0", name="most_per_wallet_positive"),
        CheckConstraint("limit_period IN ('day', 'week', 'month', 'ever')", name="limit_period_known"),
        CheckConstraint("(most_per_wallet IS NULL) = (limit_period IS NULL)", name="limit_whole"),
        CheckConstraint("minimum_purchase_cents >= 0", name="minimum_purchase_cents_not_negative"),
        CheckConstraint("(state = 'paused') = (paused_by IS NOT NULL)", name="paused_by_somebody"),
        CheckConstraint("paused_by IN ('shop', 'authority')", name="paused_by_known"),
        Index("ix_offers_shop", "authority_id", "shop_id", "offer_id"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    offer_id: Mapped[Id]
    shop_id: Mapped[uuid.UUID | None]
    title: Mapped[str]
    category: Mapped[str] = mapped_column(server_default=text("'local_shop'"))
    price_points: Mapped[int]
    value_cents: Mapped[int]
    funder_id: Mapped[uuid.UUID]
    voucher_valid_days: Mapped[int]
    stock: Mapped[int | None]
    sold: Mapped[int] = mapped_column(server_default=text("0"))
    offered_from: Mapped[datetime.datetime | None]
    offered_until: Mapped[datetime.datetime | None]
    most_per_wallet: Mapped[int | None]
    limit_period: Mapped[str | None]
    minimum_purchase_cents: Mapped[int] = mapped_column(server_default=text("0"))
    state: Mapped[str]
    moderated_by: Mapped[str | None]
    moderated_at: Mapped[datetime.datetime | None]
    note: Mapped[str | None]
    paused_by: Mapped[str | None]


class Voucher(Base):
    """A right to an offer, paid in points that stay pending until it is redeemed, cancelled or expires.

    Names no wallet: whose it is follows from the lots its pending transfers debit. Only a keyed digest of the
    128-bit code is stored. Price, value and funder are those of the day it was issued. Without a ``shop_id`` every
    partner shop takes it; ``redeemed_by_shop_id`` did, and which of its staff where they have PINs.

    ``budget_year`` names the funder's budget it counts in. ``settled_at`` says that a statement has a line for its
    redemption, ``deducted_at`` that a later one takes it off again; both are claimed by whoever locks the statement.
    """

    __tablename__ = "vouchers"
    __table_args__ = (
        tenant_key("offer_id", to="offers"),
        tenant_key("shop_id", to="shops"),
        tenant_key("redeemed_by_shop_id", to="shops.shop_id"),
        *(
            tenant_key(
                "redeemed_by_shop_id",
                staff_id,
                to="shop_staff",
                key=("shop_id", "staff_id"),
                name=f"fk_vouchers_{staff_id}",
            )
            for staff_id in ("redeemed_by_staff_id", "reversed_by_staff_id")
        ),
        tenant_key("funder_id", to="funders"),
        tenant_key("funder_id", "budget_year", to="funder_budgets", key=("funder_id", "year")),
        UniqueConstraint("authority_id", "code_digest"),
        CheckConstraint("status IN ('issued', 'redeemed', 'reversed', 'cancelled', 'expired')", name="status_known"),
        CheckConstraint("(status = 'issued') = (ended_at IS NULL)", name="ended_unless_issued"),
        CheckConstraint(
            "(status IN ('redeemed', 'reversed')) = (redemption_key IS NOT NULL)", name="redeemed_by_a_key"
        ),
        CheckConstraint(
            "(status IN ('redeemed', 'reversed')) = (redeemed_by_shop_id IS NOT NULL)", name="redeemed_by_a_shop"
        ),
        CheckConstraint("(status = 'reversed') = (reversed_at IS NOT NULL)", name="reversed_some_time"),
        CheckConstraint("(reversed_at IS NULL) = (reversed_by IS NULL)", name="reversed_by_somebody"),
        CheckConstraint("(reversed_at IS NULL) = (reversal_reason IS NULL)", name="reversed_for_a_reason"),
        CheckConstraint(f"reversal_reason IN {REVERSAL_REASONS}", name="reversal_reason_known"),
        CheckConstraint("redeemed_by_shop_id = shop_id", name="redeemed_by_its_shop"),
        CheckConstraint(
            "redeemed_by_staff_id IS NULL OR redeemed_by_shop_id IS NOT NULL", name="redeemed_by_staff_of_a_shop"
        ),
        CheckConstraint("reversed_by_staff_id IS NULL OR status = 'reversed'", name="reversed_by_staff_once"),
        CheckConstraint("settled_at IS NULL OR status IN ('redeemed', 'reversed')", name="settled_if_redeemed"),
        CheckConstraint(
            "deducted_at IS NULL OR (status = 'reversed' AND settled_at IS NOT NULL)", name="deducted_if_settled"
        ),
        Index(
            "uq_vouchers_redemption_key",
            "authority_id",
            "redeemed_by_shop_id",
            "redemption_key",
            unique=True,
            postgresql_where=text("redemption_key IS NOT NULL"),
        ),
        Index(
            "ix_vouchers_unsettled",
            "authority_id",
            "redeemed_by_shop_id",
            postgresql_where=text(
                "(status = 'redeemed' AND settled_at IS NULL)"
                " OR (status = 'reversed' AND settled_at IS NOT NULL AND deducted_at IS NULL)"
            ),
        ),
        Index(
            "ix_vouchers_redeemed",
            "authority_id",
            "redeemed_by_shop_id",
            "ended_at",
            "voucher_id",
            postgresql_where=text("redemption_key IS NOT NULL"),
        ),
        Index("ix_vouchers_expiring", "authority_id", "expires_at", postgresql_where=text("status = 'issued'")),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    voucher_id: Mapped[Id]
    offer_id: Mapped[uuid.UUID]
    shop_id: Mapped[uuid.UUID | None]
    price_points: Mapped[int]
    value_cents: Mapped[int]
    funder_id: Mapped[uuid.UUID]
    status: Mapped[str]
    code_digest: Mapped[Digest]
    issued_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    ended_at: Mapped[datetime.datetime | None]
    redemption_key: Mapped[str | None]
    redeemed_by_shop_id: Mapped[uuid.UUID | None]
    reversed_at: Mapped[datetime.datetime | None]
    reversed_by: Mapped[str | None]
    reversal_reason: Mapped[str | None]
    redeemed_by_staff_id: Mapped[uuid.UUID | None]
    reversed_by_staff_id: Mapped[uuid.UUID | None]
    budget_year: Mapped[int | None]
    settled_at: Mapped[datetime.datetime | None]
    deducted_at: Mapped[datetime.datetime | None]


class RedemptionReversal(Base):
    """A redemption that one agent asks to take back for the authority and a second one decides about.

    Agents alone, and never the same two: names can be changed, ids cannot. Shops, and operators by command, ask nobody.
    """

    __tablename__ = "redemption_reversals"
    __table_args__ = (
        tenant_key("voucher_id", to="vouchers"),
        tenant_key("requested_by_agent_id", to="agents.agent_id", name="fk_redemption_reversals_requested_by"),
        tenant_key("decided_by_agent_id", to="agents.agent_id", name="fk_redemption_reversals_decided_by"),
        CheckConstraint(f"reason IN {REVERSAL_REASONS}", name="reason_known"),
        CheckConstraint("char_length(note) BETWEEN 1 AND 500", name="note_length"),
        CheckConstraint("state IN ('requested', 'approved', 'rejected')", name="state_known"),
        CheckConstraint("num_nulls(decided_by, decided_by_agent_id, decided_at) IN (0, 3)", name="decided_whole"),
        CheckConstraint("(state = 'requested') = (decided_at IS NULL)", name="decided_by_somebody"),
        CheckConstraint(
            "decided_by_agent_id <> requested_by_agent_id OR state = 'rejected'", name="approved_by_a_second_agent"
        ),
        Index(
            "uq_redemption_reversals_voucher",
            "authority_id",
            "voucher_id",
            unique=True,
            postgresql_where=text("state <> 'rejected'"),
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    reversal_id: Mapped[Id]
    voucher_id: Mapped[uuid.UUID]
    reason: Mapped[str]
    note: Mapped[str]
    requested_by: Mapped[str]
    requested_by_agent_id: Mapped[uuid.UUID]
    requested_at: Mapped[Instant]
    state: Mapped[str]
    decided_by: Mapped[str | None]
    decided_by_agent_id: Mapped[uuid.UUID | None]
    decided_at: Mapped[datetime.datetime | None]


class ShortCode(Base):
    """A code to be typed at one shop's till instead of scanning, for ten minutes; one a voucher.

    Only its digest is kept, keyed with the shop.
    """

    __tablename__ = "short_codes"
    __table_args__ = (
        tenant_key("voucher_id", to="vouchers"),
        tenant_key("shop_id", to="shops"),
        UniqueConstraint("authority_id", "shop_id", "code_digest"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    voucher_id: Mapped[Id]
    shop_id: Mapped[uuid.UUID]
    code_digest: Mapped[Digest]
    expires_at: Mapped[Instant]


class ShortCodeTry(Base):
    """How many typed codes a shop got wrong of late: five in ten minutes, then only scanning helps."""

    __tablename__ = "short_code_tries"
    __table_args__ = (
        tenant_key("shop_id", to="shops"),
        CheckConstraint("tries BETWEEN 0 AND 5", name="tries_range"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    shop_id: Mapped[Id]
    tries: Mapped[int]
    window_ends_at: Mapped[Instant]


class CardTry(Base):
    """How many cards a shop read of late whose vouchers it did not redeem then."""

    __tablename__ = "card_tries"
    __table_args__ = (
        tenant_key("shop_id", to="shops"),
        CheckConstraint("tries BETWEEN 0 AND 10", name="tries_range"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    shop_id: Mapped[Id]
    tries: Mapped[int]
    window_ends_at: Mapped[Instant]


class RedemptionAttempt(Base):
    """Every try to redeem, the refused ones too, with a closed list of outcomes; append-only."""

    __tablename__ = "redemption_attempts"
    __table_args__ = (
        tenant_key("shop_id", to="shops"),
        CheckConstraint(
            "outcome IN ('redeemed', 'voucher_unknown', 'voucher_of_another_shop', 'voucher_already_redeemed',"
            " 'voucher_cancelled', 'voucher_expired', 'shop_revoked', 'voucher_reversed', 'short_code_unknown',"
            " 'pin_required', 'staff_refused')",
            name="outcome_known",
        ),
        # What was redeemed is listed from the vouchers: the till that redeems has no index to keep here.
        Index(
            "ix_redemption_attempts_refused",
            "authority_id",
            "shop_id",
            "attempted_at",
            "attempt_id",
            postgresql_where=text("outcome <> 'redeemed'"),
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    attempt_id: Mapped[Id]
    shop_id: Mapped[uuid.UUID]
    voucher_id: Mapped[uuid.UUID | None]
    outcome: Mapped[str]
    attempted_at: Mapped[Instant]
