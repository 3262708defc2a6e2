"""Which redemptions a statement is due for: all that are not settled yet, and were made before its month was over.

One that is committed late, after the statement of its month was locked, so falls into the next. A redemption taken back
before it was settled is in no statement; one taken back later is deducted from the next.
"""

import datetime
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from rewards.settlement.statements import Line

IS_DUE = """
    ((v.status = 'redeemed' AND v.settled_at IS NULL AND v.ended_at < :until)
     OR (v.status = 'reversed' AND v.settled_at IS NOT NULL AND v.deducted_at IS NULL AND v.reversed_at < :until))
"""
FACTS = """
    CASE v.status WHEN 'redeemed' THEN 'redemption' ELSE 'reversal' END AS kind, v.voucher_id,
    CASE v.status WHEN 'redeemed' THEN v.ended_at ELSE v.reversed_at END AS occurred_at, o.title,
    CASE v.status WHEN 'redeemed' THEN 1 ELSE -1 END * v.price_points AS points,
    CASE v.status WHEN 'redeemed' THEN 1 ELSE -1 END * v.value_cents AS value_cents,
    f.funder_id, f.kind AS funder_kind, f.name AS funder_name
"""
OF_THE_SHOP = f"""
    v.redeemed_by_shop_id = :shop_id AND {IS_DUE}
    AND o.authority_id = v.authority_id AND o.offer_id = v.offer_id
    AND f.authority_id = v.authority_id AND f.funder_id = v.funder_id
"""
LIST_DUE = text(f"""
    SELECT {FACTS} FROM vouchers v, offers o, funders f WHERE v.authority_id = :authority_id AND {OF_THE_SHOP}
""")
# Whoever finds a voucher claimed takes no line for it: of two lockers one gets it, and a reversal that is under way is
# waited for. Vouchers before accounts, as everybody takes them.
CLAIM_DUE = text(f"""
    UPDATE vouchers v SET settled_at = coalesce(v.settled_at, :now),
           deducted_at = CASE v.status WHEN 'reversed' THEN CAST(:now AS timestamptz) END
      FROM offers o, funders f
     WHERE v.authority_id = :authority_id AND {OF_THE_SHOP}
    RETURNING {FACTS}
""")


def list_due_lines(
    connection: Connection, *, authority_id: int, shop_id: UUID, until: datetime.datetime
) -> tuple[Line, ...]:
    """List what a statement would have if it were locked now, oldest first; changes nothing."""
    values = {"authority_id": authority_id, "shop_id": shop_id, "until": until}
    return sort_lines(connection.execute(LIST_DUE, values))


def claim_due_lines(
    connection: Connection, *, authority_id: int, shop_id: UUID, until: datetime.datetime, now: datetime.datetime
) -> tuple[Line, ...]:
    """Mark what is due as settled, once and for all, and list it, oldest first; the caller writes the lines."""
    values = {"authority_id": authority_id, "shop_id": shop_id, "until": until, "now": now}
    return sort_lines(connection.execute(CLAIM_DUE, values))


def sort_lines(rows: Iterable[Row[Any]]) -> tuple[Line, ...]:
    """Return the lines rows tell of, oldest first."""
    lines = [
        Line(
            kind=row.kind,
            voucher_id=row.voucher_id,
            occurred_at=row.occurred_at,
            title=row.title,
            points=row.points,
            value_cents=row.value_cents,
            payable_cents=0 if row.funder_kind == "shop" else row.value_cents,
            funder_id=row.funder_id,
            funder_kind=row.funder_kind,
            funder_name=row.funder_name,
        )
        for row in rows
    ]
    return tuple(sorted(lines, key=lambda line: (line.occurred_at, line.voucher_id)))
