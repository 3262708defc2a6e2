"""Weighing rounds: what was dropped between two emptyings of a bin, computed from the events and stored.

A round is a range of sequence numbers, so clocks say nothing about what belongs to it. A replaced storage is a new
journal, which goes on where the one before ended; journals are numbered in the order they were first heard. A round is
computed again when its journals have settled, lost or learnt of other numbers since, and while one of its numbers is
in quarantine, from where it may still be recorded. Never on the ingest's path: the job ``weigh-rounds`` does it.
"""

import datetime

from sqlalchemy import Connection, text

BINS_A_TIME = 25
"""Of a transaction: five years of such bins, weighed for the first time, are about 10 s."""

# One run at a time: of two, the one that saw less could write last.
LOCK_WEIGHING = text("SELECT pg_advisory_xact_lock(7106006, :authority_id)")

LIST_BINS = text("""
    SELECT bin_id FROM bins WHERE authority_id = :authority_id AND (CAST(:after AS text) IS NULL OR bin_id > :after)
     ORDER BY bin_id LIMIT :limit
""")

OF_BINS = "e.bin_id = ANY(CAST(:bin_ids AS text[]))"

# What a replaced journal was still to give it says itself: the number its next event would get.
PARTS = """
    SELECT r.journal_no, r.seq, j.journal_no AS part_no, n.first_seq, n.last_seq,
           n.last_seq - n.first_seq + 1 AS numbers,
           (SELECT coalesce(sum(upper(s.part) - lower(s.part)), 0) FROM unnest(j.received * n.seqs) AS s(part))
               AS settled,
           (SELECT coalesce(sum(upper(l.part) - lower(l.part)), 0) FROM unnest(j.lost * n.seqs) AS l(part)) AS lost
      FROM emptied r
      JOIN bin_journals j ON j.authority_id = :authority_id AND j.bin_id = r.bin_id
                         AND j.journal_no BETWEEN r.began_journal_no AND r.journal_no
     CROSS JOIN LATERAL (
            SELECT f.first_seq, f.last_seq, int8multirange(int8range(f.first_seq, f.last_seq + 1)) AS seqs
              FROM (SELECT CASE WHEN j.journal_no = r.began_journal_no THEN r.began_seq + 1 ELSE 1 END AS first_seq,
                           CASE WHEN j.journal_no = r.journal_no THEN r.seq
                                ELSE GREATEST(upper(j.received + j.lost), j.next_seq, 1) - 1 END AS last_seq) AS f
           ) AS n
     WHERE r.began_seq IS NOT NULL
"""

KNOWN = "c.settled = n.settled AND c.lost = n.lost AND c.missing = n.missing AND c.quarantined = 0"


def compose_rounds(*, of_bins: str = OF_BINS, is_due: str = "c.seq IS NULL") -> str:
    """Return what computes rounds: of the emptyings ``of_bins``, those that ``is_due``, where ``c`` is what is stored.

    ``c`` is missing when nothing is, or what is stored is not what the journals say now.
    """
    # Events are looked up part by part, by their key: as a join all events of a journal could be read.
    return f"""
    WITH emptied AS (
        SELECT e.bin_id, e.material, e.journal_no, e.seq, e.site_id, e.mass_g AS weighed_g, e.occurred_at AS ended_at,
               lag(e.journal_no) OVER w AS began_journal_no, lag(e.seq) OVER w AS began_seq,
               lag(e.occurred_at) OVER w AS began_at, lag(e.site_id) OVER w AS began_site_id
          FROM events e
         WHERE e.authority_id = :authority_id AND e.type = 'emptying' AND {of_bins}
        WINDOW w AS (PARTITION BY e.bin_id, e.material ORDER BY e.journal_no, e.seq)),
    parts AS ({PARTS}),
    counted AS (
        SELECT p.journal_no, p.seq, sum(p.settled) AS settled, sum(p.lost) AS lost,
               sum(p.numbers) - sum(p.settled) - sum(p.lost) AS missing
          FROM parts p GROUP BY p.journal_no, p.seq),
    due AS (
        SELECT r.*, n.settled, n.lost, n.missing
          FROM emptied r
          JOIN counted n ON n.journal_no = r.journal_no AND n.seq = r.seq
          LEFT JOIN collection_rounds c
                 ON c.authority_id = :authority_id AND c.journal_no = r.journal_no AND c.seq = r.seq
                AND c.began_journal_no = r.began_journal_no AND c.began_seq = r.began_seq AND {KNOWN}
         WHERE {is_due})
    SELECT d.journal_no, d.seq, d.began_journal_no, d.began_seq, d.bin_id, d.site_id, d.material, d.began_at,
           d.ended_at, sum(e.deposits) AS deposits, sum(e.deposits - e.credited) AS anonymous_deposits,
           sum(e.items) AS items, sum(e.unweighed_items) AS unweighed_items, sum(e.mass_g) AS mass_g, d.weighed_g,
           LEAST(min(e.one_site), CAST(d.began_site_id AS text), CAST(d.site_id AS text))
               < GREATEST(max(e.other_site), CAST(d.began_site_id AS text), CAST(d.site_id AS text)) AS is_moved,
           d.settled, d.settled - sum(e.events) AS quarantined, sum(e.test_events) AS test_events, d.lost, d.missing
      FROM due d
      JOIN parts p ON p.journal_no = d.journal_no AND p.seq = d.seq
     CROSS JOIN LATERAL (
            SELECT count(*) AS events, count(*) FILTER (WHERE v.type = 'test') AS test_events,
                   count(*) FILTER (WHERE v.is_counted) AS deposits,
                   count(*) FILTER (WHERE v.is_counted AND (t.seq IS NOT NULL OR c.seq IS NOT NULL)) AS credited,
                   coalesce(sum(v.items) FILTER (WHERE v.is_counted), 0) AS items,
                   coalesce(sum(v.items) FILTER (WHERE v.is_counted AND v.mass_g IS NULL), 0) AS unweighed_items,
                   coalesce(sum(v.mass_g) FILTER (WHERE v.is_counted), 0) AS mass_g,
                   min(CAST(v.site_id AS text)) FILTER (WHERE v.is_counted) AS one_site,
                   max(CAST(v.site_id AS text)) FILTER (WHERE v.is_counted) AS other_site
              FROM (SELECT e.*, e.type = 'deposit' AND e.material = d.material AS is_counted FROM events e
                     WHERE e.authority_id = :authority_id AND e.journal_no = p.part_no
                       AND e.seq BETWEEN p.first_seq AND p.last_seq) AS v
              LEFT JOIN transfers t ON t.authority_id = :authority_id AND t.journal_no = p.part_no
                                  AND t.seq BETWEEN p.first_seq AND p.last_seq AND t.seq = v.seq
              LEFT JOIN capped_deposits c ON c.authority_id = :authority_id AND c.journal_no = p.part_no
                                        AND c.seq BETWEEN p.first_seq AND p.last_seq AND c.seq = v.seq
            OFFSET 0) AS e
     GROUP BY d.journal_no, d.seq, d.began_journal_no, d.began_seq, d.bin_id, d.site_id, d.material, d.began_at,
              d.ended_at, d.weighed_g, d.began_site_id, d.settled, d.lost, d.missing
    """


FACTS = (
    *("journal_no", "seq", "began_journal_no", "began_seq", "bin_id", "site_id", "material", "began_at", "ended_at"),
    *("deposits", "anonymous_deposits", "items", "unweighed_items", "mass_g", "weighed_g", "is_moved"),
    *("settled", "quarantined", "test_events", "lost", "missing"),
)
"""What :func:`compose_rounds` computes, in this order."""

STORE = text(f"""
    INSERT INTO collection_rounds AS c (authority_id, computed_at, {", ".join(FACTS)})
    SELECT :authority_id, CAST(:now AS timestamptz), f.* FROM ({compose_rounds()}) AS f ORDER BY f.journal_no, f.seq
    ON CONFLICT (authority_id, journal_no, seq) DO UPDATE
       SET computed_at = excluded.computed_at, {", ".join(f"{name} = excluded.{name}" for name in FACTS[2:])}
""")


def weigh_rounds(
    connection: Connection,
    *,
    authority_id: int,
    now: datetime.datetime,
    after: str | None = None,
    limit: int = BINS_A_TIME,
) -> tuple[int, str | None]:
    """Compute what is new or has changed of the rounds of some bins, those behind ``after``.

    Needs a transaction. Return how many rounds were computed, and the last bin looked at: None when there was none.
    """
    connection.execute(LOCK_WEIGHING, {"authority_id": authority_id})
    bin_ids = connection.scalars(LIST_BINS, {"authority_id": authority_id, "after": after, "limit": limit}).all()
    if not bin_ids:
        return 0, None
    values = {"authority_id": authority_id, "bin_ids": list(bin_ids), "now": now}
    return connection.execute(STORE, values).rowcount, bin_ids[-1]
