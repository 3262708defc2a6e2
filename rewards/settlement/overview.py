"""A month of all shops at a glance, and what each funder pays: one statement each, however many shops there are."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.settlement.collecting import IS_DUE
from rewards.settlement.months import end_of_month
from rewards.territory import get_timezone

# What is locked counts as it was locked; what came in since is due with the next statement.
LIST_SHOPS_OF_MONTH = text(f"""
    WITH due AS (
        SELECT v.redeemed_by_shop_id AS shop_id, count(*) AS lines,
               sum(CASE v.status WHEN 'redeemed' THEN 1 ELSE -1 END * v.price_points) AS points,
               sum(CASE v.status WHEN 'redeemed' THEN 1 ELSE -1 END * v.value_cents) AS value_cents,
               sum(CASE WHEN f.kind = 'shop' THEN 0 WHEN v.status = 'redeemed' THEN v.value_cents
                        ELSE -v.value_cents END) AS payable_cents
          FROM vouchers v
          JOIN funders f ON f.authority_id = v.authority_id AND f.funder_id = v.funder_id
         WHERE v.authority_id = :authority_id AND {IS_DUE}
         GROUP BY v.redeemed_by_shop_id)
    SELECT s.shop_id, s.name AS shop, coalesce(t.state, 'draft') AS state, t.year, t.number,
           CASE WHEN t.settlement_id IS NULL THEN d.lines ELSE
                (SELECT count(*) FROM settlement_lines l
                  WHERE l.authority_id = :authority_id AND l.settlement_id = t.settlement_id) END AS lines,
           coalesce(t.points, d.points) AS points, coalesce(t.value_cents, d.value_cents) AS value_cents,
           coalesce(t.payable_cents, d.payable_cents) AS payable_cents, t.locked_at, t.sent_at, t.paid_on
      FROM shops s
      LEFT JOIN settlements t ON t.authority_id = s.authority_id AND t.shop_id = s.shop_id AND t.month = :month
      LEFT JOIN due d ON d.shop_id = s.shop_id
     WHERE s.authority_id = :authority_id AND (t.settlement_id IS NOT NULL OR d.shop_id IS NOT NULL)
       AND (CAST(:after_name AS text) IS NULL OR (s.name, s.shop_id) > (:after_name, CAST(:after_id AS uuid)))
     ORDER BY s.name, s.shop_id LIMIT :limit
""")
LIST_FUNDERS = text("""
    SELECT t.month, l.funder_kind, l.funder_name, l.funder_id, count(DISTINCT t.settlement_id) AS statements,
           count(*) AS lines, sum(l.points) AS points, sum(l.value_cents) AS value_cents,
           sum(l.payable_cents) AS payable_cents
      FROM settlements t
      JOIN settlement_lines l ON l.authority_id = t.authority_id AND l.settlement_id = t.settlement_id
     WHERE t.authority_id = :authority_id AND (CAST(:since AS date) IS NULL OR t.month >= :since)
       AND (CAST(:until AS date) IS NULL OR t.month < :until)
     GROUP BY t.month, l.funder_kind, l.funder_name, l.funder_id
    HAVING CAST(:after_month AS date) IS NULL
        OR (t.month, l.funder_name, l.funder_id) > (:after_month, CAST(:after_name AS text), CAST(:after_id AS uuid))
     ORDER BY t.month, l.funder_name, l.funder_id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class ShopOfMonth:
    """A shop's statement of a month: locked, with its number, or as it stands (``draft``)."""

    shop_id: UUID
    shop: str
    state: str
    year: int | None
    number: int | None
    lines: int
    points: int
    value_cents: int
    payable_cents: int
    locked_at: datetime.datetime | None
    sent_at: datetime.datetime | None
    paid_on: datetime.date | None


@dataclass(frozen=True, slots=True)
class FunderOfMonth:
    """What one funder's vouchers come to in the locked statements of a month."""

    month: datetime.date
    funder_kind: str
    funder_name: str
    funder_id: UUID
    statements: int
    lines: int
    points: int
    value_cents: int
    payable_cents: int


def list_shops_of_month(
    connection: Connection,
    month: datetime.date,
    *,
    authority_id: int,
    after: tuple[str, UUID] | None = None,
    limit: int = 50,
) -> list[ShopOfMonth]:
    """List the shops, by name, that have a statement of the month or would get one, behind the (name, id) given."""
    timezone = get_timezone(connection, authority_id=authority_id)
    name, shop_id = after or (None, None)
    values = {"authority_id": authority_id, "month": month, "until": end_of_month(month, timezone), "limit": limit}
    rows = connection.execute(LIST_SHOPS_OF_MONTH, {**values, "after_name": name, "after_id": shop_id})
    return [ShopOfMonth(*row) for row in rows]


def list_funders_of_months(
    connection: Connection,
    *,
    authority_id: int,
    since: datetime.date | None = None,
    until: datetime.date | None = None,
    after: tuple[datetime.date, str, UUID] | None = None,
    limit: int = 50,
) -> list[FunderOfMonth]:
    """List what funders pay by month, from ``since`` until before ``until``, behind the (month, name, id) given."""
    month, name, funder_id = after or (None, None, None)
    values = {"authority_id": authority_id, "since": since, "until": until, "limit": limit}
    rows = connection.execute(LIST_FUNDERS, {**values, "after_month": month, "after_name": name, "after_id": funder_id})
    return [FunderOfMonth(*row) for row in rows]
