"""Storing what was refused: encrypted, once for identical bytes, within the bound of its bin, to be replayed."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.keyring import Keyring
from rewards.quarantine.bounding import keep_within_bound
from rewards.quarantine.refused import PURPOSE, RefusedEvent, RefusedMessage, digest_message, storable

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
INSERT_MESSAGES = f"""
    INSERT INTO quarantined_messages AS q (authority_id, {MESSAGES.names})
    SELECT :authority_id, t.* FROM {MESSAGES.unnest("t")} ORDER BY t.message_digest
    ON CONFLICT (authority_id, message_digest) DO UPDATE
       SET code = excluded.code, detail = excluded.detail, replayed_at = NULL
"""
STORE_REPLAYS = text(INSERT_MESSAGES)
STORE_COPIES = text(f"""
    {INSERT_MESSAGES}, times = q.times + excluded.times,
           last_received_at = GREATEST(q.last_received_at, excluded.last_received_at)
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
# Refused once more, an event belongs to the message its bin sent last, from which it can be replayed longest. A
# conflict never takes another code, nor another code a conflict: a conflict settles no number, the others do.
INSERT_EVENTS = text(f"""
    INSERT INTO quarantined_events AS q (authority_id, {EVENTS.names})
    SELECT :authority_id, t.* FROM {EVENTS.unnest("t")} ORDER BY t.journal_no, t.seq, t.content_digest
    ON CONFLICT (authority_id, journal_no, seq, content_digest) DO UPDATE
       SET code = CASE WHEN 'event_conflict' IN (q.code, excluded.code) THEN q.code ELSE excluded.code END,
           detail = excluded.detail,
           message_digest = CASE WHEN :is_replay THEN coalesce(q.message_digest, excluded.message_digest)
                                 ELSE excluded.message_digest END
""")


def store_refused(
    connection: Connection, refused: Sequence[RefusedMessage], *, authority_id: int, keyring: Keyring
) -> None:
    """Store refused messages with their refused events. Needs a transaction.

    Identical bytes are counted; a replay is not, and only renews what is said of the message. What is above the bound
    of its bin is counted and not stored.
    """
    copies: dict[bytes, list[RefusedMessage]] = {}
    for message in refused:
        digest = digest_message(keyring, topic=message.topic, payload=message.payload)
        copies.setdefault(digest, []).append(message)
    if not copies:
        return
    kept = keep_within_bound(connection, copies, authority_id=authority_id)
    for is_replay, statement in ((False, STORE_COPIES), (True, STORE_REPLAYS)):
        chosen = {digest: messages for digest, messages in kept.items() if messages[0].is_replay is is_replay}
        if chosen:
            connection.execute(statement, {"authority_id": authority_id, **columns_of(chosen, keyring)})
            firsts = {digest: messages[0] for digest, messages in chosen.items()}
            store_events(connection, firsts, authority_id=authority_id, is_replay=is_replay)


def columns_of(copies: Mapping[bytes, Sequence[RefusedMessage]], keyring: Keyring) -> dict[str, str]:
    """Return the parameters for messages by digest, each with its copies in the order received."""
    firsts = [messages[0] for messages in copies.values()]
    return MESSAGES.bind(
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


def store_events(
    connection: Connection, messages: Mapping[bytes, RefusedMessage], *, authority_id: int, is_replay: bool
) -> None:
    """Store the refused events of messages given by digest, each content under its number once."""
    rows: dict[tuple[int, int, bytes], tuple[bytes, RefusedMessage, RefusedEvent]] = {}
    for digest, message in messages.items():
        for event in message.events:
            rows.setdefault((event.journal_no, event.seq, event.content_digest), (digest, message, event))
    if not rows:
        return
    journal_nos, seqs, content_digests = zip(*rows, strict=True)
    columns = EVENTS.bind(
        journal_no=journal_nos,
        seq=seqs,
        content_digest=content_digests,
        code=[event.code for _, _, event in rows.values()],
        detail=[storable(event.detail) for _, _, event in rows.values()],
        message_digest=[digest for digest, _, _ in rows.values()],
        received_at=[message.received_at for _, message, _ in rows.values()],
    )
    connection.execute(INSERT_EVENTS, {"authority_id": authority_id, "is_replay": is_replay, **columns})
