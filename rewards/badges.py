"""Whose points a badge earns."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.arrays import Columns


@dataclass(slots=True)
class Holder:
    """The citizen behind a badge (caps are the citizen's) and the wallet credited (a household may share it)."""

    citizen_id: UUID
    wallet_id: UUID


DIGESTS = Columns(badge_digest="bytea")
FIND_HOLDERS = text(f"""
    SELECT b.badge_digest, c.citizen_id, c.wallet_id FROM {DIGESTS.unnest("t")}
      JOIN badges b ON b.authority_id = :authority_id AND b.badge_digest = t.badge_digest AND b.state = 'active'
      JOIN citizens c ON c.authority_id = :authority_id AND c.citizen_id = b.citizen_id AND c.state = 'active'
""")


def find_holders(connection: Connection, digests: Collection[bytes], *, authority_id: int) -> dict[bytes, Holder]:
    """Find the holders of active badges; unknown and blocked ones are absent."""
    if not digests:
        return {}
    rows = connection.execute(FIND_HOLDERS, {"authority_id": authority_id, **DIGESTS.bind(badge_digest=digests)}).all()
    return {bytes(row.badge_digest): Holder(row.citizen_id, row.wallet_id) for row in rows}
