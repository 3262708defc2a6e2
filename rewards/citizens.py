"""Citizens: registering a holder of points, pairing badges, and finding one by e-mail address.

Badges and addresses are stored as keyed digests; the address itself is encrypted. Nothing here names points.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from rewards.errors import RewardsError
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.schema.citizens import Badge, Wallet
from rewards.schema.citizens import Citizen as CitizenRow
from rewards.schema.citizens import Contact as ContactRow

EMAIL_PURPOSE = "email"


class BadgeTakenError(RewardsError):
    """The badge is paired with another citizen of the authority."""

    code = "badge_taken"


class EmailTakenError(RewardsError):
    """Another citizen of the authority has this e-mail address."""

    code = "email_taken"


@dataclass(frozen=True, slots=True)
class Contact:
    """Whose an address is; ``is_active``: the citizen is not blocked."""

    citizen_id: UUID
    is_active: bool


@dataclass(frozen=True, slots=True)
class Citizen:
    """A holder of points and the wallet they are in."""

    citizen_id: UUID
    wallet_id: UUID


def register_citizen(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    badges: Sequence[str] = (),
    email: str | None = None,
    now: datetime.datetime,
) -> Citizen:
    """Register a citizen with a wallet of their own, pair ``badges`` and note ``email``.

    A card with no person behind it is a citizen without ``email``.

    Raises:
        BadgeTakenError: one of the badges is another citizen's.
        EmailTakenError: the address is another citizen's.
    """
    citizen = Citizen(citizen_id=new_id(), wallet_id=new_id())
    tenant = {"authority_id": authority_id}
    connection.execute(insert(Wallet).values(**tenant, wallet_id=citizen.wallet_id, created_at=now))
    connection.execute(
        insert(CitizenRow).values(
            **tenant, citizen_id=citizen.citizen_id, wallet_id=citizen.wallet_id, state="active", created_at=now
        )
    )
    for badge in badges:
        pair_badge(connection, keyring, authority_id=authority_id, citizen_id=citizen.citizen_id, badge=badge, now=now)
    if email is not None:
        note_email(connection, keyring, authority_id=authority_id, citizen_id=citizen.citizen_id, email=email)
    return citizen


def pair_badge(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    citizen_id: UUID,
    badge: str,
    now: datetime.datetime,
) -> None:
    """Pair ``badge`` with a citizen; pairing the same two again changes nothing.

    Raises:
        BadgeTakenError: it is another citizen's.
    """
    digests = keyring.badge_digests(authority_id=authority_id, badge=badge)
    # Nobody stores a badge under the old pepper any more: what is there now is all there will be.
    former = find_owner(connection, digests[1:], authority_id=authority_id)
    if former is not None:
        if former != citizen_id:
            raise BadgeTakenError
        return
    paired = connection.scalar(
        upsert(Badge)
        .values(
            authority_id=authority_id,
            badge_digest=digests[0],
            pepper_no=keyring.badge_pepper_no,
            citizen_id=citizen_id,
            state="active",
            paired_at=now,
            card_id=new_id(),
        )
        .on_conflict_do_nothing()
        .returning(Badge.citizen_id)
    )
    if paired == citizen_id:
        return
    if find_owner(connection, digests, authority_id=authority_id) != citizen_id:
        raise BadgeTakenError


def find_owner(connection: Connection, digests: Sequence[bytes], *, authority_id: int) -> UUID | None:
    """Find whose badge is stored under one of its digests."""
    if not digests:
        return None
    return connection.scalar(
        select(Badge.citizen_id).where(Badge.authority_id == authority_id, Badge.badge_digest.in_(digests))
    )


def note_email(connection: Connection, keyring: Keyring, *, authority_id: int, citizen_id: UUID, email: str) -> None:
    """Store the address of a citizen who has none yet.

    Raises:
        EmailTakenError: the address is another citizen's, or the citizen has one.
    """
    address = normalise_email(email)
    noted = connection.scalar(
        upsert(ContactRow)
        .values(
            authority_id=authority_id,
            citizen_id=citizen_id,
            email_digest=keyring.secret_digest(EMAIL_PURPOSE, address),
            email_encrypted=keyring.encrypt(address.encode(), purpose=EMAIL_PURPOSE),
        )
        .on_conflict_do_nothing()
        .returning(ContactRow.citizen_id)
    )
    if noted is None:
        raise EmailTakenError


def find_citizen_by_email(connection: Connection, keyring: Keyring, *, authority_id: int, email: str) -> UUID | None:
    """Find the active citizen with this address."""
    contact = find_contact(connection, keyring, authority_id=authority_id, email=email)
    return contact.citizen_id if contact and contact.is_active else None


def find_contact(connection: Connection, keyring: Keyring, *, authority_id: int, email: str) -> Contact | None:
    """Find whose this address is, blocked or not."""
    row = connection.execute(
        select(ContactRow.citizen_id, CitizenRow.state)
        .join(
            CitizenRow,
            (CitizenRow.authority_id == ContactRow.authority_id) & (CitizenRow.citizen_id == ContactRow.citizen_id),
        )
        .where(
            ContactRow.authority_id == authority_id,
            ContactRow.email_digest == keyring.secret_digest(EMAIL_PURPOSE, normalise_email(email)),
        )
    ).one_or_none()
    return None if row is None else Contact(row.citizen_id, row.state == "active")


def normalise_email(email: str) -> str:
    """Return the form an address is compared in: no blanks around it, lower case."""
    return email.strip().lower()
