"""Causes and collective goals, each with an account of its own, and the donations of points to them.

``transfers.cause_id`` is the row that asked for a transfer, whatever it is. A cause (an association) is named by
``to_cause_id`` wherever it is referred to, so that the two words never meet in a join.
"""

import datetime
import uuid

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Id, Instant, tenant_key

GROUP_KINDS = ("school", "building", "commune", "other")
"""Whose a collective goal is."""


class Cause(Base):
    """An association one can donate points to; its account collects them.

    ``hundred_points_cents`` is what ``funder_id`` pays it for 100 points; both None where nobody pays. Neither can be
    changed, so what was reported for a month stays true.
    """

    __tablename__ = "causes"
    __table_args__ = (
        tenant_key("account_id", to="accounts"),
        tenant_key("funder_id", to="funders"),
        CheckConstraint("state IN ('active', 'paused', 'ended')", name="state_known"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 100", name="name_length"),
        CheckConstraint("char_length(description) BETWEEN 1 AND 1000", name="description_length"),
        CheckConstraint("siret ~ '^[0-9]{14}$'", name="siret_form"),
        CheckConstraint("rna ~ '^W[0-9][0-9A-Z][0-9]{7}$'", name="rna_form"),
        CheckConstraint("hundred_points_cents > 0", name="hundred_points_cents_positive"),
        CheckConstraint("(hundred_points_cents IS NULL) = (funder_id IS NULL)", name="value_whole"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId] = mapped_column(ForeignKey("authorities.authority_id"))
    cause_id: Mapped[Id]
    account_id: Mapped[uuid.UUID]
    name: Mapped[str]
    description: Mapped[str]
    siret: Mapped[str | None]
    rna: Mapped[str | None]
    hundred_points_cents: Mapped[int | None]
    funder_id: Mapped[uuid.UUID | None]
    state: Mapped[str]
    created_at: Mapped[Instant]


class Goal(Base):
    """A number of points a group wants to be given together, by ``ends_at``; its account holds them until then.

    ``open`` until the target is held (``reached``) or the end has come; then ``closed``, with the points handed to the
    cause it names, or ``missed``, with every donation going back.
    """

    __tablename__ = "goals"
    __table_args__ = (
        tenant_key("account_id", to="accounts"),
        tenant_key("to_cause_id", to="causes.cause_id"),
        CheckConstraint(f"group_kind IN {GROUP_KINDS}", name="group_kind_known"),
        CheckConstraint("char_length(group_name) BETWEEN 1 AND 100", name="group_name_length"),
        CheckConstraint("char_length(title) BETWEEN 1 AND 100", name="title_length"),
        CheckConstraint("char_length(reward) BETWEEN 1 AND 1000", name="reward_length"),
        CheckConstraint("target_points > 0", name="target_points_positive"),
        CheckConstraint("ends_at > starts_at", name="ends_after_it_starts"),
        CheckConstraint("state IN ('open', 'reached', 'closed', 'missed')", name="state_known"),
        CheckConstraint("(state IN ('reached', 'closed')) = (reached_at IS NOT NULL)", name="reached_some_time"),
        CheckConstraint("(state IN ('closed', 'missed')) = (ended_at IS NOT NULL)", name="ended_some_time"),
        Index(
            "ix_goals_running",
            "authority_id",
            "ends_at",
            postgresql_where=text("ended_at IS NULL"),
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId] = mapped_column(ForeignKey("authorities.authority_id"))
    goal_id: Mapped[Id]
    account_id: Mapped[uuid.UUID]
    to_cause_id: Mapped[uuid.UUID | None]
    group_kind: Mapped[str]
    group_name: Mapped[str]
    title: Mapped[str]
    reward: Mapped[str]
    target_points: Mapped[int] = mapped_column(BigInteger)
    starts_at: Mapped[Instant]
    ends_at: Mapped[Instant]
    state: Mapped[str]
    created_at: Mapped[Instant]
    reached_at: Mapped[datetime.datetime | None]
    ended_at: Mapped[datetime.datetime | None]


class Donation(Base):
    """Points given to a cause or to a goal; from a goal that was missed they go back once.

    Names no wallet: whose it is follows from the lots its transfers debit.
    """

    __tablename__ = "donations"
    __table_args__ = (
        tenant_key("to_cause_id", to="causes.cause_id"),
        tenant_key("to_goal_id", to="goals.goal_id"),
        CheckConstraint("points > 0", name="points_positive"),
        CheckConstraint("num_nonnulls(to_cause_id, to_goal_id) = 1", name="one_receiver"),
        CheckConstraint("returned_at IS NULL OR to_goal_id IS NOT NULL", name="only_goals_give_back"),
        Index(
            "ix_donations_cause",
            "authority_id",
            "to_cause_id",
            "donated_at",
            postgresql_where=text("to_cause_id IS NOT NULL"),
        ),
        Index(
            "ix_donations_kept_by_goal",
            "authority_id",
            "to_goal_id",
            postgresql_where=text("to_goal_id IS NOT NULL AND returned_at IS NULL"),
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    donation_id: Mapped[Id]
    to_cause_id: Mapped[uuid.UUID | None]
    to_goal_id: Mapped[uuid.UUID | None]
    points: Mapped[int] = mapped_column(BigInteger)
    donated_at: Mapped[Instant]
    returned_at: Mapped[datetime.datetime | None]
