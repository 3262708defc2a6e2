"""What citizens ask of the authority: to look at a movement again, to see to a bin, to be erased."""

import datetime
import uuid

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Digest, Id, Instant, tenant_key

DISPUTE_REASONS = ("points_missing", "points_too_many", "not_mine", "not_received", "other")
"""What a citizen says is wrong with a movement."""
DISPUTE_REFUSALS = ("as_recorded", "cannot_be_checked", "too_late", "other")
"""Why the movement stays as it is."""
PROBLEM_KINDS = ("full", "broken", "blocked", "card_not_read", "litter")
"""What a citizen sees at a bin."""
PROBLEM_OUTCOMES = ("mended", "not_found", "passed_on")
"""What the authority made of it."""


class Dispute(Base):
    """A citizen says that a movement is wrong; an agent decides, once.

    It is accepted by a correction, which a second person approves or rejects. ``answer`` is told to the citizen. What
    the citizen wrote is encrypted. No foreign key to transfers, as nowhere.
    """

    __tablename__ = "disputes"
    __table_args__ = (
        tenant_key("citizen_id", to="citizens"),
        CheckConstraint(f"reason IN {DISPUTE_REASONS}", name="reason_known"),
        CheckConstraint("state IN ('open', 'accepted', 'rejected')", name="state_known"),
        CheckConstraint("(state = 'open') = (decided_by IS NULL)", name="decided_by_somebody"),
        CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decided_at_some_time"),
        CheckConstraint(f"refusal IN {DISPUTE_REFUSALS}", name="refusal_known"),
        CheckConstraint("(state = 'rejected') = (refusal IS NOT NULL)", name="rejected_for_a_reason"),
        CheckConstraint("(state = 'accepted') = (correction_id IS NOT NULL)", name="accepted_by_a_correction"),
        CheckConstraint("char_length(answer) BETWEEN 1 AND 500", name="answer_length"),
        Index(
            "uq_disputes_open",
            "authority_id",
            "transfer_id",
            unique=True,
            postgresql_where=text("state <> 'rejected'"),
        ),
        Index("ix_disputes_citizen", "authority_id", "citizen_id", "dispute_id"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    dispute_id: Mapped[Id]
    citizen_id: Mapped[uuid.UUID]
    transfer_id: Mapped[uuid.UUID]
    reason: Mapped[str]
    words_encrypted: Mapped[Digest]
    opened_at: Mapped[Instant]
    state: Mapped[str]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime.datetime | None]
    refusal: Mapped[str | None]
    answer: Mapped[str | None]
    correction_id: Mapped[uuid.UUID | None]


class ErasureRequest(Base):
    """A citizen asks to be erased, and has confirmed it by a code; a job does it from ``due_at`` on.

    Until that has ``begun_at`` it can be taken back. The row goes with the citizen, or some time after it was taken
    back. Source: docs/decisions/0042-erasure-on-request.md.
    """

    __tablename__ = "erasure_requests"
    __table_args__ = (
        tenant_key("citizen_id", to="citizens"),
        CheckConstraint("taken_back_at IS NULL OR begun_at IS NULL", name="begun_or_taken_back"),
        CheckConstraint("due_at >= asked_at", name="due_after_it_was_asked"),
        Index("ix_erasure_requests_due", "authority_id", "due_at", postgresql_where=text("taken_back_at IS NULL")),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    citizen_id: Mapped[Id]
    asked_at: Mapped[Instant]
    due_at: Mapped[Instant]
    taken_back_at: Mapped[datetime.datetime | None]
    begun_at: Mapped[datetime.datetime | None]


class BinProblem(Base):
    """What citizens reported of a bin, counted; one open row a bin and kind. Who reported is kept nowhere."""

    __tablename__ = "bin_problems"
    __table_args__ = (
        tenant_key("bin_id", to="bins"),
        CheckConstraint(f"kind IN {PROBLEM_KINDS}", name="kind_known"),
        CheckConstraint(f"outcome IN {PROBLEM_OUTCOMES}", name="outcome_known"),
        CheckConstraint("reports > 0", name="reports_positive"),
        CheckConstraint("num_nulls(closed_at, closed_by, outcome) IN (0, 3)", name="closed_whole"),
        Index(
            "uq_bin_problems_open",
            "authority_id",
            "bin_id",
            "kind",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    problem_id: Mapped[Id]
    bin_id: Mapped[str]
    kind: Mapped[str]
    reports: Mapped[int]
    reported_at: Mapped[Instant]
    last_reported_at: Mapped[Instant]
    closed_at: Mapped[datetime.datetime | None]
    closed_by: Mapped[str | None]
    outcome: Mapped[str | None]
