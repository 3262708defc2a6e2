"""What holds of citizens' points while they lie in a wallet, and once they leave it by themselves."""

WALLETS: dict[str, str] = {
    "no_wallet_is_below_zero": """
        SELECT w.wallet_id FROM wallet_accounts w
          JOIN accounts a ON a.authority_id = w.authority_id AND a.account_id = w.account_id
         WHERE w.authority_id = :authority_id
         GROUP BY w.wallet_id HAVING sum(a.credits_posted - a.debits_posted - a.debits_pending) < 0
    """,
    "merged_wallets_lead_to_open_ones": """
        SELECT m.wallet_id, t.merged_into AS leads_to FROM wallets m
          JOIN wallets t ON t.authority_id = m.authority_id AND t.wallet_id = m.merged_into
         WHERE m.authority_id = :authority_id AND t.merged_into IS NOT NULL
        UNION ALL
        SELECT c.wallet_id, w.merged_into FROM citizens c
          JOIN wallets w ON w.authority_id = c.authority_id AND w.wallet_id = c.wallet_id
         WHERE c.authority_id = :authority_id AND w.merged_into IS NOT NULL
    """,
    "wallet_changes_equal_their_transfers": """
        SELECT coalesce(c.change_id, t.cause_id) AS change_id, c.points AS noted_points, t.points AS moved_points
          FROM (SELECT change_id, kind, points FROM wallet_changes WHERE authority_id = :authority_id) c
          FULL JOIN (SELECT cause_id, reason, sum(points) AS points FROM transfers
                      WHERE authority_id = :authority_id AND reason IN ('merge', 'split')
                      GROUP BY cause_id, reason) t ON t.cause_id = c.change_id AND t.reason = c.kind
         WHERE c.change_id IS NULL OR c.points <> coalesce(t.points, 0)
    """,
    "expired_points_have_left_their_lots": """
        SELECT a.account_id FROM accounts a JOIN authorities o ON o.authority_id = a.authority_id
         WHERE a.authority_id = :authority_id AND a.kind = 'lot' AND a.expires_on <= o.points_expired_on
           AND a.credits_posted - a.debits_posted - a.debits_pending > 0
    """,
    "forfeitures_empty_lots_into_their_account": """
        SELECT t.transfer_id FROM transfers t
          LEFT JOIN accounts d ON d.authority_id = t.authority_id AND d.account_id = t.debit_account_id
          LEFT JOIN authority_accounts f ON f.authority_id = t.authority_id AND f.kind = 'forfeited'
         WHERE t.authority_id = :authority_id
           AND ((t.reason IS NOT DISTINCT FROM 'forfeiture')
                    <> (t.credit_account_id IS NOT DISTINCT FROM f.account_id)
                OR t.debit_account_id = f.account_id
                OR (t.reason = 'forfeiture' AND (d.kind, t.phase) IS DISTINCT FROM ('lot', 'single')))
    """,
    "no_erasure_is_long_overdue": """
        SELECT citizen_id, erased_at AS since FROM citizens
         WHERE authority_id = :authority_id AND erased_at < CAST(:now AS timestamptz) - interval '30 days'
        UNION ALL
        SELECT citizen_id, asked_at FROM erasure_requests
         WHERE authority_id = :authority_id AND taken_back_at IS NULL
           AND asked_at < CAST(:now AS timestamptz) - interval '30 days'
    """,
}
