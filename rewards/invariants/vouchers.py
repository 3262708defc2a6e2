"""What holds of vouchers, and of the budgets they and campaigns spend."""

VOUCHERS: dict[str, str] = {
    "budgets_equal_what_campaigns_added": """
        SELECT c.campaign_id, c.used_points, coalesce(a.points, 0) AS added_points
          FROM campaigns c
          LEFT JOIN (SELECT campaign_id, sum(greatest(0, campaign_points - withheld_points)) AS points FROM transfers
                      WHERE authority_id = :authority_id AND campaign_id IS NOT NULL
                      GROUP BY campaign_id) a ON a.campaign_id = c.campaign_id
         WHERE c.authority_id = :authority_id AND c.budget_points IS NOT NULL
           AND c.used_points <> coalesce(a.points, 0)
    """,
    "budgets_equal_what_vouchers_cost": """
        SELECT b.funder_id, b.year, b.committed_cents, coalesce(v.value_cents, 0) AS value_cents
          FROM funder_budgets b
          LEFT JOIN (SELECT funder_id, budget_year, sum(value_cents) AS value_cents FROM vouchers
                      WHERE authority_id = :authority_id AND budget_year IS NOT NULL
                        AND status IN ('issued', 'redeemed')
                      GROUP BY funder_id, budget_year) v ON v.funder_id = b.funder_id AND v.budget_year = b.year
         WHERE b.authority_id = :authority_id AND b.committed_cents <> coalesce(v.value_cents, 0)
    """,
    "offers_count_what_they_sold": """
        SELECT o.offer_id, o.sold, coalesce(v.vouchers, 0) AS vouchers
          FROM offers o
          LEFT JOIN (SELECT offer_id, count(*) AS vouchers FROM vouchers
                      WHERE authority_id = :authority_id AND status IN ('issued', 'redeemed')
                      GROUP BY offer_id) v ON v.offer_id = o.offer_id
         WHERE o.authority_id = :authority_id AND o.sold <> coalesce(v.vouchers, 0)
    """,
    "vouchers_are_in_exactly_one_state": """
        SELECT v.voucher_id, v.status FROM vouchers v
          LEFT JOIN (SELECT voucher_id, sum(points) FILTER (WHERE phase = 'pending') AS pending,
                            coalesce(sum(points) FILTER (WHERE phase = 'post'), 0) AS posted,
                            coalesce(sum(points) FILTER (WHERE phase = 'void'), 0) AS voided,
                            coalesce(sum(points) FILTER (WHERE phase = 'single' AND a.kind = 'shop'), 0) AS handed_on,
                            coalesce(sum(points) FILTER (WHERE phase = 'single' AND a.kind = 'lot'), 0) AS returned
                       FROM transfers t
                       JOIN accounts a ON a.authority_id = t.authority_id AND a.account_id = t.credit_account_id
                      WHERE t.authority_id = :authority_id AND voucher_id IS NOT NULL
                      GROUP BY voucher_id) t ON t.voucher_id = v.voucher_id
         WHERE v.authority_id = :authority_id
           AND (v.price_points IS DISTINCT FROM t.pending
                OR t.posted <> CASE WHEN v.status IN ('redeemed', 'reversed') THEN v.price_points ELSE 0 END
                OR t.handed_on <> CASE WHEN v.status IN ('redeemed', 'reversed') AND v.shop_id IS NULL
                                       THEN v.price_points ELSE 0 END
                OR t.returned <> CASE WHEN v.status = 'reversed' THEN v.price_points ELSE 0 END
                OR t.voided <> CASE WHEN v.status IN ('cancelled', 'expired') THEN v.price_points ELSE 0 END)
    """,
}
