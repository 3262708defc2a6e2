"""Whose a card is. The database knows cards by keyed digests only, and no role at work can list them with a person."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.cards.refusals import CardUnknownError, CitizenUnknownError
from rewards.citizens import Citizen, find_citizen_by_email
from rewards.keyring import Keyring

FIND_CARD = text("""
    SELECT c.citizen_id, c.wallet_id, b.state = 'active' AND c.state = 'active' AS is_active,
           EXISTS (SELECT 1 FROM contacts k
                    WHERE k.authority_id = c.authority_id AND k.citizen_id = c.citizen_id) AS is_registered
      FROM badges b
      JOIN citizens c ON c.authority_id = b.authority_id AND c.citizen_id = b.citizen_id
     WHERE b.authority_id = :authority_id AND b.badge_digest = ANY(CAST(:badge_digests AS bytea[]))
""")
FIND_CITIZEN = text("""
    SELECT citizen_id, wallet_id FROM citizens
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND state = 'active'
""")


@dataclass(frozen=True, slots=True)
class Card:
    """A card and its citizen. ``is_active``: neither is blocked. ``is_registered``: a person stands behind it."""

    citizen: Citizen
    is_active: bool
    is_registered: bool


def find_card(connection: Connection, keyring: Keyring, *, authority_id: int, badge: str) -> Card | None:
    """Find a card by what was read from it, blocked or not."""
    digests = keyring.badge_digests(authority_id=authority_id, badge=badge)
    row = connection.execute(FIND_CARD, {"authority_id": authority_id, "badge_digests": digests}).first()
    if row is None:
        return None
    return Card(Citizen(row.citizen_id, row.wallet_id), row.is_active, row.is_registered)


def get_card(connection: Connection, keyring: Keyring, *, authority_id: int, badge: str) -> Card:
    """Return a card, blocked or not.

    Raises:
        CardUnknownError: no citizen has it.
    """
    card = find_card(connection, keyring, authority_id=authority_id, badge=badge)
    if card is None:
        raise CardUnknownError
    return card


def get_citizen(connection: Connection, citizen_id: UUID, *, authority_id: int) -> Citizen:
    """Return an active citizen with their wallet.

    Raises:
        CitizenUnknownError: there is none.
    """
    row = connection.execute(FIND_CITIZEN, {"authority_id": authority_id, "citizen_id": citizen_id}).one_or_none()
    if row is None:
        raise CitizenUnknownError("id")
    return Citizen(row.citizen_id, row.wallet_id)


def get_citizen_by_email(connection: Connection, keyring: Keyring, *, authority_id: int, email: str) -> Citizen:
    """Return the active citizen with this address.

    Raises:
        CitizenUnknownError: there is none.
    """
    citizen_id = find_citizen_by_email(connection, keyring, authority_id=authority_id, email=email)
    if citizen_id is None:
        raise CitizenUnknownError("address")
    return get_citizen(connection, citizen_id, authority_id=authority_id)
