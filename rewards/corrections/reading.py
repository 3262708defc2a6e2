"""Showing corrections: what was asked, by whom, and what became of it. Nothing here changes anything."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.corrections.refusals import CorrectionUnknownError

LIST = text("""
    SELECT c.correction_id, c.transfer_id, c.kind, t.points, c.reason, c.note, c.state, c.requested_by, c.requested_at,
           c.decided_by, c.decided_at, c.taken_points, c.expired_points, c.lost_points,
           c.granted_points
      FROM corrections c
      JOIN transfers t ON t.authority_id = c.authority_id AND t.transfer_id = c.transfer_id
     WHERE c.authority_id = :authority_id AND (:with_decided OR c.state = 'requested')
       AND (CAST(:correction_id AS uuid) IS NULL OR c.correction_id = :correction_id)
       AND (CAST(:after_at AS timestamptz) IS NULL
            OR (c.requested_at, c.correction_id) < (:after_at, CAST(:after_id AS uuid)))
     ORDER BY c.requested_at DESC, c.correction_id DESC
     LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Correction:
    """A ``reversal`` of a credit of ``points``, a ``reinstatement`` of expired ones, or a ``credit`` of missing ones.

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
    granted_points: int | None


def list_corrections(
    connection: Connection,
    *,
    authority_id: int,
    with_decided: bool = False,
    correction_id: UUID | None = None,
    after: tuple[datetime.datetime, UUID] | None = None,
    limit: int = 100,
) -> list[Correction]:
    """List corrections, newest first: the open ones, or all, or one; behind the (asked, id) of ``after``."""
    asked_at, after_id = after or (None, None)
    values = {
        "authority_id": authority_id,
        "with_decided": with_decided,
        "correction_id": correction_id,
        "limit": limit,
    }
    rows = connection.execute(LIST, {**values, "after_at": asked_at, "after_id": after_id})
    return [Correction(*row) for row in rows]


def get_correction(connection: Connection, correction_id: UUID, *, authority_id: int) -> Correction:
    """Return a correction, whatever was decided; raises ``CorrectionUnknownError``."""
    found = list_corrections(connection, authority_id=authority_id, with_decided=True, correction_id=correction_id)
    if not found:
        raise CorrectionUnknownError(correction_id)
    return found[0]
