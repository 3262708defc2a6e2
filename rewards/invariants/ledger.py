"""What every transfer and every account must obey."""

THE_LEDGER: dict[str, str] = {
    "every_authority_balances": """
        SELECT 'all accounts' AS what, sum(debits_posted) AS debits, sum(credits_posted) AS credits
          FROM accounts WHERE authority_id = :authority_id
        HAVING sum(debits_posted) <> sum(credits_posted) OR sum(debits_pending) <> sum(credits_pending)
    """,
    "account_counters_equal_their_transfers": """
        WITH moved AS (
            SELECT account_id, sum(dp) AS dp, sum(cp) AS cp, sum(dn) AS dn, sum(cn) AS cn FROM (
                SELECT debit_account_id AS account_id,
                       CASE WHEN phase IN ('single', 'post') THEN points ELSE 0 END AS dp, 0 AS cp,
                       CASE phase WHEN 'pending' THEN points WHEN 'single' THEN 0 ELSE -points END AS dn, 0 AS cn
                  FROM transfers WHERE authority_id = :authority_id
                UNION ALL
                SELECT credit_account_id, 0, CASE WHEN phase IN ('single', 'post') THEN points ELSE 0 END,
                       0, CASE phase WHEN 'pending' THEN points WHEN 'single' THEN 0 ELSE -points END
                  FROM transfers WHERE authority_id = :authority_id) AS sides
             GROUP BY account_id)
        SELECT coalesce(a.account_id, m.account_id) AS account_id
          FROM (SELECT * FROM accounts WHERE authority_id = :authority_id) a
          FULL JOIN moved m ON m.account_id = a.account_id
         WHERE a.account_id IS NULL
            OR (a.debits_posted, a.credits_posted, a.debits_pending, a.credits_pending)
               <> (coalesce(m.dp, 0), coalesce(m.cp, 0), coalesce(m.dn, 0), coalesce(m.cn, 0))
    """,
    "endings_repeat_their_pending_transfer": """
        SELECT e.transfer_id FROM transfers e
          LEFT JOIN transfers p ON p.authority_id = e.authority_id AND p.transfer_id = e.pending_id
                               AND p.phase = 'pending'
         WHERE e.authority_id = :authority_id AND e.phase IN ('post', 'void')
           AND (p.debit_account_id, p.credit_account_id, p.points, p.voucher_id)
               IS DISTINCT FROM (e.debit_account_id, e.credit_account_id, e.points, e.voucher_id)
    """,
    "one_credit_per_deposit": """
        SELECT t.journal_no, t.seq FROM transfers t
          LEFT JOIN events e ON e.authority_id = t.authority_id AND e.journal_no = t.journal_no AND e.seq = t.seq
                            AND e.type = 'deposit'
         WHERE t.authority_id = :authority_id AND t.journal_no IS NOT NULL
         GROUP BY t.journal_no, t.seq HAVING count(e.seq) <> 1
    """,
}
