"""What holds of what bins reported."""

BINS: dict[str, str] = {
    "rollups_equal_recomputation": """
        WITH recomputed AS (
            SELECT (e.occurred_at AT TIME ZONE a.timezone)::date AS day, e.bin_id, e.site_id, e.material,
                   count(*) AS deposits,
                   count(*) FILTER (WHERE t.seq IS NOT NULL OR c.seq IS NOT NULL) AS credited_deposits,
                   sum(e.items) AS items, coalesce(sum(e.mass_g), 0) AS mass_g, coalesce(sum(e.refused), 0) AS refused,
                   coalesce(sum(t.points), 0) AS points
              FROM events e JOIN authorities a ON a.authority_id = e.authority_id
              LEFT JOIN transfers t
                ON t.authority_id = e.authority_id AND t.journal_no = e.journal_no AND t.seq = e.seq
              LEFT JOIN capped_deposits c
                ON c.authority_id = e.authority_id AND c.journal_no = e.journal_no AND c.seq = e.seq
             WHERE e.authority_id = :authority_id AND e.type = 'deposit'
             GROUP BY 1, 2, 3, 4),
        kept AS (
            SELECT day, bin_id, site_id, material, deposits, credited_deposits, items, mass_g, refused, points
              FROM daily_deposits WHERE authority_id = :authority_id)
        (SELECT * FROM recomputed EXCEPT SELECT * FROM kept) UNION ALL
        (SELECT * FROM kept EXCEPT SELECT * FROM recomputed)
    """,
    "every_number_of_a_journal_is_accounted_for": """
        WITH stored AS (
            SELECT journal_no, range_agg(int8range(seq, seq, '[]')) AS seqs FROM (
                SELECT journal_no, seq FROM events WHERE authority_id = :authority_id
                UNION
                SELECT journal_no, seq FROM quarantined_events
                 WHERE authority_id = :authority_id AND code <> 'event_conflict') AS settled
             GROUP BY journal_no)
        SELECT coalesce(j.journal_no, s.journal_no) AS journal_no
          FROM (SELECT * FROM bin_journals WHERE authority_id = :authority_id) j
          FULL JOIN stored s ON s.journal_no = j.journal_no
         WHERE j.journal_no IS NULL OR j.received <> coalesce(s.seqs, '{}') OR NOT isempty(j.received * j.lost)
    """,
}
