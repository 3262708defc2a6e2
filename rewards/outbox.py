"""The outbox: messages written in the transaction that makes them due, taken by who sends them, and tried again.

A message can reach its reader twice when the sender dies between the mail server's answer and the commit; it is never
lost. Addresses are decrypted only when a message is taken.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.citizens import EMAIL_PURPOSE
from rewards.keyring import Keyring

FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 60, 6 * 3600
MOST_TRIES = 20

# Held until the transaction ends: another sender passes it by.
TAKE = text("""
    SELECT o.message_id, o.kind, o.facts, k.email_encrypted, a.name AS authority
      FROM outbox o
      JOIN authorities a ON a.authority_id = o.authority_id
      LEFT JOIN contacts k ON k.authority_id = o.authority_id AND k.citizen_id = o.citizen_id
     WHERE o.authority_id = :authority_id AND o.sent_at IS NULL AND o.given_up_at IS NULL AND o.next_try_at <= :now
     ORDER BY o.next_try_at, o.message_id LIMIT 1
       FOR UPDATE OF o SKIP LOCKED
""")
SENT = text("""
    UPDATE outbox SET sent_at = :now, tries = tries + 1 WHERE authority_id = :authority_id AND message_id = :message_id
""")
FAILED = text(f"""
    UPDATE outbox SET tries = tries + 1,
           next_try_at = CAST(:now AS timestamptz)
                         + least({LONGEST_BACK_OFF_S}, {FIRST_BACK_OFF_S} * power(2, tries)) * interval '1 second',
           given_up_at = CASE WHEN tries + 1 >= {MOST_TRIES} OR :is_hopeless THEN CAST(:now AS timestamptz) END
     WHERE authority_id = :authority_id AND message_id = :message_id
""")


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to send; ``address`` is None when the citizen has none any more."""

    message_id: UUID
    kind: str
    facts: Mapping[str, Any]
    address: str | None
    authority: str


def take_letter(
    connection: Connection, keyring: Keyring, *, authority_id: int, now: datetime.datetime
) -> Letter | None:
    """Take the next message that is due, until the transaction ends; None when there is none."""
    row = connection.execute(TAKE, {"authority_id": authority_id, "now": now}).one_or_none()
    if row is None:
        return None
    encrypted = row.email_encrypted
    address = None if encrypted is None else keyring.decrypt(bytes(encrypted), purpose=EMAIL_PURPOSE).decode()
    return Letter(row.message_id, row.kind, row.facts, address, row.authority)


def note_sent(connection: Connection, message_id: UUID, *, authority_id: int, now: datetime.datetime) -> None:
    """Note that a message was handed over."""
    connection.execute(SENT, {"authority_id": authority_id, "message_id": message_id, "now": now})


def note_not_sent(
    connection: Connection, message_id: UUID, *, authority_id: int, is_hopeless: bool, now: datetime.datetime
) -> None:
    """Note that a message was not handed over: it is tried again later, or given up."""
    values = {"authority_id": authority_id, "message_id": message_id, "is_hopeless": is_hopeless, "now": now}
    connection.execute(FAILED, values)
