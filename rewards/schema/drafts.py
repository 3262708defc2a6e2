"""What is being prepared: drafts of tariffs and campaigns, until they are published and never edited again."""

import datetime
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Id, Instant

DRAFT_KINDS = ("tariff", "campaign")
DRAFT_STATES = ("draft", "rehearsed", "published", "discarded")


class Draft(Base):
    """A tariff or campaign on its way: ``draft``, ``rehearsed``, ``published``; a change makes it a draft again.

    ``version`` rises with every change. What is published is written to tables of its own, which nobody may update.
    """

    __tablename__ = "drafts"
    __table_args__ = (
        CheckConstraint(f"kind IN {DRAFT_KINDS}", name="kind_known"),
        CheckConstraint(f"state IN {DRAFT_STATES}", name="state_known"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 100", name="name_length"),
        CheckConstraint("(state = 'published') = (published_at IS NOT NULL)", name="published_some_time"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId] = mapped_column(ForeignKey("authorities.authority_id"))
    draft_id: Mapped[Id]
    kind: Mapped[str]
    name: Mapped[str]
    definition: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str]
    version: Mapped[int]
    changed_by: Mapped[str]
    changed_at: Mapped[Instant]
    rehearsed_at: Mapped[datetime.datetime | None]
    published_by: Mapped[str | None]
    published_at: Mapped[datetime.datetime | None]
    published_id: Mapped[uuid.UUID | None]
