"""Showing corrections: what was asked, by whom, and what became of it. Nothing here changes anything."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

LIST = text("""
    SELECT c.correction_id, c.transfer_id, c.kind, t.points, c.reason, c.note, c.state, c.requested_by, c.requested_at,
           c.decided_by, c.decided_at, c.taken_points, c.expired_points, c.lost_points
      FROM corrections c
      JOIN transfers t ON t.authority_id = c.authority_id AND t.transfer_id = c.transfer_id
     WHERE c.authority_id = :authority_id AND (:with_decided OR c.state = 'requested')
     ORDER BY c.requested_at DESC, c.correction_id DESC
     LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class Correction:
    """A ``reversal`` of a credit of ``points``, or a ``reinstatement`` of expired ones.

    Of an approved reversal: where its points were taken from.
    """

    correction_id: UUID
    transfer_id: UUID
    kind: str
    points: int
    reason: str
    note: str
    state: str
    requested_by: str
    requested_at: datetime.datetime
    decided_by: str | None
    decided_at: datetime.datetime | None
    taken_points: int | None
    expired_points: int | None
    lost_points: int | None


def list_corrections(
    connection: Connection, *, authority_id: int, with_decided: bool = False, most: int = 100
) -> list[Correction]:
    """List corrections, newest first: the open ones, or all."""
    values = {"authority_id": authority_id, "with_decided": with_decided, "most": most}
    return [Correction(*row) for row in connection.execute(LIST, values)]
