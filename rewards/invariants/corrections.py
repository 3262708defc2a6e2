"""What holds of corrections, redemptions taken back, disputes and reviews."""

CORRECTIONS: dict[str, str] = {
    "corrections_take_back_what_they_name": """
        SELECT coalesce(c.correction_id, r.cause_id) AS correction_id, c.state
          FROM (SELECT c.correction_id, c.state, t.debit_account_id AS account_id, t.points,
                       c.taken_points + c.expired_points + c.lost_points AS noted_points
                  FROM corrections c
                  LEFT JOIN transfers t ON t.authority_id = c.authority_id AND t.transfer_id = c.transfer_id
                 WHERE c.authority_id = :authority_id AND c.kind = 'reversal') c
          FULL JOIN (SELECT cause_id, credit_account_id AS account_id, sum(points) AS points FROM transfers
                      WHERE authority_id = :authority_id AND reason = 'reversal'
                      GROUP BY cause_id, credit_account_id) r
            ON r.cause_id = c.correction_id AND r.account_id = c.account_id
         WHERE c.correction_id IS NULL
            OR (c.state = 'approved') <> (r.points IS NOT NULL)
            OR (c.state = 'approved' AND (r.points <> c.points OR c.noted_points IS DISTINCT FROM c.points))
    """,
    "reinstatements_give_back_what_expired": """
        SELECT coalesce(c.correction_id, r.cause_id) AS correction_id, c.state
          FROM (SELECT c.correction_id, c.state, t.debit_account_id, t.credit_account_id, t.points
                  FROM corrections c
                  LEFT JOIN transfers t ON t.authority_id = c.authority_id AND t.transfer_id = c.transfer_id
                                       AND t.reason = 'expiry'
                 WHERE c.authority_id = :authority_id AND c.kind = 'reinstatement') c
          FULL JOIN (SELECT cause_id, debit_account_id, credit_account_id, sum(points) AS points FROM transfers
                      WHERE authority_id = :authority_id AND reason = 'reinstatement'
                      GROUP BY cause_id, debit_account_id, credit_account_id) r
            ON r.cause_id = c.correction_id
         WHERE c.correction_id IS NULL
            OR c.points IS NULL
            OR (c.state = 'approved') <> (r.cause_id IS NOT NULL)
            OR r.debit_account_id <> c.credit_account_id OR r.credit_account_id <> c.debit_account_id
            OR r.points > c.points
    """,
    "credits_give_what_was_granted": """
        SELECT coalesce(c.correction_id, t.cause_id) AS correction_id, c.state
          FROM (SELECT correction_id, state, granted_points FROM corrections
                 WHERE authority_id = :authority_id AND kind = 'credit') c
          FULL JOIN (SELECT cause_id, sum(points) AS points FROM transfers
                      WHERE authority_id = :authority_id AND reason = 'adjustment' AND cause_id IS NOT NULL
                      GROUP BY cause_id) t ON t.cause_id = c.correction_id
         WHERE c.correction_id IS NULL
            OR (c.state = 'approved') <> (t.cause_id IS NOT NULL)
            OR t.points <> c.granted_points
    """,
    "approved_reversals_took_a_redemption_back": """
        SELECT r.reversal_id, r.voucher_id FROM redemption_reversals r
          LEFT JOIN vouchers v ON v.authority_id = r.authority_id AND v.voucher_id = r.voucher_id
         WHERE r.authority_id = :authority_id AND r.state = 'approved'
           AND (v.reversed_at, v.reversal_reason) IS DISTINCT FROM (r.decided_at, r.reason)
    """,
    "accepted_disputes_have_their_correction": """
        SELECT d.dispute_id, d.correction_id FROM disputes d
          LEFT JOIN corrections c ON c.authority_id = d.authority_id AND c.correction_id = d.correction_id
         WHERE d.authority_id = :authority_id AND d.correction_id IS NOT NULL
           AND (c.transfer_id IS DISTINCT FROM d.transfer_id)
    """,
    "reviews_are_in_exactly_one_state": """
        SELECT coalesce(r.transfer_id, t.transfer_id) AS transfer_id, r.state, t.ending
          FROM (SELECT transfer_id, state FROM reviews WHERE authority_id = :authority_id) r
          FULL JOIN (SELECT p.transfer_id, coalesce(e.phase, 'none') AS ending
                       FROM transfers p
                       LEFT JOIN transfers e ON e.authority_id = p.authority_id AND e.pending_id = p.transfer_id
                      WHERE p.authority_id = :authority_id AND p.phase = 'pending' AND p.journal_no IS NOT NULL) t
            ON t.transfer_id = r.transfer_id
         WHERE t.ending IS DISTINCT FROM CASE r.state WHEN 'open' THEN 'none' WHEN 'rejected' THEN 'void'
                                                      WHEN 'approved' THEN 'post' WHEN 'lapsed' THEN 'post' END
    """,
    "no_review_is_long_overdue": """
        SELECT transfer_id, due_at FROM reviews
         WHERE authority_id = :authority_id AND state = 'open'
           AND due_at < CAST(:now AS timestamptz) - interval '1 day'
    """,
}
