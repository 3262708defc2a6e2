"""What holds of what bins reported."""

from rewards.rollups.recomputing import DAYS, months_of
from rewards.rollups.signs import DIFFERENT

BINS: dict[str, str] = {
    "rollups_equal_recomputation": f"""
        WITH recomputed AS ({DAYS}),
        kept AS (
            SELECT day, bin_id, site_id, material, deposits, credited_deposits, items, mass_g, refused, points,
                   unweighed_items
              FROM daily_deposits WHERE authority_id = :authority_id)
        (SELECT * FROM recomputed EXCEPT SELECT * FROM kept) UNION ALL
        (SELECT * FROM kept EXCEPT SELECT * FROM recomputed)
    """,
    # Against the days that are kept: what is wrong with those is the finding above.
    "months_equal_their_days": f"""
        WITH days AS (SELECT * FROM daily_deposits WHERE authority_id = :authority_id),
        recomputed AS ({months_of("days")}),
        kept AS (
            SELECT month, bin_id, site_id, material, deposits, credited_deposits, items, mass_g, refused, points,
                   unweighed_items
              FROM monthly_deposits WHERE authority_id = :authority_id)
        (SELECT * FROM recomputed EXCEPT SELECT * FROM kept) UNION ALL
        (SELECT * FROM kept EXCEPT SELECT * FROM recomputed)
    """,
    "signs_equal_their_days": DIFFERENT,
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
