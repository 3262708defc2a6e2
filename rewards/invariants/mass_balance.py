"""What holds of collection rounds."""

from rewards.mass_balance.weighing import FACTS, compose_rounds

MASS_BALANCE: dict[str, str] = {
    # One of which more has come since it was computed waits for the job; what waits says less than it could, not wrong.
    "complete_rounds_equal_recomputation": f"""
        SELECT k.journal_no, k.seq, k.bin_id, k.material
          FROM collection_rounds k
          LEFT JOIN ({compose_rounds(of_bins="true", is_due="true")}) AS r
                 ON r.journal_no = k.journal_no AND r.seq = k.seq
         WHERE k.authority_id = :authority_id AND k.missing = 0
           AND (r.seq IS NULL
                OR (k.began_journal_no, k.began_seq, k.settled, k.lost, k.quarantined)
                     = (r.began_journal_no, r.began_seq, r.settled, r.lost, r.quarantined)
                   AND ({", ".join(f"k.{name}" for name in FACTS)})
                         IS DISTINCT FROM ({", ".join(f"r.{name}" for name in FACTS)}))
    """,
}
