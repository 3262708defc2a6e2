"""What can be seen of an authority's bins at one look: a statement for each kind of alarm, over all bins at once."""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.alarms import Sighting
from rewards.journals import SeqRange, parse_ranges

CLONE_PATIENCE_S = 60
CONFLICTS_LOOKED_BACK = datetime.timedelta(days=2)
"""How late a conflict may be committed after it was received and still be seen: the database may have been away."""

MOST_GAPS_READ = 100

# How long a number is missing is told by the number above its gap: it has been missing at least since that one came.
# Looked up one by one: as a join it read every event of a journal with a gap.
LIST_OPEN_JOURNALS = text(f"""
    SELECT o.bin_id, o.journal, w.ranges, w.numbers, l.lowest, l.since
      FROM (SELECT j.bin_id, j.journal, j.journal_no, coalesce(j.last_received_at, j.created_at) AS spoke_at,
                   int8multirange(int8range(1, coalesce(upper(j.received + j.lost), 1))) - (j.received + j.lost)
                       AS missing
              FROM bin_journals j
              JOIN bins b ON b.authority_id = :authority_id AND b.bin_id = j.bin_id AND b.state <> 'revoked'
             WHERE j.authority_id = :authority_id
               AND NOT EXISTS (SELECT FROM bin_journals n WHERE n.authority_id = :authority_id
                                  AND n.bin_id = j.bin_id
                                  AND (n.created_at, n.journal_no) > (j.created_at, j.journal_no))) AS o
     CROSS JOIN LATERAL (SELECT count(*) AS ranges, sum(CAST(upper(g.gap) AS numeric) - lower(g.gap)) AS numbers
                           FROM unnest(o.missing) AS g(gap)) AS w
     CROSS JOIN LATERAL (
            SELECT string_agg(CAST(g.gap AS text), ',' ORDER BY g.gap) AS lowest,
                   min(coalesce((SELECT e.received_at FROM events e
                                  WHERE e.authority_id = :authority_id AND e.journal_no = o.journal_no
                                    AND e.seq = upper(g.gap)),
                                (SELECT min(q.received_at) FROM quarantined_events q
                                  WHERE q.authority_id = :authority_id AND q.journal_no = o.journal_no
                                    AND q.seq = upper(g.gap)),
                                o.spoke_at)) AS since
              FROM (SELECT u.gap FROM unnest(o.missing) AS u(gap) LIMIT {MOST_GAPS_READ}) AS g) AS l
     WHERE NOT isempty(o.missing)
     ORDER BY o.bin_id
""")

LIST_LOSSES = text("""
    SELECT j.bin_id, sum(l.numbers) AS numbers, max(j.journal) FILTER (WHERE l.numbers > 0) AS journal
      FROM bin_journals j
     CROSS JOIN LATERAL (SELECT sum(CAST(upper(r.part) AS numeric) - lower(r.part)) AS numbers
                           FROM unnest(j.lost) AS r(part)) AS l
     WHERE j.authority_id = :authority_id AND NOT isempty(j.lost)
     GROUP BY j.bin_id ORDER BY j.bin_id
""")

LIST_CLONES = text(f"""
    SELECT DISTINCT ON (o.bin_id) o.bin_id, o.journal, o.last_received_at AS seen_at, n.journal AS newer_journal
      FROM bin_journals n
      JOIN bin_journals o ON o.authority_id = :authority_id AND o.bin_id = n.bin_id
                      AND (o.created_at, o.journal_no) < (n.created_at, n.journal_no)
     WHERE n.authority_id = :authority_id
       AND o.last_received_at > n.created_at + interval '{CLONE_PATIENCE_S} seconds'
     ORDER BY o.bin_id, o.last_received_at DESC, n.journal_no
""")

LIST_CONFLICTS = text("""
    SELECT j.bin_id, count(*) AS events, max(q.received_at) AS seen_at
      FROM quarantined_events q
      JOIN bin_journals j ON j.authority_id = :authority_id AND j.journal_no = q.journal_no
     WHERE q.authority_id = :authority_id AND q.code = 'event_conflict' AND q.received_at > :since
     GROUP BY j.bin_id ORDER BY j.bin_id
""")

# Whatever day it is where the authority is; an alarm knows which day it was raised for.
LIST_FLOODS = text("""
    SELECT DISTINCT ON (o.bin_id) o.bin_id, o.day, sum(o.times) AS messages
      FROM quarantine_overflows o
      JOIN bins b ON b.authority_id = :authority_id AND b.bin_id = o.bin_id
     WHERE o.authority_id = :authority_id AND o.day >= :since
     GROUP BY o.bin_id, o.day ORDER BY o.bin_id, o.day DESC
""")


@dataclass(frozen=True, slots=True)
class Gaps:
    """What a bin's newest journal lacks below its highest settled number.

    ``lowest`` are the first gaps, at most :data:`MOST_GAPS_READ`; one of them is open at least since ``since``.
    """

    bin_id: str
    journal: str
    ranges: int
    numbers: int
    lowest: list[SeqRange]
    since: datetime.datetime


def list_open_journals(connection: Connection, *, authority_id: int) -> list[Gaps]:
    """List the newest journals with missing numbers, by bin."""
    rows = connection.execute(LIST_OPEN_JOURNALS, {"authority_id": authority_id}).all()
    return [
        Gaps(row.bin_id, row.journal, row.ranges, int(row.numbers), parse_ranges(row.lowest), row.since) for row in rows
    ]


def list_losses(connection: Connection, *, authority_id: int, now: datetime.datetime) -> list[Sighting]:
    """List the bins with numbers that can never come, and how many, by bin."""
    rows = connection.execute(LIST_LOSSES, {"authority_id": authority_id})
    return [Sighting(row.bin_id, "lost", now, {"numbers": int(row.numbers), "journal": row.journal}) for row in rows]


def list_clones(connection: Connection, *, authority_id: int) -> list[Sighting]:
    """List the bins of which an older journal spoke although a newer one had been opened, by bin."""
    rows = connection.execute(LIST_CLONES, {"authority_id": authority_id})
    return [
        Sighting(row.bin_id, "clone", row.seen_at, {"journal": row.journal, "newer_journal": row.newer_journal})
        for row in rows
    ]


def list_conflicts(connection: Connection, *, authority_id: int, now: datetime.datetime) -> list[Sighting]:
    """List the bins with events of other content under a known number, by bin; ``events`` are those of two days."""
    rows = connection.execute(LIST_CONFLICTS, {"authority_id": authority_id, "since": now - CONFLICTS_LOOKED_BACK})
    return [Sighting(row.bin_id, "event_conflict", row.seen_at, {"events": row.events}) for row in rows]


def list_floods(connection: Connection, *, authority_id: int, now: datetime.datetime) -> list[Sighting]:
    """List the bins of which more was refused today than the quarantine keeps, by bin."""
    rows = connection.execute(
        LIST_FLOODS, {"authority_id": authority_id, "since": now.date() - datetime.timedelta(days=1)}
    )
    return [
        Sighting(row.bin_id, "quarantine_flood", now, {"day": row.day.isoformat(), "messages": int(row.messages)})
        for row in rows
    ]
