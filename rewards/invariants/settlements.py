"""What holds of shops' points, and of the statements they are paid by."""

SETTLEMENTS: dict[str, str] = {
    "shops_hold_what_is_not_settled": """
        SELECT s.shop_id, a.credits_posted - a.debits_posted AS held_points, coalesce(v.points, 0) AS unsettled_points
          FROM shops s
          JOIN accounts a ON a.authority_id = s.authority_id AND a.account_id = s.account_id
          LEFT JOIN (SELECT redeemed_by_shop_id, sum(price_points) AS points FROM vouchers
                      WHERE authority_id = :authority_id AND status = 'redeemed' AND settled_at IS NULL
                      GROUP BY redeemed_by_shop_id) v ON v.redeemed_by_shop_id = s.shop_id
         WHERE s.authority_id = :authority_id AND a.credits_posted - a.debits_posted <> coalesce(v.points, 0)
    """,
    "settled_redemptions_have_one_line": """
        SELECT coalesce(v.voucher_id, l.voucher_id) AS voucher_id
          FROM (SELECT voucher_id, price_points, value_cents, redeemed_by_shop_id, settled_at IS NOT NULL AS is_settled,
                       deducted_at IS NOT NULL AS is_deducted
                  FROM vouchers WHERE authority_id = :authority_id) v
          FULL JOIN (SELECT l.voucher_id, (array_agg(t.shop_id))[1] AS shop_id, count(DISTINCT t.shop_id) AS shops,
                            count(*) FILTER (WHERE l.kind = 'redemption') AS redemptions,
                            count(*) FILTER (WHERE l.kind = 'reversal') AS reversals,
                            max(abs(l.points)) AS points, min(abs(l.points)) AS least_points,
                            max(abs(l.value_cents)) AS value_cents, min(abs(l.value_cents)) AS least_value_cents
                       FROM settlement_lines l
                       JOIN settlements t ON t.authority_id = l.authority_id AND t.settlement_id = l.settlement_id
                      WHERE l.authority_id = :authority_id
                      GROUP BY l.voucher_id) l ON l.voucher_id = v.voucher_id
         WHERE v.voucher_id IS NULL
            OR coalesce(l.redemptions, 0) <> CASE WHEN v.is_settled THEN 1 ELSE 0 END
            OR coalesce(l.reversals, 0) <> CASE WHEN v.is_deducted THEN 1 ELSE 0 END
            OR (l.voucher_id IS NOT NULL
                AND (l.shops, l.shop_id, l.points, l.least_points, l.value_cents, l.least_value_cents)
                    <> (1, v.redeemed_by_shop_id, v.price_points, v.price_points, v.value_cents, v.value_cents))
    """,
    "statements_equal_their_lines": """
        SELECT t.settlement_id, t.year, t.number
          FROM settlements t
          LEFT JOIN (SELECT settlement_id, sum(points) AS points, sum(value_cents) AS value_cents,
                            sum(payable_cents) AS payable_cents, count(*) AS lines, max(line_no) AS last_line_no,
                            sum(points) FILTER (WHERE kind = 'redemption') AS moved_points
                       FROM settlement_lines WHERE authority_id = :authority_id
                      GROUP BY settlement_id) l ON l.settlement_id = t.settlement_id
          LEFT JOIN (SELECT cause_id, sum(points) AS points FROM transfers
                      WHERE authority_id = :authority_id AND reason = 'settlement'
                      GROUP BY cause_id) m ON m.cause_id = t.settlement_id
         WHERE t.authority_id = :authority_id
           AND ((t.points, t.value_cents, t.payable_cents, l.lines)
                IS DISTINCT FROM (l.points, l.value_cents, l.payable_cents, CAST(l.last_line_no AS bigint))
                OR coalesce(l.moved_points, 0) <> coalesce(m.points, 0))
    """,
    "the_settled_account_equals_the_lines": """
        SELECT a.account_id, a.credits_posted - a.debits_posted AS held_points, l.points AS settled_points
          FROM authority_accounts o
          JOIN accounts a ON a.authority_id = o.authority_id AND a.account_id = o.account_id
         CROSS JOIN (SELECT coalesce(sum(l.points), 0) AS points
                       FROM settlement_lines l
                       JOIN vouchers v ON v.authority_id = l.authority_id AND v.voucher_id = l.voucher_id
                      WHERE l.authority_id = :authority_id AND l.kind = 'redemption' AND v.status = 'redeemed') l
         WHERE o.authority_id = :authority_id AND o.kind = 'settled' AND a.credits_posted - a.debits_posted <> l.points
    """,
    "numbers_of_statements_have_no_gaps": """
        SELECT coalesce(n.year, t.year) AS year, n.last_number, t.statements, t.highest_number
          FROM (SELECT year, last_number FROM settlement_numbers WHERE authority_id = :authority_id) n
          FULL JOIN (SELECT year, count(*) AS statements, max(number) AS highest_number FROM settlements
                      WHERE authority_id = :authority_id GROUP BY year) t ON t.year = n.year
         WHERE coalesce(n.last_number, 0) <> coalesce(t.statements, 0)
            OR coalesce(n.last_number, 0) <> coalesce(t.highest_number, 0)
    """,
}
