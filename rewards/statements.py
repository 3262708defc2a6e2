"""The statement of a wallet: every movement with how it came about, newest first.

The points of all movements sum to what the lots hold, expired or not. How a movement is said in words is in
``rewards/explanations.py``.
"""

import datetime
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, text

from rewards.campaigns import extra_points
from rewards.explanations import (
    CampaignExplanation,
    CorrectionExplanation,
    CreditExplanation,
    DepositExplanation,
    DonationExplanation,
    Explanation,
    PlainExplanation,
    ReinstatementExplanation,
    ReviewExplanation,
    VoucherExplanation,
    explain_correction,
    explain_credit,
    explain_deposit,
    explain_donation,
    explain_plainly,
    explain_reinstatement,
    explain_review,
    explain_voucher,
)
from rewards.languages import Language
from rewards.wallets import WALLETS_OF

PLAIN_KINDS = ("welcome", "points_expired", "wallets_merged", "member_left", "share_received")
"""Movements that no fact explains but how many points there were."""

Position = tuple[datetime.datetime, str]
"""(recorded_at, movement_id) of the last movement of a page: the next page starts behind it."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of a statement. ``points`` is what it changed of the points free to spend; negative when held.

    ``kind`` is ``deposit``, ``deposit_capped`` (0 points), ``deposit_pending`` (0 points: they wait for a review) and
    then ``deposit_posted`` or ``deposit_voided`` (0 points), ``deposit_corrected``, ``welcome``, ``points_expired``,
    ``points_reinstated``, ``points_credited``, ``donated``, ``donation_returned`` (its goal was missed); of a voucher
    ``voucher_issued``, ``voucher_redeemed`` (0 points: they were held before), ``voucher_cancelled``,
    ``voucher_expired``, ``voucher_reversed``; of a household ``wallets_merged`` (0 points: what each brought stands
    where it was earned), ``member_left``, ``share_received``.
    """

    movement_id: str
    kind: str
    recorded_at: datetime.datetime
    points: int
    explanation: Explanation

    @property
    def position(self) -> Position:
        """Where the page behind this movement starts."""
        return self.recorded_at, self.movement_id


# A voucher held in several lots is one movement, and so is a correction or a donation that took from several. Their
# ``cause_id`` is the row that asked, as in transfers. Ids are compared bytewise, whatever the server's language.
LIST_MOVEMENTS = text(f"""
    WITH lots AS (SELECT w.account_id FROM wallet_accounts w
                   WHERE w.authority_id = :authority_id AND w.wallet_id = ANY({WALLETS_OF})),
    movements AS (
        SELECT CASE WHEN t.journal_no IS NULL THEN t.reason WHEN t.phase = 'pending' THEN 'deposit_pending'
                    ELSE 'deposit' END AS kind,
               t.recorded_at, CAST(t.transfer_id AS text) AS movement_id,
               CASE t.phase WHEN 'pending' THEN 0 ELSE t.points END AS points, t.points AS credited_points,
               t.journal_no, t.seq, t.tariff_line_id, t.withheld_points, t.withheld_by, t.campaign_id,
               t.campaign_points, CAST(NULL AS uuid) AS voucher_id, CAST(NULL AS uuid) AS cause_id,
               CASE t.phase WHEN 'pending' THEN t.transfer_id END AS review_id
          FROM transfers t JOIN lots ON lots.account_id = t.credit_account_id
         WHERE t.authority_id = :authority_id AND (t.journal_no IS NOT NULL OR t.reason = 'welcome')
        UNION ALL
        SELECT CASE e.phase WHEN 'post' THEN 'deposit_posted' ELSE 'deposit_voided' END, e.recorded_at,
               CAST(e.transfer_id AS text), CASE e.phase WHEN 'post' THEN e.points ELSE 0 END, e.points, t.journal_no,
               t.seq, NULL, NULL, NULL, NULL, NULL, NULL, NULL, e.pending_id
          FROM transfers e JOIN lots ON lots.account_id = e.credit_account_id
          JOIN transfers t ON t.authority_id = e.authority_id AND t.transfer_id = e.pending_id
         WHERE e.authority_id = :authority_id AND e.reason = 'review'
        UNION ALL
        SELECT 'deposit_capped', t.recorded_at, t.journal_no || '-' || t.seq, 0, 0, t.journal_no, t.seq,
               t.tariff_line_id, t.withheld_points, t.withheld_by, t.campaign_id, t.campaign_points, NULL, NULL, NULL
          FROM capped_deposits t JOIN lots ON lots.account_id = t.account_id
         WHERE t.authority_id = :authority_id
        UNION ALL
        SELECT CASE t.phase WHEN 'pending' THEN 'voucher_issued' WHEN 'post' THEN 'voucher_redeemed'
                            ELSE 'voucher_' || v.status END,
               t.recorded_at, min(CAST(t.transfer_id AS text)),
               sum(CASE t.phase WHEN 'pending' THEN -t.points WHEN 'void' THEN t.points ELSE 0 END),
               NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, t.voucher_id, NULL, NULL
          FROM transfers t JOIN lots ON lots.account_id = t.debit_account_id
          JOIN vouchers v ON v.authority_id = t.authority_id AND v.voucher_id = t.voucher_id
         WHERE t.authority_id = :authority_id AND t.voucher_id IS NOT NULL
         GROUP BY t.voucher_id, t.phase, t.recorded_at, v.status
        UNION ALL
        SELECT 'voucher_reversed', t.recorded_at, min(CAST(t.transfer_id AS text)), sum(t.points), NULL, NULL, NULL,
               NULL, NULL, NULL, NULL, NULL, t.voucher_id, NULL, NULL
          FROM transfers t JOIN lots ON lots.account_id = t.credit_account_id
         WHERE t.authority_id = :authority_id AND t.voucher_id IS NOT NULL AND t.phase = 'single'
         GROUP BY t.voucher_id, t.recorded_at
        UNION ALL
        SELECT 'points_expired', t.recorded_at, CAST(t.transfer_id AS text), -t.points, NULL, NULL, NULL, NULL, NULL,
               NULL, NULL, NULL, NULL, NULL, NULL
          FROM transfers t JOIN lots ON lots.account_id = t.debit_account_id
         WHERE t.authority_id = :authority_id AND t.reason = 'expiry'
        UNION ALL
        SELECT CASE WHEN moved.reason = 'merge' THEN 'wallets_merged' WHEN sum(moved.points) < 0 THEN 'member_left'
                    ELSE 'share_received' END,
               moved.recorded_at, CAST(moved.cause_id AS text), sum(moved.points), NULL, NULL, NULL, NULL, NULL, NULL,
               NULL, NULL, NULL, moved.cause_id, NULL
          FROM (SELECT t.reason, t.cause_id, t.recorded_at, t.points
                  FROM transfers t JOIN lots ON lots.account_id = t.credit_account_id
                 WHERE t.authority_id = :authority_id AND t.reason IN ('merge', 'split')
                UNION ALL
                SELECT t.reason, t.cause_id, t.recorded_at, -t.points
                  FROM transfers t JOIN lots ON lots.account_id = t.debit_account_id
                 WHERE t.authority_id = :authority_id AND t.reason IN ('merge', 'split')) AS moved
         GROUP BY moved.reason, moved.cause_id, moved.recorded_at
        HAVING moved.reason = 'merge' OR sum(moved.points) <> 0
        UNION ALL
        SELECT 'points_reinstated', t.recorded_at, CAST(t.transfer_id AS text), t.points, NULL, NULL, NULL, NULL, NULL,
               NULL, NULL, NULL, NULL, t.cause_id, NULL
          FROM transfers t JOIN lots ON lots.account_id = t.credit_account_id
         WHERE t.authority_id = :authority_id AND t.reason = 'reinstatement'
        UNION ALL
        SELECT 'points_credited', t.recorded_at, CAST(t.transfer_id AS text), t.points, NULL, NULL, NULL, NULL, NULL,
               NULL, NULL, NULL, NULL, t.cause_id, NULL
          FROM transfers t JOIN lots ON lots.account_id = t.credit_account_id
         WHERE t.authority_id = :authority_id AND t.reason = 'adjustment' AND t.cause_id IS NOT NULL
        UNION ALL
        SELECT 'deposit_corrected', taken.recorded_at, CAST(c.correction_id AS text), -taken.points, NULL,
               t.journal_no, t.seq, NULL, NULL, NULL, NULL, NULL, NULL, c.correction_id, NULL
          FROM (SELECT t.cause_id, t.recorded_at, sum(t.points) AS points
                  FROM transfers t JOIN lots ON lots.account_id = t.debit_account_id
                 WHERE t.authority_id = :authority_id AND t.reason = 'reversal'
                 GROUP BY t.cause_id, t.recorded_at) AS taken
          JOIN corrections c ON c.authority_id = :authority_id AND c.correction_id = taken.cause_id
          JOIN transfers t ON t.authority_id = :authority_id AND t.transfer_id = c.transfer_id
        UNION ALL
        SELECT given.kind, given.recorded_at, min(CAST(given.transfer_id AS text)), sum(given.points), NULL, NULL, NULL,
               NULL, NULL, NULL, NULL, NULL, NULL, given.cause_id, NULL
          FROM (SELECT 'donated' AS kind, t.recorded_at, t.transfer_id, -t.points AS points, t.cause_id
                  FROM transfers t JOIN lots ON lots.account_id = t.debit_account_id
                 WHERE t.authority_id = :authority_id AND t.reason = 'donation'
                UNION ALL
                SELECT 'donation_returned', t.recorded_at, t.transfer_id, t.points, t.cause_id
                  FROM transfers t JOIN lots ON lots.account_id = t.credit_account_id
                 WHERE t.authority_id = :authority_id AND t.reason = 'donation') AS given
         GROUP BY given.kind, given.recorded_at, given.cause_id
    ),
    page AS (
        SELECT * FROM movements
         WHERE CAST(:after_at AS timestamptz) IS NULL
            OR (recorded_at, movement_id COLLATE "C") < (:after_at, CAST(:after_id AS text))
         ORDER BY recorded_at DESC, movement_id COLLATE "C" DESC
         LIMIT :limit
    )
    SELECT page.kind, page.recorded_at, page.movement_id, CAST(page.points AS bigint) AS points, page.credited_points,
           page.withheld_points,
           page.withheld_by, page.campaign_points, g.name AS campaign, g.multiplier_percent, g.bonus_points,
           e.material, e.items, e.mass_g, e.occurred_at, l.basis, l.points AS rate_points,
           page.voucher_id, o.title, s.name AS shop, v.price_points,
           c.reason AS correction_reason, c.lost_points, r.rule AS review_rule, r.due_at, r.reason AS review_reason,
           h.points AS changed_points,
           d.donation_id, d.to_goal_id IS NOT NULL AS is_to_goal, coalesce(q.name, u.title) AS given_to
      FROM page
      LEFT JOIN events e ON e.authority_id = :authority_id AND e.journal_no = page.journal_no AND e.seq = page.seq
      LEFT JOIN tariff_lines l ON l.authority_id = :authority_id AND l.tariff_line_id = page.tariff_line_id
      LEFT JOIN vouchers v ON v.authority_id = :authority_id AND v.voucher_id = page.voucher_id
      LEFT JOIN offers o ON o.authority_id = :authority_id AND o.offer_id = v.offer_id
      LEFT JOIN campaigns g ON g.authority_id = :authority_id AND g.campaign_id = page.campaign_id
      LEFT JOIN corrections c ON c.authority_id = :authority_id AND c.correction_id = page.cause_id
      LEFT JOIN wallet_changes h ON h.authority_id = :authority_id AND h.change_id = page.cause_id
      LEFT JOIN donations d ON d.authority_id = :authority_id AND d.donation_id = page.cause_id
      LEFT JOIN causes q ON q.authority_id = :authority_id AND q.cause_id = d.to_cause_id
      LEFT JOIN goals u ON u.authority_id = :authority_id AND u.goal_id = d.to_goal_id
      LEFT JOIN reviews r ON r.authority_id = :authority_id AND r.transfer_id = page.review_id
      LEFT JOIN shops s ON s.authority_id = :authority_id AND s.shop_id = coalesce(v.redeemed_by_shop_id, v.shop_id)
     ORDER BY page.recorded_at DESC, page.movement_id COLLATE "C" DESC
""")


def list_movements(
    connection: Connection,
    *,
    authority_id: int,
    wallet_id: UUID,
    timezone: ZoneInfo,
    after: Position | None = None,
    limit: int = 50,
) -> list[Movement]:
    """List the movements of a wallet, newest first, those behind ``after``; ``timezone`` is the authority's."""
    after_at, after_id = after or (None, None)
    rows = connection.execute(
        LIST_MOVEMENTS,
        {
            "authority_id": authority_id,
            "wallet_id": wallet_id,
            "after_at": after_at,
            "after_id": after_id,
            "limit": limit,
        },
    )
    return [movement_of(row, timezone) for row in rows]


def movement_of(row: Row[*tuple[Any, ...]], timezone: ZoneInfo) -> Movement:
    """Return the movement a row of the statement tells of."""
    explanation: Explanation
    if row.voucher_id is not None:
        explanation = VoucherExplanation(row.voucher_id, row.title, row.shop, row.price_points)
    elif row.kind == "points_reinstated":
        explanation = ReinstatementExplanation(row.correction_reason, row.points)
    elif row.kind == "points_credited":
        explanation = CreditExplanation(row.correction_reason, row.points)
    elif row.correction_reason is not None:
        explanation = CorrectionExplanation(
            row.correction_reason, row.material, row.items, row.occurred_at, -row.points, row.lost_points
        )
    elif row.donation_id is not None:
        explanation = DonationExplanation(
            row.donation_id, "goal" if row.is_to_goal else "cause", row.given_to, abs(row.points)
        )
    elif row.kind in PLAIN_KINDS:
        moved_points = abs(row.points) if row.changed_points is None else row.changed_points
        explanation = PlainExplanation(row.kind, moved_points)
    elif row.kind in ("deposit_posted", "deposit_voided"):
        explanation = ReviewExplanation(
            row.review_rule, row.review_reason, row.material, row.items, row.occurred_at, row.credited_points
        )
    else:
        withheld_points = row.withheld_points or 0
        earned_points = row.credited_points + withheld_points
        explanation = DepositExplanation(
            material=row.material,
            items=row.items,
            mass_g=row.mass_g,
            basis=row.basis,
            rate_points=row.rate_points,
            earned_points=earned_points,
            withheld_points=withheld_points,
            points=row.credited_points,
            occurred_at=row.occurred_at,
            is_late=row.occurred_at.astimezone(timezone).date() != row.recorded_at.astimezone(timezone).date(),
            campaign=campaign_of(row, earned_points),
            withheld_by=tuple(row.withheld_by.split("+")) if row.withheld_by else (),
            review_rule=row.review_rule,
            review_due_at=row.due_at,
        )
    return Movement(row.movement_id, row.kind, row.recorded_at, row.points, explanation)


def campaign_of(row: Row[*tuple[Any, ...]], earned_points: int) -> CampaignExplanation | None:
    """Return what a campaign added to the deposit a row tells of."""
    if row.campaign is None:
        return None
    whole = extra_points(row.multiplier_percent, row.bonus_points, earned_points - row.campaign_points)
    return CampaignExplanation(
        row.campaign, row.multiplier_percent, row.bonus_points, row.campaign_points, row.campaign_points < whole
    )


def explain(movement: Movement, *, timezone: ZoneInfo, language: Language) -> str:
    """Return the sentence that tells the citizen how ``movement`` came about."""
    match movement.explanation:
        case VoucherExplanation() as told:
            sentence = explain_voucher(told, kind=movement.kind, language=language)
        case PlainExplanation() as told:
            sentence = explain_plainly(told, language=language)
        case CorrectionExplanation() as told:
            sentence = explain_correction(told, timezone=timezone, language=language)
        case DonationExplanation() as told:
            sentence = explain_donation(told, kind=movement.kind, language=language)
        case ReinstatementExplanation() as told:
            sentence = explain_reinstatement(told, language=language)
        case CreditExplanation() as told:
            sentence = explain_credit(told, language=language)
        case ReviewExplanation() as told:
            sentence = explain_review(told, timezone=timezone, language=language)
        case DepositExplanation() as told:
            sentence = explain_deposit(told, recorded_at=movement.recorded_at, timezone=timezone, language=language)
    return sentence
