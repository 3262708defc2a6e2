"""Showing disputes: to the citizen who opened them, and to the agents who decide. Whose they are no agent is told."""

import datetime
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from rewards.disputes.opening import WORDS_PURPOSE
from rewards.disputes.refusals import DisputeUnknownError
from rewards.keyring import Keyring

DISPUTES = """
    SELECT d.dispute_id, d.transfer_id, d.reason, d.words_encrypted, d.opened_at, d.state, d.decided_at, d.refusal,
           d.answer, d.correction_id, c.state AS correction_state, d.decided_by, t.points, t.recorded_at,
           t.reason = 'expiry' AS is_expiry, e.bin_id, e.material, e.items, e.mass_g, e.occurred_at
      FROM disputes d
      JOIN transfers t ON t.authority_id = d.authority_id AND t.transfer_id = d.transfer_id
      LEFT JOIN corrections c ON c.authority_id = d.authority_id AND c.correction_id = d.correction_id
      LEFT JOIN events e ON e.authority_id = t.authority_id AND e.journal_no = t.journal_no AND e.seq = t.seq
     WHERE d.authority_id = :authority_id
"""
PAGE = """
       AND (CAST(:before AS uuid) IS NULL OR d.dispute_id < :before)
     ORDER BY d.dispute_id DESC LIMIT :limit
"""
GET_OWN = text(f"{DISPUTES} AND d.citizen_id = :citizen_id AND d.dispute_id = :dispute_id")
LIST_OWN = text(f"{DISPUTES} AND d.citizen_id = :citizen_id {PAGE}")
LIST = text(f"{DISPUTES} AND (CAST(:state AS text) IS NULL OR d.state = :state) {PAGE}")


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute as the citizen sees it.

    ``correction_state`` of an accepted one says whether a second person has approved: ``requested``, ``approved``,
    ``rejected``.
    """

    dispute_id: UUID
    movement_id: UUID
    reason: str
    words: str
    opened_at: datetime.datetime
    state: str
    decided_at: datetime.datetime | None
    refusal: str | None
    answer: str | None
    correction_state: str | None


@dataclass(frozen=True, slots=True)
class AuthoritysDispute(Dispute):
    """A dispute as agents see it, with what it is about: a deposit's credit of ``points``, or their expiry."""

    correction_id: UUID | None
    decided_by: str | None
    points: int
    recorded_at: datetime.datetime
    is_expiry: bool
    bin_id: str | None
    material: str | None
    items: int | None
    mass_g: int | None
    occurred_at: datetime.datetime | None


def get_dispute(
    connection: Connection, keyring: Keyring, dispute_id: UUID, *, authority_id: int, citizen_id: UUID
) -> Dispute:
    """Return one of a citizen's disputes.

    Raises:
        DisputeUnknownError: it is not theirs.
    """
    values = {"authority_id": authority_id, "citizen_id": citizen_id, "dispute_id": dispute_id}
    row = connection.execute(GET_OWN, values).one_or_none()
    if row is None:
        raise DisputeUnknownError
    return Dispute(**facts_of(keyring, row))


def list_own_disputes(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    citizen_id: UUID,
    after: tuple[UUID] | None = None,
    limit: int = 50,
) -> list[Dispute]:
    """List a citizen's disputes, newest first, behind the id of ``after``."""
    values = {"authority_id": authority_id, "citizen_id": citizen_id, "limit": limit}
    rows = connection.execute(LIST_OWN, {**values, "before": after[0] if after else None})
    return [Dispute(**facts_of(keyring, row)) for row in rows]


def list_disputes(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    state: str | None = None,
    after: tuple[UUID] | None = None,
    limit: int = 50,
) -> list[AuthoritysDispute]:
    """List an authority's disputes, those in a state or all, newest first, behind the id of ``after``."""
    values = {"authority_id": authority_id, "state": state, "limit": limit}
    rows = connection.execute(LIST, {**values, "before": after[0] if after else None})
    return [
        AuthoritysDispute(
            **facts_of(keyring, row),
            correction_id=row.correction_id,
            decided_by=row.decided_by,
            points=row.points,
            recorded_at=row.recorded_at,
            is_expiry=bool(row.is_expiry),
            bin_id=row.bin_id,
            material=row.material,
            items=row.items,
            mass_g=row.mass_g,
            occurred_at=row.occurred_at,
        )
        for row in rows
    ]


def facts_of(keyring: Keyring, row: Row[Any]) -> dict[str, Any]:
    """Return what both are told."""
    names = ("dispute_id", "reason", "opened_at", "state", "decided_at", "refusal", "answer", "correction_state")
    words = keyring.decrypt(bytes(row.words_encrypted), purpose=WORDS_PURPOSE).decode()
    return {name: getattr(row, name) for name in names} | {"movement_id": row.transfer_id, "words": words}
