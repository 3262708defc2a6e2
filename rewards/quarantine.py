"""Quarantine: what could not be accepted is stored, encrypted and counted, so that it can be replayed.

Bytes identical to stored ones only raise a counter. Nothing here decides what is refused.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

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


INSERT_MESSAGES = text("""
    INSERT INTO quarantined_messages AS q (authority_id, message_digest, topic, bin_id, code, detail,
                                           payload_encrypted, received_at, last_received_at, times)
    SELECT :authority_id, t.message_digest, t.topic, t.bin_id, t.code, t.detail, t.payload, t.received_at,
           t.last_received_at, t.times
      FROM unnest(CAST(:message_digest AS bytea[]), CAST(:topic AS text[]), CAST(:bin_id AS text[]),
                  CAST(:code AS text[]), CAST(:detail AS text[]), CAST(:payload AS bytea[]),
                  CAST(:received_at AS timestamptz[]), CAST(:last_received_at AS timestamptz[]),
                  CAST(:times AS integer[]))
           AS t(message_digest, topic, bin_id, code, detail, payload, received_at, last_received_at, times)
     ORDER BY t.message_digest
    ON CONFLICT (authority_id, message_digest) DO UPDATE
       SET times = q.times + excluded.times, last_received_at = excluded.last_received_at
""")

INSERT_EVENTS = text("""
    INSERT INTO quarantined_events (authority_id, journal_no, seq, content_digest, code, detail, message_digest,
                                    received_at)
    SELECT :authority_id, t.*
      FROM unnest(CAST(:journal_no AS integer[]), CAST(:seq AS bigint[]), CAST(:content_digest AS bytea[]),
                  CAST(:code AS text[]), CAST(:detail AS text[]), CAST(:message_digest AS bytea[]),
                  CAST(:received_at AS timestamptz[])) AS t
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
    connection.execute(
        INSERT_MESSAGES,
        {
            "authority_id": authority_id,
            "message_digest": list(copies),
            "topic": [storable(first.topic) for first in firsts],
            "bin_id": [first.bin_id for first in firsts],
            "code": [first.code for first in firsts],
            "detail": [storable(first.detail) for first in firsts],
            "payload": [keyring.encrypt(first.payload, purpose=PURPOSE) for first in firsts],
            "received_at": [first.received_at for first in firsts],
            "last_received_at": [messages[-1].received_at for messages in copies.values()],
            "times": [len(messages) for messages in copies.values()],
        },
    )
    rows = [(digest, first, event) for digest, first in zip(copies, firsts, strict=True) for event in first.events]
    if rows:
        connection.execute(
            INSERT_EVENTS,
            {
                "authority_id": authority_id,
                "journal_no": [event.journal_no for _, _, event in rows],
                "seq": [event.seq for _, _, event in rows],
                "content_digest": [event.content_digest for _, _, event in rows],
                "code": [event.code for _, _, event in rows],
                "detail": [storable(event.detail) for _, _, event in rows],
                "message_digest": [digest for digest, _, _ in rows],
                "received_at": [first.received_at for _, first, _ in rows],
            },
        )


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
