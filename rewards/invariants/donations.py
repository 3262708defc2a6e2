"""What holds of donations, and of the causes and goals that got them."""

DONATIONS: dict[str, str] = {
    "donations_move_what_they_say": """
        SELECT coalesce(d.donation_id, t.cause_id) AS donation_id
          FROM (SELECT d.donation_id, d.points, d.returned_at, coalesce(c.account_id, g.account_id) AS account_id
                  FROM donations d
                  LEFT JOIN causes c ON c.authority_id = d.authority_id AND c.cause_id = d.to_cause_id
                  LEFT JOIN goals g ON g.authority_id = d.authority_id AND g.goal_id = d.to_goal_id
                 WHERE d.authority_id = :authority_id) d
          FULL JOIN (SELECT m.cause_id, m.account_id, sum(m.given) AS given, sum(m.returned) AS returned
                       FROM (SELECT cause_id, credit_account_id AS account_id, debit_account_id AS lot_id,
                                    points AS given, 0 AS returned
                               FROM transfers WHERE authority_id = :authority_id AND reason = 'donation'
                             UNION ALL
                             SELECT cause_id, debit_account_id, credit_account_id, 0, points
                               FROM transfers WHERE authority_id = :authority_id AND reason = 'donation') m
                       JOIN accounts a ON a.authority_id = :authority_id AND a.account_id = m.lot_id AND a.kind = 'lot'
                      GROUP BY m.cause_id, m.account_id) t
            ON t.cause_id = d.donation_id AND t.account_id = d.account_id
         WHERE d.donation_id IS NULL
            OR d.points IS DISTINCT FROM t.given
            OR t.returned <> CASE WHEN d.returned_at IS NULL THEN 0 ELSE d.points END
    """,
    "causes_got_what_was_given_to_them": """
        SELECT c.cause_id FROM causes c
          JOIN accounts a ON a.authority_id = c.authority_id AND a.account_id = c.account_id
         WHERE c.authority_id = :authority_id
           AND a.credits_posted <> (SELECT coalesce(sum(d.points), 0) FROM donations d
                                     WHERE d.authority_id = c.authority_id AND d.to_cause_id = c.cause_id)
                                 + (SELECT coalesce(sum(g.target_points), 0) FROM goals g
                                     WHERE g.authority_id = c.authority_id AND g.to_cause_id = c.cause_id
                                       AND g.state = 'closed')
    """,
    "goals_hold_what_was_given_to_them": """
        SELECT g.goal_id, g.state FROM goals g
          JOIN accounts a ON a.authority_id = g.authority_id AND a.account_id = g.account_id
          LEFT JOIN (SELECT to_goal_id, sum(points) AS given,
                            coalesce(sum(points) FILTER (WHERE returned_at IS NOT NULL), 0) AS returned
                       FROM donations WHERE authority_id = :authority_id
                      GROUP BY to_goal_id) d ON d.to_goal_id = g.goal_id
         WHERE g.authority_id = :authority_id
           AND (a.credits_posted <> coalesce(d.given, 0)
                OR a.debits_posted <> coalesce(d.returned, 0)
                                    + CASE WHEN g.state = 'closed' AND g.to_cause_id IS NOT NULL
                                           THEN g.target_points ELSE 0 END
                OR (d.returned > 0 AND g.state <> 'missed')
                OR (g.state IN ('reached', 'closed')) <> (coalesce(d.given, 0) >= g.target_points)
                OR d.given > g.target_points)
    """,
}
