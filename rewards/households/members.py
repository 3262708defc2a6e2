"""Who shares a wallet, as its members see each other: by the names they chose."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.keyring import Keyring
from rewards.profiles import open_name

LIST = text("""
    SELECT c.citizen_id, k.display_name_encrypted, (SELECT count(*) FROM badges b
              WHERE b.authority_id = c.authority_id AND b.citizen_id = c.citizen_id AND b.state = 'active') AS cards
      FROM citizens c
      LEFT JOIN contacts k ON k.authority_id = c.authority_id AND k.citizen_id = c.citizen_id
     WHERE c.authority_id = :authority_id AND c.wallet_id = :wallet_id AND c.state = 'active'
       AND (CAST(:after AS uuid) IS NULL OR c.citizen_id > :after)
     ORDER BY c.citizen_id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Member:
    """A citizen who shares the wallet, and how many cards they use."""

    citizen_id: UUID
    display_name: str | None
    cards: int
    is_self: bool


def list_members(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    wallet_id: UUID,
    citizen_id: UUID,
    after: tuple[UUID] | None = None,
    limit: int = 50,
) -> list[Member]:
    """List the members of a wallet by id, behind the one of ``after``; ``citizen_id`` is who asks."""
    values = {"authority_id": authority_id, "wallet_id": wallet_id, "limit": limit}
    rows = connection.execute(LIST, {**values, "after": after[0] if after else None})
    return [
        Member(row.citizen_id, open_name(keyring, row.display_name_encrypted), row.cards, row.citizen_id == citizen_id)
        for row in rows
    ]
