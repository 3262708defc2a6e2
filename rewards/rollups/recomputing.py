"""What the sums must be: the one definition, by which they are verified and rebuilt.

A deposit counts in the day of the authority's time zone in which it occurred, at the bin and the site it was recorded
at: a bin that moved, or whose move was entered late, leaves its deposits where they were recorded. ``points`` are those
credited then, pending ones included; what was taken back, rejected or credited since is in the ledger's figures.
"""

DAYS = """
    SELECT CAST(e.occurred_at AT TIME ZONE
                (SELECT timezone FROM authorities WHERE authority_id = :authority_id) AS date) AS day,
           e.bin_id, e.site_id, e.material,
           count(*) AS deposits, count(*) FILTER (WHERE t.seq IS NOT NULL OR c.seq IS NOT NULL) AS credited_deposits,
           sum(e.items) AS items, coalesce(sum(e.mass_g), 0) AS mass_g, coalesce(sum(e.refused), 0) AS refused,
           CAST(coalesce(sum(t.points), 0) AS bigint) AS points,
           coalesce(sum(e.items) FILTER (WHERE e.mass_g IS NULL), 0) AS unweighed_items
      FROM events e
      LEFT JOIN transfers t
        ON t.authority_id = e.authority_id AND t.journal_no = e.journal_no AND t.seq = e.seq
      LEFT JOIN capped_deposits c
        ON c.authority_id = e.authority_id AND c.journal_no = e.journal_no AND c.seq = e.seq
     WHERE e.authority_id = :authority_id AND e.type = 'deposit'
     GROUP BY 1, 2, 3, 4
"""
"""By day, bin, site and material, for ``:authority_id``; needs one snapshot of events and transfers."""


def months_of(days: str) -> str:
    """Return the query of what the months must be, from the name of what ``DAYS`` gave."""
    return f"""
    SELECT CAST(date_trunc('month', CAST(r.day AS timestamp)) AS date) AS month, r.bin_id, r.site_id, r.material,
           CAST(sum(r.deposits) AS bigint) AS deposits, CAST(sum(r.credited_deposits) AS bigint) AS credited_deposits,
           CAST(sum(r.items) AS bigint) AS items, CAST(sum(r.mass_g) AS bigint) AS mass_g,
           CAST(sum(r.refused) AS bigint) AS refused, CAST(sum(r.points) AS bigint) AS points,
           CAST(sum(r.unweighed_items) AS bigint) AS unweighed_items
      FROM {days} r
     WHERE r.authority_id = :authority_id
       AND r.day < (SELECT folded_before FROM folded_days WHERE authority_id = :authority_id)
     GROUP BY 1, 2, 3, 4
    """
