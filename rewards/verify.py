"""The standing invariants, checked on any database; each query returns one row per violation.

Read-only and set-wise; runs beside a live system under one snapshot (REPEATABLE READ), so that transactions under way
are seen whole or not at all.
"""

import datetime
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Engine, text

SAMPLES = 5

INVARIANTS: dict[str, str] = {
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
    # Of the database rather than of one authority: told once, of the first.
    "the_api_is_kept_to_one_authority": """
        SELECT c.relname AS table_without_a_policy FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'authority_id' AND NOT a.attisdropped
         WHERE :authority_id = (SELECT min(authority_id) FROM authorities)
           AND c.relnamespace = CAST('public' AS regnamespace) AND c.relkind IN ('r', 'p')
           AND NOT (c.relrowsecurity
                    AND EXISTS (SELECT 1 FROM pg_policies p
                                 WHERE p.schemaname = 'public' AND p.tablename = c.relname
                                   AND p.permissive = 'RESTRICTIVE' AND 'bontri_api' = ANY(p.roles)))
         ORDER BY c.relname
    """,
}

COUNTS = """
    SELECT (SELECT count(*) FROM events WHERE authority_id = :authority_id AND type <> 'test') AS events,
           (SELECT count(*) FROM events WHERE authority_id = :authority_id AND type = 'test') AS test_events,
           (SELECT count(*) FROM transfers WHERE authority_id = :authority_id) AS transfers,
           (SELECT count(*) FROM vouchers WHERE authority_id = :authority_id) AS vouchers,
           (SELECT count(*) FROM quarantined_messages WHERE authority_id = :authority_id) AS quarantined_messages,
           (SELECT coalesce(sum(upper(ranges) - lower(ranges)), 0)
              FROM bin_journals j, unnest(j.lost) AS ranges WHERE j.authority_id = :authority_id) AS lost_events,
           (SELECT coalesce(sum(upper(ranges) - lower(ranges)), 0)
              FROM bin_journals j,
                   unnest(int8multirange(int8range(1, upper(j.received + j.lost))) - (j.received + j.lost)) AS ranges
             WHERE j.authority_id = :authority_id AND NOT isempty(j.received + j.lost)) AS missing_events
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant of one authority: how often it is broken, with a few samples."""

    authority: str
    invariant: str
    violations: int
    samples: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Verification:
    """All findings, and how much was looked at."""

    findings: list[Finding]
    counts: dict[str, dict[str, int]]

    @property
    def is_sound(self) -> bool:
        """Whether no invariant is broken."""
        return not self.broken

    @property
    def broken(self) -> dict[str, int]:
        """How often each broken invariant is broken, over all authorities."""
        counts: Counter[str] = Counter()
        for finding in self.findings:
            counts[finding.invariant] += finding.violations
        return dict(+counts)


def verify(engine: Engine, *, now: datetime.datetime | None = None) -> Verification:
    """Check every invariant for every authority, under one snapshot each; without ``now`` nothing is overdue."""
    findings: list[Finding] = []
    counts: dict[str, dict[str, int]] = {}
    with engine.connect() as connection:
        authorities = connection.execute(text("SELECT authority_id, slug FROM authorities ORDER BY slug")).all()
    for authority_id, slug in authorities:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            row = connection.execute(text(COUNTS), {"authority_id": authority_id}).mappings().one()
            counts[slug] = {name: int(value) for name, value in row.items()}
            for invariant, query in INVARIANTS.items():
                rows = connection.execute(text(query), {"authority_id": authority_id, "now": now}).mappings().all()
                samples = [{name: str(value) for name, value in row.items()} for row in rows[:SAMPLES]]
                findings.append(Finding(slug, invariant, len(rows), samples))
    return Verification(findings, counts)
