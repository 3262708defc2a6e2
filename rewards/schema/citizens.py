"""Citizens, their wallets and badges; contact data apart from points and encrypted."""

import datetime
import uuid

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from rewards.languages import LANGUAGES
from rewards.schema.base import DISTRIBUTED, AuthorityId, Base, Digest, Id, Instant, tenant_key


class Wallet(Base):
    """A citizen's points, or a household's.

    ``merged_into`` is the wallet that answers for it since they were merged, never one that was merged itself: what
    still lies or comes back in its lots is that wallet's.
    """

    __tablename__ = "wallets"
    __table_args__ = (
        tenant_key("merged_into", to="wallets.wallet_id"),
        CheckConstraint("merged_into <> wallet_id", name="merged_into_another"),
        Index(
            "ix_wallets_merged_into",
            "authority_id",
            "merged_into",
            postgresql_where=text("merged_into IS NOT NULL"),
        ),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    wallet_id: Mapped[Id]
    created_at: Mapped[Instant]
    merged_into: Mapped[uuid.UUID | None]


class WalletChange(Base):
    """That a wallet was merged into another, or that a member left one with ``points`` for a new one; append-only.

    It is the cause its transfers name.
    """

    __tablename__ = "wallet_changes"
    __table_args__ = (
        tenant_key("from_wallet_id", to="wallets.wallet_id"),
        tenant_key("to_wallet_id", to="wallets.wallet_id"),
        CheckConstraint("kind IN ('merge', 'split')", name="kind_known"),
        CheckConstraint("points >= 0", name="points_not_negative"),
        CheckConstraint("from_wallet_id <> to_wallet_id", name="two_wallets"),
        Index("ix_wallet_changes_to_wallet", "authority_id", "to_wallet_id"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    change_id: Mapped[Id]
    kind: Mapped[str]
    from_wallet_id: Mapped[uuid.UUID]
    to_wallet_id: Mapped[uuid.UUID]
    points: Mapped[int] = mapped_column(BigInteger)
    made_by: Mapped[str]
    made_at: Mapped[Instant]


class WalletInvitation(Base):
    """A code by which one other citizen may join a wallet, for ten minutes; one a wallet. Only its digest is kept."""

    __tablename__ = "wallet_invitations"
    __table_args__ = (
        tenant_key("wallet_id", to="wallets"),
        UniqueConstraint("authority_id", "code_digest"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    wallet_id: Mapped[Id]
    code_digest: Mapped[Digest]
    expires_at: Mapped[Instant]
    accepted_at: Mapped[datetime.datetime | None]


class InvitationTry(Base):
    """How many invitations a citizen tried to accept of late."""

    __tablename__ = "invitation_tries"
    __table_args__ = (
        tenant_key("citizen_id", to="citizens"),
        CheckConstraint("tries BETWEEN 0 AND 5", name="tries_range"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    citizen_id: Mapped[Id]
    tries: Mapped[int]
    window_ends_at: Mapped[Instant]


class Citizen(Base):
    """A holder of points; a card with no registered person behind it is a citizen too.

    ``first_credited_on`` is the day of the first deposit ever credited, by the authority's calendar. ``language`` is
    that of letters, None the authority's. One who is ``erased`` has nothing left that names them; the row goes when no
    worker can still credit them (docs/decisions/0035-erasure.md).
    """

    __tablename__ = "citizens"
    __table_args__ = (
        tenant_key("wallet_id", to="wallets"),
        CheckConstraint("state IN ('active', 'blocked', 'erased')", name="state_known"),
        CheckConstraint("(state = 'erased') = (erased_at IS NOT NULL)", name="erased_some_time"),
        CheckConstraint(f"language IN {LANGUAGES}", name="language_known"),
        Index("ix_citizens_wallet", "authority_id", "wallet_id"),
        Index("ix_citizens_erased", "authority_id", "erased_at", postgresql_where=text("erased_at IS NOT NULL")),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    citizen_id: Mapped[Id]
    wallet_id: Mapped[uuid.UUID]
    state: Mapped[str]
    first_credited_on: Mapped[datetime.date | None]
    language: Mapped[str | None]
    wants_notices: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[Instant]
    erased_at: Mapped[datetime.datetime | None]
    inactivity_warned_at: Mapped[datetime.datetime | None]


class Badge(Base):
    """What identifies a citizen at a bin, as an HMAC under a pepper outside the database.

    ``card_id`` is what its citizen calls it by, whatever the pepper; the label is theirs too.
    """

    __tablename__ = "badges"
    __table_args__ = (
        tenant_key("citizen_id", to="citizens"),
        CheckConstraint("state IN ('active', 'blocked')", name="state_known"),
        UniqueConstraint("authority_id", "card_id"),
        Index("ix_badges_citizen", "authority_id", "citizen_id"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    badge_digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    pepper_no: Mapped[int] = mapped_column(SmallInteger)
    citizen_id: Mapped[uuid.UUID]
    state: Mapped[str]
    paired_at: Mapped[Instant]
    card_id: Mapped[uuid.UUID]
    label_encrypted: Mapped[bytes | None]


class Contact(Base):
    """The e-mail address of a citizen: a keyed digest to find it by, the address itself and a name are encrypted."""

    __tablename__ = "contacts"
    __table_args__ = (
        tenant_key("citizen_id", to="citizens"),
        UniqueConstraint("authority_id", "email_digest"),
        {"info": DISTRIBUTED},
    )
    authority_id: Mapped[AuthorityId]
    citizen_id: Mapped[Id]
    email_digest: Mapped[Digest]
    email_encrypted: Mapped[Digest]
    display_name_encrypted: Mapped[bytes | None]
