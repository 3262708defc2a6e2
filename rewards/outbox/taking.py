"""Taking letters out of the outbox, one at a time, and noting what became of each.

Whoever takes one has it for the time of a lease; the transaction is over before the mail server is asked. A sender
whose lease is over notes nothing: ``tries`` tells whose turn it is.
"""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, text

from rewards.citizens import EMAIL_PURPOSE
from rewards.keyring import Keyring
from rewards.languages import Language
from rewards.outbox.posting import FACTS_PURPOSE
from rewards.schema.jobs import NOTICE_KINDS

LEASE = datetime.timedelta(minutes=1)
"""Longer than handing a letter over may take (``bontri/mail.py``)."""

FIRST_BACK_OFF, LONGEST_BACK_OFF = datetime.timedelta(minutes=1), datetime.timedelta(hours=6)
MOST_TRIES = 20
FIRST_URGENT_BACK_OFF, LONGEST_URGENT_BACK_OFF = datetime.timedelta(seconds=5), datetime.timedelta(minutes=1)

IS_WAITING = "sent_at IS NULL AND given_up_at IS NULL"
IS_URGENT = f"{IS_WAITING} AND good_until IS NOT NULL"
TAKE = """
    UPDATE outbox SET tries = tries + 1, next_try_at = :until, fault = NULL
     WHERE authority_id = :authority_id
       AND message_id = (SELECT message_id FROM outbox
                          WHERE authority_id = :authority_id AND {condition} AND next_try_at <= :now
                          ORDER BY next_try_at, message_id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING message_id
"""
TAKE_ANY, TAKE_URGENT = text(TAKE.format(condition=IS_WAITING)), text(TAKE.format(condition=IS_URGENT))
READ = text(f"""
    SELECT o.message_id, o.citizen_id, o.kind, o.facts, o.facts_encrypted, o.created_at, o.good_until, o.tries,
           coalesce(o.address_encrypted, k.email_encrypted, s.email_encrypted) AS address_encrypted,
           coalesce(o.language, c.language, s.language, a.language) AS language, a.name, a.slug,
           o.kind IN {NOTICE_KINDS} AND NOT coalesce(c.wants_notices, true) AS is_switched_off
      FROM outbox o
      JOIN authorities a ON a.authority_id = o.authority_id
      LEFT JOIN citizens c ON c.authority_id = o.authority_id AND c.citizen_id = o.citizen_id
      LEFT JOIN contacts k ON k.authority_id = o.authority_id AND k.citizen_id = o.citizen_id
      LEFT JOIN shop_contacts s ON s.authority_id = o.authority_id AND s.shop_id = o.shop_id
     WHERE o.authority_id = :authority_id AND o.message_id = :message_id
""")
NEXT_TRY = text(f"""
    SELECT min(next_try_at) FROM outbox WHERE authority_id = :authority_id AND {IS_URGENT}
""")
IS_OURS = f"message_id = :message_id AND tries = :tries AND {IS_WAITING}"
SENT = text(f"""
    UPDATE outbox SET sent_at = :now, facts = '{{}}', facts_encrypted = NULL, address_encrypted = NULL
     WHERE authority_id = :authority_id AND {IS_OURS}
""")
LATER = text(
    f"UPDATE outbox SET next_try_at = :next_try_at, fault = :fault WHERE authority_id = :authority_id AND {IS_OURS}"
)
GIVEN_UP = text(f"""
    UPDATE outbox SET given_up_at = :now, fault = :fault,
           facts_encrypted = CASE WHEN good_until IS NULL THEN facts_encrypted END,
           address_encrypted = CASE WHEN good_until IS NULL THEN address_encrypted END
     WHERE authority_id = :authority_id AND {IS_OURS}
""")


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter to send, this time the ``tries``-th.

    ``address`` is empty when it was for nobody from the start. ``fault`` says why it cannot leave, whatever the mail
    server says: ``no_address`` any more, notices ``switched_off`` since, or ``unreadable`` with this storage key.
    """

    message_id: UUID
    authority_id: int
    authority: str
    slug: str
    citizen_id: UUID | None
    kind: str
    facts: Mapping[str, Any]
    address: str
    language: Language
    fault: str | None
    created_at: datetime.datetime
    good_until: datetime.datetime | None
    tries: int


def take_letter(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    now: datetime.datetime,
    only_urgent: bool = False,
) -> Letter | None:
    """Take the next letter that is due, until ``LEASE`` is over; None when there is none. To be committed at once.

    ``only_urgent`` takes those that are of no use after a while: codes.
    """
    values = {"authority_id": authority_id, "now": now, "until": now + LEASE}
    message_id = connection.scalar(TAKE_URGENT if only_urgent else TAKE_ANY, values)
    if message_id is None:
        return None
    row = connection.execute(READ, {"authority_id": authority_id, "message_id": message_id}).one()
    facts, address, fault = row.facts, "", "switched_off" if row.is_switched_off else None
    if row.address_encrypted is None:
        fault = "no_address"
    else:
        try:
            address = keyring.decrypt(bytes(row.address_encrypted), purpose=EMAIL_PURPOSE).decode()
            if row.facts_encrypted is not None:
                facts = json.loads(keyring.decrypt(bytes(row.facts_encrypted), purpose=FACTS_PURPOSE))
        except InvalidTag:
            fault = "unreadable"
    return Letter(
        message_id,
        authority_id,
        row.name,
        row.slug,
        row.citizen_id,
        row.kind,
        facts,
        address,
        row.language,
        fault,
        row.created_at,
        row.good_until,
        row.tries,
    )


def find_next_try(connection: Connection, *, authority_id: int) -> datetime.datetime | None:
    """Find when the next urgent letter is due; None when none waits."""
    found: datetime.datetime | None = connection.scalar(NEXT_TRY, {"authority_id": authority_id})
    return found


def note_sent(connection: Connection, letter: Letter, *, now: datetime.datetime) -> bool:
    """Note that a letter was handed over and forget what it said; return False when it was somebody else's turn."""
    return connection.execute(SENT, {**turn_of(letter), "now": now}).rowcount == 1


def note_not_sent(
    connection: Connection, letter: Letter, fault: str, *, is_final: bool, now: datetime.datetime
) -> bool:
    """Note why a letter was not handed over; return whether it is tried again, else it is given up."""
    next_try_at = None if is_final else choose_next_try(letter, now)
    values = {**turn_of(letter), "fault": fault, "now": now, "next_try_at": next_try_at}
    connection.execute(GIVEN_UP if next_try_at is None else LATER, values)
    return next_try_at is not None


def turn_of(letter: Letter) -> dict[str, Any]:
    """Return what tells the row of a letter, and that nobody else has taken it since."""
    return {"authority_id": letter.authority_id, "message_id": letter.message_id, "tries": letter.tries}


def choose_next_try(letter: Letter, now: datetime.datetime) -> datetime.datetime | None:
    """Return when a letter is tried again, each time later; None when it has been tried enough, or would be useless."""
    # Bounded, as a factor: a lease lost often makes many tries.
    factor = 2 ** min(letter.tries - 1, MOST_TRIES)
    if letter.good_until is None:
        return None if letter.tries >= MOST_TRIES else now + min(FIRST_BACK_OFF * factor, LONGEST_BACK_OFF)
    at = now + min(FIRST_URGENT_BACK_OFF * factor, LONGEST_URGENT_BACK_OFF)
    return at if at < letter.good_until else None
