"""Replay from both sides: an operator requests, a worker takes a step, processes it, and notes what came of it.

A request is a mark on the row and survives both. Taking is a lease: a worker that dies leaves its step to the next.
"""

import datetime
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Literal

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.quarantine.selecting import IS_SELECTED, REFUSED_EVENTS, Selection, bind

LEASE = datetime.timedelta(seconds=30)
"""For how long others leave alone what a worker has taken; to take it twice costs time and has no other effect."""

MOST_TAKEN = 500
MOST_TAKEN_BYTES = 1024 * 1024
MOST_REQUESTED = 5000

OTHER_MESSAGE = "see_newer_message"
"""Stands for the code of a message whose refused events are all listed under a newer message that carried them too."""

DIGESTS = Columns(message_digest="bytea")
REQUEST_CHOSEN = text(f"""
    UPDATE quarantined_messages q SET replay_requested_at = :now FROM {DIGESTS.unnest("t")}
     WHERE q.authority_id = :authority_id AND q.message_digest = t.message_digest
    RETURNING q.message_digest
""")
REQUEST_SELECTED = text(f"""
    UPDATE quarantined_messages SET replay_requested_at = :now
     WHERE authority_id = :authority_id AND message_digest IN (
           SELECT q.message_digest FROM quarantined_messages q
            WHERE q.authority_id = :authority_id AND {IS_SELECTED}
              AND q.replay_requested_at IS DISTINCT FROM CAST(:now AS timestamptz)
            ORDER BY q.message_digest LIMIT {MOST_REQUESTED})
    RETURNING message_digest
""")
COUNT_REQUESTED = text("""
    SELECT count(*) FROM quarantined_messages
     WHERE authority_id = :authority_id AND replay_requested_at = :requested_at
""")
COUNT_OUTCOMES = text(f"""
    SELECT outcome, code, count(*) AS times
      FROM (SELECT CASE WHEN q.replay_requested_at IS NOT NULL THEN 'waiting'
                        WHEN q.replayed_at IS NOT NULL THEN 'recorded' ELSE 'refused' END AS outcome,
                   coalesce(q.code, (SELECT min(r.code) FROM ({REFUSED_EVENTS}) r
                                      WHERE r.message_digest = q.message_digest), '{OTHER_MESSAGE}') AS code
              FROM {DIGESTS.unnest("t")}
              JOIN quarantined_messages q ON q.authority_id = :authority_id AND q.message_digest = t.message_digest)
        AS outcomes
     GROUP BY outcome, code
""")

CHOOSE = text(f"""
    SELECT message_digest, octet_length(payload_encrypted) AS length FROM quarantined_messages
     WHERE authority_id = :authority_id AND replay_requested_at IS NOT NULL
       AND (replay_taken_at IS NULL OR replay_taken_at < :expired_at)
     ORDER BY replay_requested_at, received_at, message_digest
     LIMIT {MOST_TAKEN} FOR UPDATE SKIP LOCKED
""")
TAKE = text(f"""
    UPDATE quarantined_messages q SET replay_taken_at = :now FROM {DIGESTS.unnest("t")}
     WHERE q.authority_id = :authority_id AND q.message_digest = t.message_digest
    RETURNING q.message_digest, q.topic, q.payload_encrypted, q.received_at, q.replay_requested_at,
           q.code IS NULL AS was_verified
""")
NOTED = Columns(message_digest="bytea", requested_at="timestamptz", replayed_at="timestamptz", fault="text")
# A request made after the step was taken stands: what the operator mended in between may not have been seen.
NOTE = text(f"""
    UPDATE quarantined_messages q
       SET replay_requested_at = CASE WHEN q.replay_requested_at > t.requested_at THEN q.replay_requested_at END,
           replay_taken_at = NULL, replayed_at = t.replayed_at,
           code = CASE WHEN t.fault IS NULL THEN q.code ELSE 'internal' END, detail = coalesce(t.fault, q.detail)
      FROM (SELECT * FROM {NOTED.unnest("u")} ORDER BY message_digest) AS t
     WHERE q.authority_id = :authority_id AND q.message_digest = t.message_digest
""")


def request_replay_of(
    connection: Connection, digests: Collection[bytes], *, authority_id: int, now: datetime.datetime
) -> list[bytes]:
    """Ask the workers to replay these messages, replayed ones too; return those there are."""
    parameters = {"authority_id": authority_id, "now": now, **DIGESTS.bind(message_digest=digests)}
    return [bytes(digest) for digest in connection.scalars(REQUEST_CHOSEN, parameters)]


def request_replay(
    connection: Connection, selection: Selection, *, authority_id: int, now: datetime.datetime
) -> list[bytes]:
    """Ask the workers to replay the next of the selected messages; repeat with the same ``now`` until none is left."""
    parameters = {**bind(selection, authority_id), "now": now}
    return [bytes(digest) for digest in connection.scalars(REQUEST_SELECTED, parameters)]


def count_requested(connection: Connection, *, requested_at: datetime.datetime, authority_id: int) -> int:
    """Count what was requested at this instant and has not been replayed yet."""
    parameters = {"authority_id": authority_id, "requested_at": requested_at}
    return int(connection.scalar(COUNT_REQUESTED, parameters) or 0)


OutcomeOfReplay = tuple[Literal["recorded", "refused", "waiting"], str]
"""With the code it is refused by; of several the first in the alphabet."""


def count_outcomes(connection: Connection, digests: Sequence[bytes], *, authority_id: int) -> Counter[OutcomeOfReplay]:
    """Count what became of messages by outcome and code; needs no transaction of its own."""
    outcomes: Counter[OutcomeOfReplay] = Counter()
    for start in range(0, len(digests), MOST_REQUESTED):
        columns = DIGESTS.bind(message_digest=digests[start : start + MOST_REQUESTED])
        for row in connection.execute(COUNT_OUTCOMES, {"authority_id": authority_id, **columns}):
            outcomes[row.outcome, row.code if row.outcome == "refused" else ""] += row.times
    return outcomes


@dataclass(frozen=True, slots=True)
class TakenMessage:
    """A message taken for replay, its bytes still encrypted.

    ``was_verified``: bin, key and signature were in order when it was received; only events of it were refused.
    """

    message_digest: bytes
    topic: str
    payload_encrypted: bytes
    received_at: datetime.datetime
    requested_at: datetime.datetime
    was_verified: bool = False


@dataclass(frozen=True, slots=True)
class ReplayNote:
    """What came of one replay: recorded at ``replayed_at``, or refused again; ``fault`` when it could not be tried."""

    taken: TakenMessage
    replayed_at: datetime.datetime | None
    fault: str | None = None


def take_requested(connection: Connection, *, authority_id: int, now: datetime.datetime) -> list[TakenMessage]:
    """Take the next messages to replay, first requested and first received first, bounded in number and bytes.

    The lock lasts as long as the caller's transaction, which should end before the messages are processed: they are
    written there. What keeps others away until then is the lease.
    """
    rows = connection.execute(CHOOSE, {"authority_id": authority_id, "expired_at": now - LEASE}).all()
    if not rows:
        return []
    lengths = accumulate(row.length for row in rows)
    count = max(1, sum(1 for _ in takewhile(lambda length: length <= MOST_TAKEN_BYTES, lengths)))
    columns = DIGESTS.bind(message_digest=[bytes(row.message_digest) for row in rows[:count]])
    taken = connection.execute(TAKE, {"authority_id": authority_id, "now": now, **columns})
    messages = [TakenMessage(bytes(row[0]), row[1], bytes(row[2]), row[3], row[4], row[5]) for row in taken]
    return sorted(messages, key=lambda each: (each.requested_at, each.received_at, each.message_digest))


def note_replays(connection: Connection, notes: Sequence[ReplayNote], *, authority_id: int) -> None:
    """Note what came of replays and end their requests; safe to repeat."""
    if not notes:
        return
    columns = NOTED.bind(
        message_digest=[note.taken.message_digest for note in notes],
        requested_at=[note.taken.requested_at for note in notes],
        replayed_at=[note.replayed_at for note in notes],
        fault=[note.fault for note in notes],
    )
    connection.execute(NOTE, {"authority_id": authority_id, **columns})
