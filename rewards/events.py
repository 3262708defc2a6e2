"""Steps one and two of recording: insert the events that are new, then compare the rest with what is stored.

``(authority, journal_no, seq)`` identifies an event for ever. The same identity with the same content is a repeat,
with other content a conflict. The comparison is a statement of its own: inside the inserting statement a concurrent
repeat is neither inserted nor visible.
"""

import datetime
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.acceptance import AcceptedEvent, Identity
from rewards.arrays import Columns


@dataclass(slots=True)
class StoredEvent:
    """What a repeat is answered with: the digest to compare, and what the deposit was credited, at once or pending."""

    content_digest: bytes
    points: int
    withheld_points: int
    is_pending: bool


COLUMNS = Columns(
    journal_no="integer",
    seq="bigint",
    type="text",
    bin_id="text",
    site_id="uuid",
    material="text",
    items="smallint",
    mass_g="integer",
    refused="smallint",
    confidence="real",
    emptied_by="text",
    occurred_at="timestamptz",
    is_estimated="boolean",
    received_at="timestamptz",
    content_digest="bytea",
)

# An event that was quarantined under this identity with other content counts as known: it must not come in twice.
INSERT_EVENTS = text(f"""
    INSERT INTO events (authority_id, recorded_at, {COLUMNS.names})
    SELECT :authority_id, :now, t.* FROM {COLUMNS.unnest("t")}
     WHERE NOT EXISTS (SELECT FROM quarantined_events q
                        WHERE q.authority_id = :authority_id AND q.journal_no = t.journal_no AND q.seq = t.seq
                          AND q.content_digest <> t.content_digest AND q.code <> 'event_conflict')
     ORDER BY t.journal_no, t.seq
    ON CONFLICT (authority_id, journal_no, seq) DO NOTHING
    RETURNING journal_no, seq
""")

IDENTITIES = Columns(journal_no="integer", seq="bigint")
FIND_EVENTS = text(f"""
    SELECT e.journal_no, e.seq, e.content_digest, coalesce(t.points, 0) AS points,
           coalesce(t.withheld_points, c.withheld_points, 0) AS withheld_points,
           coalesce(t.phase = 'pending', false) AS is_pending
      FROM {IDENTITIES.unnest("i")}
      JOIN events e ON e.authority_id = :authority_id AND e.journal_no = i.journal_no AND e.seq = i.seq
      LEFT JOIN transfers t ON t.authority_id = :authority_id AND t.journal_no = i.journal_no AND t.seq = i.seq
      LEFT JOIN capped_deposits c ON c.authority_id = :authority_id AND c.journal_no = i.journal_no AND c.seq = i.seq
""")


def insert_events(
    connection: Connection, events: Sequence[AcceptedEvent], *, authority_id: int, now: datetime.datetime
) -> set[Identity]:
    """Insert the events nobody inserted before; return the identities that are new."""
    reports = [event.reported for event in events]
    columns = COLUMNS.bind_rows(
        reports,
        journal_no=[report.identity[0] for report in reports],
        seq=[report.identity[1] for report in reports],
        type=[event.type for event in events],
        bin_id=[report.bin.bin_id for report in reports],
        site_id=[event.site_id for event in events],
        occurred_at=[event.occurred_at for event in events],
        is_estimated=[event.is_estimated for event in events],
    )
    # Fetched at once: a result that is iterated fetches row by row.
    rows = connection.execute(INSERT_EVENTS, {"authority_id": authority_id, "now": now, **columns}).all()
    return {(journal_no, seq) for journal_no, seq in rows}


def find_stored_events(
    connection: Connection, identities: Collection[Identity], *, authority_id: int
) -> dict[Identity, StoredEvent]:
    """Find what is stored under ``identities``, in a statement later than the insert."""
    if not identities:
        return {}
    journal_nos, seqs = zip(*identities, strict=True)
    rows = connection.execute(
        FIND_EVENTS, {"authority_id": authority_id, **IDENTITIES.bind(journal_no=journal_nos, seq=seqs)}
    )
    return {
        (row.journal_no, row.seq): StoredEvent(
            bytes(row.content_digest), row.points, row.withheld_points, row.is_pending
        )
        for row in rows
    }
