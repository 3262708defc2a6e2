"""The bound on what one bin can have kept: above it messages refused whole are counted, their bytes not stored.

Only messages refused whole: they settle nothing, so that the bin still holds what was in them. Where events of a
message were refused, they are settled, and its bytes must stay to be replayed.
"""

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.quarantine.refused import RefusedMessage

MOST_KEPT_PER_DAY = 1000
"""Messages refused whole that are stored for a bin and a day of UTC; two writers at once may overshoot by a batch."""

NO_BIN = ""
"""Stands for the bin of messages whose topic names none."""

BinDay = tuple[str, datetime.date]

DAYS = Columns(bin_id="text", since="timestamptz", until="timestamptz", day="date")
DIGESTS = Columns(message_digest="bytea")
# A bin that has been counted above the bound today is not counted again: one lookup instead of a thousand rows.
FIND_KEPT = text(f"""
    SELECT CAST(NULL AS bytea) AS message_digest, d.bin_id, d.day,
           CASE WHEN EXISTS (SELECT FROM quarantine_overflows o WHERE o.authority_id = :authority_id
                                AND o.bin_id = d.bin_id AND o.day = d.day) THEN {MOST_KEPT_PER_DAY}
                WHEN d.bin_id = '{NO_BIN}'
                THEN (SELECT count(*) FROM quarantined_messages q WHERE q.authority_id = :authority_id
                         AND q.bin_id IS NULL AND q.code IS NOT NULL
                         AND q.received_at >= d.since AND q.received_at < d.until)
                ELSE (SELECT count(*) FROM quarantined_messages q WHERE q.authority_id = :authority_id
                         AND q.bin_id = d.bin_id AND q.code IS NOT NULL
                         AND q.received_at >= d.since AND q.received_at < d.until) END AS kept
      FROM {DAYS.unnest("d")}
    UNION ALL
    SELECT q.message_digest, NULL, NULL, NULL FROM {DIGESTS.unnest("t")}
      JOIN quarantined_messages q ON q.authority_id = :authority_id AND q.message_digest = t.message_digest
""")

OVERFLOWS = Columns(bin_id="text", day="date", code="text", times="bigint")
COUNT_OVERFLOWS = text(f"""
    INSERT INTO quarantine_overflows AS o (authority_id, {OVERFLOWS.names})
    SELECT :authority_id, t.* FROM {OVERFLOWS.unnest("t")} ORDER BY t.bin_id, t.day, t.code
    ON CONFLICT (authority_id, bin_id, day, code) DO UPDATE SET times = o.times + excluded.times
""")

COUNT_BY_CODE = text("""
    SELECT code, sum(times) AS times FROM quarantine_overflows
     WHERE authority_id = :authority_id AND (CAST(:bin_id AS text) IS NULL OR bin_id = :bin_id)
       AND (CAST(:since AS date) IS NULL OR day >= :since)
     GROUP BY code ORDER BY code
""")


def keep_within_bound(
    connection: Connection, copies: Mapping[bytes, Sequence[RefusedMessage]], *, authority_id: int
) -> dict[bytes, Sequence[RefusedMessage]]:
    """Return the messages to store, by digest, and count the others. Needs the transaction that stores them.

    One query, and only when a message was refused whole; a second statement only when something is above the bound.
    Bytes stored before, replays and messages of refused events are always among those returned.
    """
    bounded = {digest: messages for digest, messages in copies.items() if is_bounded(messages[0])}
    if not bounded:
        return dict(copies)
    room, stored = find_room(connection, bounded, authority_id=authority_id)
    overflows: Counter[tuple[str, datetime.date, str]] = Counter()
    kept: dict[bytes, Sequence[RefusedMessage]] = {}
    for digest, messages in copies.items():
        first = messages[0]
        bin_day = bin_day_of(first)
        if digest not in bounded or digest in stored:
            kept[digest] = messages
        elif room[bin_day] > 0:
            room[bin_day] -= 1
            kept[digest] = messages
        else:
            overflows[*bin_day, first.code or ""] += len(messages)
    count_overflows(connection, overflows, authority_id=authority_id)
    return kept


def is_bounded(message: RefusedMessage) -> bool:
    """Tell whether a message may be counted instead of stored."""
    return message.code is not None and not message.is_replay


def bin_day_of(message: RefusedMessage) -> BinDay:
    """Return the bin and the day of UTC a message counts for."""
    return message.bin_id or NO_BIN, message.received_at.astimezone(datetime.UTC).date()


def find_room(
    connection: Connection, bounded: Mapping[bytes, Sequence[RefusedMessage]], *, authority_id: int
) -> tuple[dict[BinDay, int], set[bytes]]:
    """Find how many more messages each bin and day may store, and which of ``bounded`` are stored already."""
    days = list(dict.fromkeys(bin_day_of(messages[0]) for messages in bounded.values()))
    midnights = [datetime.datetime.combine(day, datetime.time(), datetime.UTC) for _, day in days]
    columns = DAYS.bind(
        bin_id=[bin_id for bin_id, _ in days],
        since=midnights,
        until=[midnight + datetime.timedelta(days=1) for midnight in midnights],
        day=[day for _, day in days],
    )
    rows = connection.execute(
        FIND_KEPT, {"authority_id": authority_id, **columns, **DIGESTS.bind(message_digest=bounded)}
    ).all()
    room = {(row.bin_id, row.day): MOST_KEPT_PER_DAY - row.kept for row in rows if row.message_digest is None}
    return room, {bytes(row.message_digest) for row in rows if row.message_digest is not None}


def count_overflows(
    connection: Connection, overflows: Mapping[tuple[str, datetime.date, str], int], *, authority_id: int
) -> None:
    """Count messages above the bound by bin, day and code."""
    if not overflows:
        return
    bin_ids, days, codes = zip(*overflows, strict=True)
    columns = OVERFLOWS.bind(bin_id=bin_ids, day=days, code=codes, times=overflows.values())
    connection.execute(COUNT_OVERFLOWS, {"authority_id": authority_id, **columns})


def count_overflows_by_code(
    connection: Connection, *, authority_id: int, bin_id: str | None = None, since: datetime.date | None = None
) -> dict[str, int]:
    """Count the messages of which no bytes were kept, by code; of one bin, and from one day of UTC on, when given."""
    rows = connection.execute(COUNT_BY_CODE, {"authority_id": authority_id, "bin_id": bin_id, "since": since})
    return {row.code: int(row.times) for row in rows}
