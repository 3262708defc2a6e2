"""Quarantine: what could not be accepted is stored, encrypted and counted, so that it can be replayed.

Bytes identical to stored ones only raise a counter. Nothing here decides what is refused.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.keyring import Keyring

NO_AUTHORITY = 0
"""Stands for the authority of messages that name none of ours."""

PURPOSE = "quarantine"


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """One event of a message that cannot be recorded; towards the bin it is settled."""

    journal_no: int
    seq: int
    content_digest: bytes
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """A message to keep: refused whole for ``code``, or None when only ``events`` of it were."""

    topic: str
    payload: bytes
    received_at: datetime.datetime
    bin_id: str | None
    code: str | None
    detail: str
    events: tuple[RefusedEvent, ...] = ()


MESSAGES = Columns(
    message_digest="bytea",
    topic="text",
    bin_id="text",
    code="text",
    detail="text",
    payload_encrypted="bytea",
    received_at="timestamptz",
    last_received_at="timestamptz",
    times="integer",
)
INSERT_MESSAGES = text(f"""
    INSERT INTO quarantined_messages AS q (authority_id, {MESSAGES.names})
    SELECT :authority_id, t.* FROM {MESSAGES.unnest("t")} ORDER BY t.message_digest
    ON CONFLICT (authority_id, message_digest) DO UPDATE
       SET times = q.times + excluded.times, last_received_at = excluded.last_received_at
""")

EVENTS = Columns(
    journal_no="integer",
    seq="bigint",
    content_digest="bytea",
    code="text",
    detail="text",
    message_digest="bytea",
    received_at="timestamptz",
)
INSERT_EVENTS = text(f"""
    INSERT INTO quarantined_events (authority_id, {EVENTS.names})
    SELECT :authority_id, t.* FROM {EVENTS.unnest("t")} ORDER BY t.journal_no, t.seq, t.content_digest
    ON CONFLICT (authority_id, journal_no, seq, content_digest) DO NOTHING
""")


def store_refused(
    connection: Connection, refused: Sequence[RefusedMessage], *, authority_id: int, keyring: Keyring
) -> None:
    """Store refused messages with their refused events; identical bytes are counted. Needs a transaction."""
    copies: dict[bytes, list[RefusedMessage]] = {}
    for message in refused:
        digest = keyring.content_digest(b"%b\n%b" % (message.topic.encode(errors="replace"), message.payload))
        copies.setdefault(digest, []).append(message)
    if not copies:
        return
    firsts = [messages[0] for messages in copies.values()]
    columns = MESSAGES.bind(
        message_digest=copies,
        topic=[storable(first.topic) for first in firsts],
        bin_id=[first.bin_id for first in firsts],
        code=[first.code for first in firsts],
        detail=[storable(first.detail) for first in firsts],
        payload_encrypted=[keyring.encrypt(first.payload, purpose=PURPOSE) for first in firsts],
        received_at=[first.received_at for first in firsts],
        last_received_at=[messages[-1].received_at for messages in copies.values()],
        times=[len(messages) for messages in copies.values()],
    )
    connection.execute(INSERT_MESSAGES, {"authority_id": authority_id, **columns})
    rows = [(digest, first, event) for digest, first in zip(copies, firsts, strict=True) for event in first.events]
    if rows:
        columns = EVENTS.bind(
            journal_no=[event.journal_no for _, _, event in rows],
            seq=[event.seq for _, _, event in rows],
            content_digest=[event.content_digest for _, _, event in rows],
            code=[event.code for _, _, event in rows],
            detail=[storable(event.detail) for _, _, event in rows],
            message_digest=[digest for digest, _, _ in rows],
            received_at=[first.received_at for _, first, _ in rows],
        )
        connection.execute(INSERT_EVENTS, {"authority_id": authority_id, **columns})


def storable(words: str) -> str:
    """Return text PostgreSQL can store: no NUL, no lone surrogates, at most 1,000 characters."""
    return words[:1000].replace("\x00", "�").encode(errors="replace").decode()


def count_by_code(connection: Connection, *, authority_id: int) -> dict[str, int]:
    """Count what is quarantined, by code: whole messages and single events."""
    rows = connection.execute(
        text("""
            SELECT code, count(*) AS times FROM (
                SELECT code FROM quarantined_messages WHERE authority_id = :authority_id AND code IS NOT NULL
                UNION ALL
                SELECT code FROM quarantined_events WHERE authority_id = :authority_id) AS codes
             GROUP BY code ORDER BY code
        """),
        {"authority_id": authority_id},
    )
    return {row.code: row.times for row in rows}
