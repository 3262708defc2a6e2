"""A citizen asks to be erased, and may take it back until it has begun. The API asks; only a job of ``bontri_privacy``
begins, and then erases (docs/decisions/0042-erasure-on-request.md).
"""

import datetime
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.errors import RewardsError
from rewards.privacy.erasing import BEFORE_ALL

ERASED_AFTER = datetime.timedelta(minutes=10)
"""So long a citizen may think better of it."""

BATCH = 100

# Of two at once the first asks; what is asked already stays as it is.
ASK = text("""
    INSERT INTO erasure_requests AS r (authority_id, citizen_id, asked_at, due_at)
    VALUES (:authority_id, :citizen_id, :now, :due_at)
    ON CONFLICT (authority_id, citizen_id) DO UPDATE
       SET asked_at = excluded.asked_at, due_at = excluded.due_at, taken_back_at = NULL
     WHERE r.taken_back_at IS NOT NULL
""")
OPEN = """
    SELECT citizen_id, CASE WHEN begun_at IS NULL THEN 'asked' ELSE 'begun' END, asked_at, due_at
      FROM erasure_requests
     WHERE authority_id = :authority_id AND taken_back_at IS NULL
"""
FIND = text(f"{OPEN} AND citizen_id = :citizen_id")
LIST = text(f"""
    {OPEN} AND (CAST(:due_by AS timestamptz) IS NULL OR due_at <= :due_by) AND citizen_id > :after
     ORDER BY citizen_id LIMIT :limit
""")
# The guards of this and of BEGIN: whichever comes first, the other finds nothing to do.
TAKE_BACK = text("""
    UPDATE erasure_requests SET taken_back_at = :now
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND taken_back_at IS NULL AND begun_at IS NULL
""")
BEGIN = text("""
    UPDATE erasure_requests SET begun_at = coalesce(begun_at, :now)
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND taken_back_at IS NULL AND due_at <= :now
""")


class ErasureNotAskedError(RewardsError):
    """Nobody has asked for the erasure, or it was taken back."""

    code = "erasure_not_asked"


class ErasureBegunError(RewardsError):
    """The erasure has begun and cannot be taken back any more."""

    code = "erasure_begun"


@dataclass(frozen=True, slots=True)
class ErasureAsked:
    """A request that was not taken back: ``asked``, and from ``due_at`` on ``begun``; then nobody is left to ask."""

    citizen_id: UUID
    state: Literal["asked", "begun"]
    asked_at: datetime.datetime
    due_at: datetime.datetime


def ask_erasure(connection: Connection, *, authority_id: int, citizen_id: UUID, now: datetime.datetime) -> None:
    """Note that a citizen wants to be erased; confirmed by whoever calls. What was asked before stays as it is."""
    values = {"authority_id": authority_id, "citizen_id": citizen_id, "now": now, "due_at": now + ERASED_AFTER}
    connection.execute(ASK, values)


def find_erasure_request(connection: Connection, *, authority_id: int, citizen_id: UUID) -> ErasureAsked | None:
    """Find what a citizen has asked for."""
    found = connection.execute(FIND, {"authority_id": authority_id, "citizen_id": citizen_id}).one_or_none()
    return None if found is None else ErasureAsked(*found)


def get_erasure_request(connection: Connection, *, authority_id: int, citizen_id: UUID) -> ErasureAsked:
    """Return what a citizen has asked for.

    Raises:
        ErasureNotAskedError: nothing, or it was taken back.
    """
    found = find_erasure_request(connection, authority_id=authority_id, citizen_id=citizen_id)
    if found is None:
        raise ErasureNotAskedError
    return found


def take_back_erasure(connection: Connection, *, authority_id: int, citizen_id: UUID, now: datetime.datetime) -> None:
    """Take a request back.

    Raises:
        ErasureNotAskedError: there is none.
        ErasureBegunError: it is too late.
    """
    own: dict[str, Any] = {"authority_id": authority_id, "citizen_id": citizen_id}
    if connection.execute(TAKE_BACK, {**own, "now": now}).rowcount == 0:
        get_erasure_request(connection, **own)
        raise ErasureBegunError


def begin_erasure(connection: Connection, citizen_id: UUID, *, authority_id: int, now: datetime.datetime) -> bool:
    """Note that a citizen is being erased, in a transaction of its own, before the register is written.

    From then on nothing can be taken back, so nobody is in the register who stays. False when it was, or is done.
    """
    values = {"authority_id": authority_id, "citizen_id": citizen_id, "now": now}
    return connection.execute(BEGIN, values).rowcount == 1


def list_erasure_requests(
    connection: Connection,
    *,
    authority_id: int,
    due_by: datetime.datetime | None = None,
    after: UUID = BEFORE_ALL,
    limit: int = BATCH,
) -> list[ErasureAsked]:
    """List requests that were not taken back, due by an instant or all, by the citizen's id behind ``after``."""
    values = {"authority_id": authority_id, "due_by": due_by, "after": after, "limit": limit}
    return [ErasureAsked(*row) for row in connection.execute(LIST, values)]
