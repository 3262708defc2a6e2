"""What waits and what was given up, for operators: without an address, and without what a letter says."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.errors import OperatorRefusedError

LIST = text("""
    SELECT message_id, kind, CASE WHEN given_up_at IS NULL THEN 'waiting' ELSE 'given_up' END AS state,
           CASE WHEN citizen_id IS NOT NULL THEN 'citizen' WHEN shop_id IS NOT NULL THEN 'shop' ELSE 'address'
           END AS addressee,
           coalesce(citizen_id, shop_id) AS addressee_id, tries, fault, created_at, next_try_at, given_up_at
      FROM outbox
     WHERE authority_id = :authority_id AND sent_at IS NULL
     ORDER BY created_at, message_id LIMIT :limit
""")
# One that somebody is just sending has no fault: it is left alone, or it would leave twice.
RETRY = text("""
    UPDATE outbox SET given_up_at = NULL, tries = 0, next_try_at = :now
     WHERE authority_id = :authority_id AND sent_at IS NULL AND fault IS NOT NULL AND good_until IS NULL
       AND (:with_all OR message_id = ANY(CAST(:message_ids AS uuid[])))
    RETURNING message_id
""")


class LetterUnknownError(OperatorRefusedError):
    """No letter of this id failed to leave, or it is of no use any more."""

    code = "letter_unknown"

    def __init__(self, message_id: UUID) -> None:
        super().__init__(
            f"letter {message_id} cannot be tried again: see bontri letters list; codes are asked for anew"
        )


@dataclass(frozen=True, slots=True)
class ListedLetter:
    """A letter that has not left: to whom (``addressee_id`` None: an address it carries), and why not."""

    message_id: UUID
    kind: str
    state: Literal["waiting", "given_up"]
    addressee: Literal["citizen", "shop", "address"]
    addressee_id: UUID | None
    tries: int
    fault: str | None
    created_at: datetime.datetime
    next_try_at: datetime.datetime
    given_up_at: datetime.datetime | None


def list_letters(connection: Connection, *, authority_id: int, limit: int = 1000) -> list[ListedLetter]:
    """List letters that have not left, oldest first."""
    rows = connection.execute(LIST, {"authority_id": authority_id, "limit": limit})
    return [ListedLetter(*row) for row in rows]


def retry_letters(
    connection: Connection,
    message_ids: Sequence[UUID] = (),
    *,
    authority_id: int,
    now: datetime.datetime,
    with_all: bool = False,
) -> int:
    """Have letters that failed tried again at once, those given up too; return how many.

    Raises:
        LetterUnknownError: one of ``message_ids`` is no such letter; the transaction must be rolled back.
    """
    values = {"authority_id": authority_id, "message_ids": list(message_ids), "with_all": with_all, "now": now}
    retried = set(connection.scalars(RETRY, values))
    for message_id in message_ids:
        if message_id not in retried:
            raise LetterUnknownError(message_id)
    return len(retried)
