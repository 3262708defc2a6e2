"""What the authority owes: points nobody has spent yet, vouchers that are out, and what shops are still to be paid.

A point is worth what points were really spent on: over the 12 months before, the cents of redeemed vouchers divided by
their points, so that what is taken often weighs more; before anything was redeemed, the same over the published offers.
What a shop funds itself counts with nothing, since nobody pays for it. Expected is the share of points that left their
lots by being spent, not by expiring, in the same months. Nothing here changes anything.
"""

import datetime
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, text

from rewards.territory import get_timezone

LOOKS_BACK = datetime.timedelta(days=365)

FREE_NOW = """
    SELECT authority_id, account_id, credits_posted - debits_posted - debits_pending AS points FROM accounts
     WHERE authority_id = :authority_id AND kind = 'lot'
"""
# The counters as they were: a pending debit holds points, a post spends what was held, a void gives it back.
FREE_THEN = """
    SELECT authority_id, account_id, sum(points) AS points
      FROM (SELECT authority_id, credit_account_id AS account_id,
                   CASE WHEN phase IN ('single', 'post') THEN points ELSE 0 END AS points
              FROM transfers WHERE authority_id = :authority_id AND recorded_at <= :at
            UNION ALL
            SELECT authority_id, debit_account_id,
                   CASE phase WHEN 'post' THEN 0 WHEN 'void' THEN points ELSE -points END
              FROM transfers WHERE authority_id = :authority_id AND recorded_at <= :at) AS moves
     GROUP BY authority_id, account_id
"""
LIST_LOTS = """
    SELECT coalesce(w.lot_month, CAST(date_trunc('month', a.created_at AT TIME ZONE t.timezone) AS date))
               AS credited_month,
           a.expires_on, count(*) AS lots, CAST(sum(f.points) AS bigint) AS points
      FROM ({free}) AS f
      JOIN accounts a ON a.authority_id = f.authority_id AND a.account_id = f.account_id
      JOIN authorities t ON t.authority_id = a.authority_id
      LEFT JOIN wallet_accounts w ON w.authority_id = a.authority_id AND w.account_id = a.account_id
     WHERE a.authority_id = :authority_id AND a.kind = 'lot' AND a.expires_on > :today AND f.points > 0
     GROUP BY 1, 2 ORDER BY 1, 2
"""
LIST_LOTS_NOW, LIST_LOTS_THEN = (text(LIST_LOTS.format(free=free)) for free in (FREE_NOW, FREE_THEN))
PAYABLE = "CASE f.kind WHEN 'shop' THEN 0 ELSE v.value_cents END"
FROM_VOUCHERS = """
    FROM vouchers v
    JOIN funders f ON f.authority_id = v.authority_id AND f.funder_id = v.funder_id
    JOIN authorities t ON t.authority_id = v.authority_id
"""
LIST_VOUCHERS = text(f"""
    SELECT CAST(date_trunc('month', v.issued_at AT TIME ZONE t.timezone) AS date) AS issued_month, count(*) AS vouchers,
           sum(v.price_points) AS points, sum(v.value_cents) AS value_cents, sum({PAYABLE}) AS payable_cents
      {FROM_VOUCHERS}
     WHERE v.authority_id = :authority_id AND v.issued_at <= :at AND (v.ended_at IS NULL OR v.ended_at > :at)
     GROUP BY 1 ORDER BY 1
""")
IS_REDEEMED = """
    v.status IN ('redeemed', 'reversed') AND v.ended_at <= :at AND (v.reversed_at IS NULL OR v.reversed_at > :at)
"""
SUM_UNSETTLED = text(f"""
    SELECT coalesce(sum({PAYABLE}), 0)
           - (SELECT coalesce(sum({PAYABLE}), 0) {FROM_VOUCHERS}
               WHERE v.authority_id = :authority_id AND v.status = 'reversed' AND v.reversed_at <= :at
                 AND v.settled_at <= :at AND (v.deducted_at IS NULL OR v.deducted_at > :at))
      {FROM_VOUCHERS}
     WHERE v.authority_id = :authority_id AND {IS_REDEEMED} AND (v.settled_at IS NULL OR v.settled_at > :at)
""")
SUM_UNPAID = text("""
    SELECT coalesce(sum(payable_cents), 0) FROM settlements
     WHERE authority_id = :authority_id AND locked_at <= :at AND (paid_on IS NULL OR paid_on > :today)
""")
SUM_REDEEMED = text(f"""
    SELECT coalesce(sum(v.price_points), 0) AS points, coalesce(sum(v.value_cents), 0) AS value_cents,
           coalesce(sum({PAYABLE}), 0) AS payable_cents
      {FROM_VOUCHERS}
     WHERE v.authority_id = :authority_id AND {IS_REDEEMED} AND v.ended_at > :since
""")
SUM_PUBLISHED = text("""
    SELECT coalesce(sum(o.price_points), 0) AS points, coalesce(sum(o.value_cents), 0) AS value_cents,
           coalesce(sum(CASE f.kind WHEN 'shop' THEN 0 ELSE o.value_cents END), 0) AS payable_cents
      FROM offers o JOIN funders f ON f.authority_id = o.authority_id AND f.funder_id = o.funder_id
     WHERE o.authority_id = :authority_id AND o.state = 'published'
""")
# Less what was given back, which is there to be spent again, or was taken back, which nobody should have had.
# The account is found first: joined, the planner reads all transfers there are.
SUM_EXPIRED = text("""
    SELECT greatest(0, coalesce(sum(moved.points), 0))
      FROM (SELECT points, recorded_at FROM transfers
             WHERE authority_id = :authority_id
               AND credit_account_id = (SELECT account_id FROM authority_accounts
                                         WHERE authority_id = :authority_id AND kind = 'expired')
            UNION ALL
            SELECT -points, recorded_at FROM transfers
             WHERE authority_id = :authority_id AND journal_no IS NULL
               AND debit_account_id = (SELECT account_id FROM authority_accounts
                                        WHERE authority_id = :authority_id AND kind = 'expired')) AS moved
     WHERE moved.recorded_at > :since AND moved.recorded_at <= :at
""")


@dataclass(frozen=True, slots=True)
class LotsOfMonth:
    """Points free to spend that were credited in a month, and from when on they can no longer be spent."""

    credited_month: datetime.date
    expires_on: datetime.date
    lots: int
    points: int


@dataclass(frozen=True, slots=True)
class VouchersOfMonth:
    """Vouchers issued in a month and not ended; ``payable_cents`` leaves out what shops fund themselves."""

    issued_month: datetime.date
    vouchers: int
    points: int
    value_cents: int
    payable_cents: int


@dataclass(frozen=True, slots=True)
class PointValue:
    """What points were spent on: ``payable_cents`` for ``points``; None of both where nothing can be had for points."""

    basis: Literal["redeemed", "published", "nothing"]
    points: int
    value_cents: int
    payable_cents: int

    @property
    def cents_a_point(self) -> float | None:
        """What a point costs those who pay shops, in cents."""
        return self.payable_cents / self.points if self.points else None

    def cost_cents(self, points: int) -> int | None:
        """Return what points cost when they are spent as before, to the nearest cent."""
        return (2 * points * self.payable_cents + self.points) // (2 * self.points) if self.points else None


@dataclass(frozen=True, slots=True)
class Liability:
    """What is owed at an instant. ``expected_share`` of the points will be spent; None while none left a lot."""

    as_of: datetime.datetime
    point_value: PointValue
    expected_share: float | None
    lots: list[LotsOfMonth]
    vouchers: list[VouchersOfMonth]
    unsettled_cents: int
    unpaid_cents: int

    @property
    def points(self) -> int:
        """Points free to spend; those that vouchers hold are counted there."""
        return sum(each.points for each in self.lots)

    @property
    def points_cents(self) -> int | None:
        """What all of them cost when they are spent."""
        return self.point_value.cost_cents(self.points)

    @property
    def expected_cents(self) -> int | None:
        """What those cost that are expected to be spent."""
        if self.points_cents is None or self.expected_share is None:
            return self.points_cents
        return round(self.points_cents * self.expected_share)

    @property
    def vouchers_cents(self) -> int:
        """What the vouchers cost that are out."""
        return sum(each.payable_cents for each in self.vouchers)

    @property
    def total_cents(self) -> int:
        """What is owed when every point and voucher is spent."""
        return (self.points_cents or 0) + self.vouchers_cents + self.unsettled_cents + self.unpaid_cents


def get_liability(
    connection: Connection, *, authority_id: int, now: datetime.datetime, as_of: datetime.datetime | None = None
) -> Liability:
    """Return what is owed now, or was at an instant of the past, which is summed from the transfers.

    Vouchers whose time is over count until the job has ended them, which it does within minutes.
    """
    at = as_of or now
    timezone = get_timezone(connection, authority_id=authority_id)
    values: dict[str, Any] = {
        "authority_id": authority_id,
        "at": at,
        "since": at - LOOKS_BACK,
        "today": at.astimezone(timezone).date(),
    }
    lots = connection.execute(LIST_LOTS_NOW if as_of is None else LIST_LOTS_THEN, values)
    redeemed_points = int(connection.execute(SUM_REDEEMED, values).one().points)
    left_points = redeemed_points + int(connection.execute(SUM_EXPIRED, values).scalar_one())
    return Liability(
        as_of=at,
        point_value=get_point_value(connection, values),
        expected_share=redeemed_points / left_points if left_points else None,
        lots=[LotsOfMonth(*row) for row in lots],
        vouchers=[VouchersOfMonth(*row) for row in connection.execute(LIST_VOUCHERS, values)],
        unsettled_cents=int(connection.execute(SUM_UNSETTLED, values).scalar_one()),
        unpaid_cents=int(connection.execute(SUM_UNPAID, values).scalar_one()),
    )


def get_point_value(connection: Connection, values: dict[str, Any]) -> PointValue:
    """Return what points were spent on, else what is on offer for them."""
    redeemed = connection.execute(SUM_REDEEMED, values).one()
    if redeemed.points:
        return PointValue("redeemed", *redeemed)
    published = connection.execute(SUM_PUBLISHED, values).one()
    return PointValue("published" if published.points else "nothing", *published)
