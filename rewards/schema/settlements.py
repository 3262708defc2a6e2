"""Settlement: what each shop is paid for the vouchers of a month, in statements that are never changed again."""

import datetime
import uuid

from sqlalchemy import BigInteger, CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Id, Instant, tenant_key


class SettlementNumber(Base):
    """The last number given to a statement in a year; taken in the transaction that locks it, hence without gaps."""

    __tablename__ = "settlement_numbers"
    __table_args__ = (CheckConstraint("last_number >= 0", name="last_number_not_negative"), {"info": DISTRIBUTED})
    authority_id: Mapped[AuthorityId]
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_number: Mapped[int]


class Settlement(Base):
    """A locked statement: one a shop and month. Only its state is changed afterwards, from locked to sent to paid.

    Names and addresses are those of the day it was locked. ``points`` and the cents are the sums of its lines.
    """

    __tablename__ = "settlements"
    __table_args__ = (
        tenant_key("shop_id", to="shops"),
        UniqueConstraint("authority_id", "shop_id", "month"),
        UniqueConstraint("authority_id", "year", "number"),
        CheckConstraint("number > 0", name="number_positive"),
        CheckConstraint("EXTRACT(day FROM month) = 1", name="month_begins_on_its_first"),
        CheckConstraint("state IN ('locked', 'sent', 'paid')", name="state_known"),
        CheckConstraint("(state = 'locked') = (sent_at IS NULL)", name="sent_some_time"),
        CheckConstraint("(sent_at IS NULL) = (sent_by IS NULL)", name="sent_by_somebody"),
        CheckConstraint("(state = 'paid') = (paid_on IS NOT NULL)", name="paid_some_day"),
        CheckConstraint("(paid_on IS NULL) = (paid_by IS NULL)", name="paid_by_somebody"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    settlement_id: Mapped[Id]
    shop_id: Mapped[uuid.UUID]
    month: Mapped[datetime.date]
    year: Mapped[int]
    number: Mapped[int]
    shop_name: Mapped[str]
    shop_address: Mapped[str]
    authority_name: Mapped[str]
    authority_address: Mapped[str]
    points: Mapped[int] = mapped_column(BigInteger)
    value_cents: Mapped[int] = mapped_column(BigInteger)
    payable_cents: Mapped[int] = mapped_column(BigInteger)
    locked_at: Mapped[Instant]
    locked_by: Mapped[str]
    state: Mapped[str]
    sent_at: Mapped[datetime.datetime | None]
    sent_by: Mapped[str | None]
    paid_on: Mapped[datetime.date | None]
    paid_by: Mapped[str | None]


class SettlementLine(Base):
    """One redemption of a statement, or with negative amounts one taken back after an earlier statement had it.

    ``payable_cents`` is what the shop is paid: nothing for what it funds itself. Append-only.
    """

    __tablename__ = "settlement_lines"
    __table_args__ = (
        tenant_key("settlement_id", to="settlements"),
        tenant_key("voucher_id", to="vouchers"),
        UniqueConstraint("authority_id", "voucher_id", "kind"),
        CheckConstraint("kind IN ('redemption', 'reversal')", name="kind_known"),
        CheckConstraint("funder_kind IN ('authority', 'shop', 'sponsor')", name="funder_kind_known"),
        CheckConstraint(
            "CASE kind WHEN 'redemption' THEN points > 0 AND value_cents >= 0 ELSE points < 0 AND value_cents <= 0 END",
            name="signs_of_its_kind",
        ),
        CheckConstraint(
            "payable_cents = CASE funder_kind WHEN 'shop' THEN 0 ELSE value_cents END", name="payable_unless_its_own"
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    settlement_id: Mapped[Id]
    line_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    voucher_id: Mapped[uuid.UUID]
    occurred_at: Mapped[Instant]
    title: Mapped[str]
    points: Mapped[int]
    value_cents: Mapped[int]
    payable_cents: Mapped[int]
    funder_id: Mapped[uuid.UUID]
    funder_kind: Mapped[str]
    funder_name: Mapped[str]
