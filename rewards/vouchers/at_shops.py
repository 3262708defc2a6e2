"""What happened at a shop's tills: the redemptions of a day, and what was refused. Nothing here changes anything.

Who did it is told to the shop alone.
"""

import datetime
from dataclasses import dataclass
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

Outcome = Literal[
    "voucher_unknown",
    "voucher_of_another_shop",
    "voucher_already_redeemed",
    "voucher_cancelled",
    "voucher_expired",
    "voucher_reversed",
    "shop_revoked",
    "short_code_unknown",
    "pin_required",
    "staff_refused",
]

LIST_REDEMPTIONS = text("""
    SELECT v.voucher_id, v.ended_at, v.status, o.title, v.price_points, v.value_cents, v.redeemed_by_staff_id, d.name,
           v.reversed_at, v.reversal_reason, v.reversed_by_staff_id, r.name
      FROM vouchers v
      JOIN offers o ON o.authority_id = v.authority_id AND o.offer_id = v.offer_id
      LEFT JOIN shop_staff d ON d.authority_id = v.authority_id AND d.staff_id = v.redeemed_by_staff_id
      LEFT JOIN shop_staff r ON r.authority_id = v.authority_id AND r.staff_id = v.reversed_by_staff_id
     WHERE v.authority_id = :authority_id AND v.redeemed_by_shop_id = :shop_id AND v.redemption_key IS NOT NULL
       AND v.ended_at >= :since AND v.ended_at < :until
       AND (CAST(:status AS text) IS NULL OR v.status = CAST(:status AS text))
       AND (CAST(:after_at AS timestamptz) IS NULL
            OR (v.ended_at, v.voucher_id) < (:after_at, CAST(:after_id AS uuid)))
     ORDER BY v.ended_at DESC, v.voucher_id DESC LIMIT :limit
""")
LIST_REFUSALS = text("""
    SELECT r.attempt_id, r.attempted_at, r.outcome, v.voucher_id, o.title
      FROM redemption_attempts r
      LEFT JOIN vouchers v ON v.authority_id = r.authority_id AND v.voucher_id = r.voucher_id
                          AND (v.shop_id IS NULL OR v.shop_id = r.shop_id)
      LEFT JOIN offers o ON o.authority_id = v.authority_id AND o.offer_id = v.offer_id
     WHERE r.authority_id = :authority_id AND r.shop_id = :shop_id AND r.outcome <> 'redeemed'
       AND r.attempted_at >= :since AND r.attempted_at < :until
       AND (CAST(:outcome AS text) IS NULL OR r.outcome = CAST(:outcome AS text))
       AND (CAST(:after_at AS timestamptz) IS NULL
            OR (r.attempted_at, r.attempt_id) < (:after_at, CAST(:after_id AS uuid)))
     ORDER BY r.attempted_at DESC, r.attempt_id DESC LIMIT :limit
""")

Position = tuple[datetime.datetime, UUID]
"""When, and the id: where the page before ended."""


@dataclass(frozen=True, slots=True)
class ShopRedemption:
    """A redemption as the shop's lists show it; staff is None where nobody was named."""

    voucher_id: UUID
    redeemed_at: datetime.datetime
    status: Literal["redeemed", "reversed"]
    title: str
    price_points: int
    value_cents: int
    staff_id: UUID | None
    staff: str | None
    reversed_at: datetime.datetime | None
    reversal_reason: str | None
    reversed_by_staff_id: UUID | None
    reversed_by_staff: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something a till of the shop was refused; voucher and title where they are known and not another shop's."""

    refusal_id: UUID
    refused_at: datetime.datetime
    reason: Outcome
    voucher_id: UUID | None
    title: str | None


def list_redemptions(
    connection: Connection,
    *,
    authority_id: int,
    shop_id: UUID,
    day: datetime.date,
    timezone: ZoneInfo,
    status: str | None = None,
    after: Position | None = None,
    limit: int = 50,
) -> list[ShopRedemption]:
    """List what a shop redeemed on a day of the authority's calendar, newest first, taken back or not."""
    values = {"authority_id": authority_id, "shop_id": shop_id, "status": status, "limit": limit}
    rows = connection.execute(LIST_REDEMPTIONS, {**values, **within(day, timezone, after)})
    return [ShopRedemption(*row) for row in rows]


def list_refusals(
    connection: Connection,
    *,
    authority_id: int,
    shop_id: UUID,
    day: datetime.date,
    timezone: ZoneInfo,
    reason: str | None = None,
    after: Position | None = None,
    limit: int = 50,
) -> list[Refusal]:
    """List what a shop's tills were refused on a day of the authority's calendar, newest first."""
    values = {"authority_id": authority_id, "shop_id": shop_id, "outcome": reason, "limit": limit}
    return [Refusal(*row) for row in connection.execute(LIST_REFUSALS, {**values, **within(day, timezone, after)})]


def within(day: datetime.date, timezone: ZoneInfo, after: Position | None) -> dict[str, object]:
    """Return the bounds of a page of a day."""
    at, item_id = after or (None, None)
    return {
        "since": datetime.datetime.combine(day, datetime.time(), timezone),
        "until": datetime.datetime.combine(day + datetime.timedelta(days=1), datetime.time(), timezone),
        "after_at": at,
        "after_id": item_id,
    }
