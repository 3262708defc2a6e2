"""Whose points a badge earns."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Holder:
    """The citizen behind a badge (caps are the citizen's) and the wallet credited (a household may share it)."""

    citizen_id: UUID
    wallet_id: UUID


FIND_HOLDERS = text("""
    SELECT b.badge_digest, c.citizen_id, c.wallet_id
      FROM badges b JOIN citizens c ON c.authority_id = b.authority_id AND c.citizen_id = b.citizen_id
     WHERE b.authority_id = :authority_id AND b.badge_digest = ANY(CAST(:digests AS bytea[]))
       AND b.state = 'active' AND c.state = 'active'
""")


def find_holders(connection: Connection, digests: Collection[bytes], *, authority_id: int) -> dict[bytes, Holder]:
    """Find the holders of active badges; unknown and blocked ones are absent."""
    if not digests:
        return {}
    rows = connection.execute(FIND_HOLDERS, {"authority_id": authority_id, "digests": list(digests)})
    return {bytes(row.badge_digest): Holder(row.citizen_id, row.wallet_id) for row in rows}
