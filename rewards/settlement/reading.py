"""Showing statements: drafts as they stand, locked ones as they were locked. Nothing here changes a statement."""

import datetime
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, text

from rewards.settlement.collecting import IS_DUE, list_due_lines
from rewards.settlement.months import end_of_month
from rewards.settlement.refusals import ShopUnknownError, StatementUnknownError
from rewards.settlement.statements import Line, Party, State, Statement, StatementNumber
from rewards.territory import get_timezone

GET_PARTIES = text("""
    SELECT a.timezone, a.is_simulated, a.name AS authority_name, a.address AS authority_address, s.name AS shop_name,
           concat_ws(E'\\n', nullif(s.address, ''), c.name) AS shop_address, s.account_id
      FROM shops s
      JOIN authorities a ON a.authority_id = s.authority_id
      JOIN communes c ON c.authority_id = s.authority_id AND c.insee_code = s.insee_code
     WHERE s.authority_id = :authority_id AND s.shop_id = :shop_id
""")
FIND_SHOP = text("""
    SELECT shop_id FROM shops
     WHERE authority_id = :authority_id AND (CAST(shop_id AS text) = lower(:shop) OR lower(name) = lower(:shop))
""")
LOCKED = """
    SELECT t.settlement_id, t.shop_id, t.month, t.year, t.number, t.shop_name, t.shop_address, t.authority_name,
           t.authority_address, t.state, t.locked_at, t.sent_at, t.paid_on, a.timezone, a.is_simulated
      FROM settlements t JOIN authorities a ON a.authority_id = t.authority_id
"""
FIND_OF_MONTH = text(f"{LOCKED} WHERE t.authority_id = :authority_id AND t.shop_id = :shop_id AND t.month = :month")
FIND_OF_NUMBER = text(f"{LOCKED} WHERE t.authority_id = :authority_id AND t.year = :year AND t.number = :number")
LIST_LINES = text("""
    SELECT kind, voucher_id, occurred_at, title, points, value_cents, payable_cents, funder_id, funder_kind, funder_name
      FROM settlement_lines
     WHERE authority_id = :authority_id AND settlement_id = :settlement_id
     ORDER BY line_no
""")
# Revoked shops too: they are paid for what they gave away before.
LIST_SHOPS = text(f"""
    SELECT s.shop_id FROM shops s
     WHERE s.authority_id = :authority_id
       AND (s.shop_id IN (SELECT t.shop_id FROM settlements t
                           WHERE t.authority_id = :authority_id AND t.month = :month)
            OR s.shop_id IN (SELECT v.redeemed_by_shop_id FROM vouchers v
                              WHERE v.authority_id = :authority_id AND {IS_DUE}))
     ORDER BY s.name, s.shop_id
""")
LIST = text("""
    SELECT year, number, shop_id, shop_name, month, state, points, value_cents, payable_cents, locked_at, sent_at,
           paid_on
      FROM settlements
     WHERE authority_id = :authority_id AND year = coalesce(CAST(:year AS integer), year)
       AND state = coalesce(CAST(:state AS text), state)
     ORDER BY year DESC, number DESC
     LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class ListedStatement:
    """A locked statement without its lines."""

    number: StatementNumber
    shop_id: UUID
    shop: str
    month: datetime.date
    state: State
    points: int
    value_cents: int
    payable_cents: int
    locked_at: datetime.datetime
    sent_at: datetime.datetime | None
    paid_on: datetime.date | None


def find_shop(connection: Connection, shop: str, *, authority_id: int) -> UUID:
    """Return the shop with this id or this name, whatever its case.

    Raises:
        ShopUnknownError: there is none, or there are several.
    """
    found = connection.scalars(FIND_SHOP, {"authority_id": authority_id, "shop": shop}).all()
    if len(found) != 1:
        raise ShopUnknownError(shop)
    shop_id: UUID = found[0]
    return shop_id


def list_settled_shops(connection: Connection, month: datetime.date, *, authority_id: int) -> list[UUID]:
    """List the shops, by name, that have a statement of the month or would get one."""
    timezone = get_timezone(connection, authority_id=authority_id)
    values = {"authority_id": authority_id, "month": month, "until": end_of_month(month, timezone)}
    return list(connection.scalars(LIST_SHOPS, values))


def draft_statement(
    connection: Connection, *, authority_id: int, shop_id: UUID, month: datetime.date
) -> Statement | None:
    """Return what a statement would be if it were locked now; None when nothing is due. Nothing is stored."""
    parties = connection.execute(GET_PARTIES, {"authority_id": authority_id, "shop_id": shop_id}).one_or_none()
    if parties is None:
        raise ShopUnknownError(str(shop_id))
    timezone = ZoneInfo(parties.timezone)
    until = end_of_month(month, timezone)
    lines = list_due_lines(connection, authority_id=authority_id, shop_id=shop_id, until=until)
    if not lines:
        return None
    return Statement(
        number=None,
        state="draft",
        shop_id=shop_id,
        month=month,
        timezone=timezone,
        shop=Party(parties.shop_name, parties.shop_address),
        authority=Party(parties.authority_name, parties.authority_address),
        is_simulated=parties.is_simulated,
        locked_at=None,
        sent_at=None,
        paid_on=None,
        lines=lines,
    )


def find_statement(
    connection: Connection, *, authority_id: int, shop_id: UUID, month: datetime.date
) -> Statement | None:
    """Find the locked statement of a shop and month."""
    values = {"authority_id": authority_id, "shop_id": shop_id, "month": month}
    row = connection.execute(FIND_OF_MONTH, values).one_or_none()
    return None if row is None else statement_of(connection, row, authority_id=authority_id)


def get_statement(connection: Connection, number: StatementNumber, *, authority_id: int) -> Statement:
    """Return a locked statement with its lines.

    Raises:
        StatementUnknownError: the authority has none of this number.
    """
    values = {"authority_id": authority_id, "year": number.year, "number": number.number}
    row = connection.execute(FIND_OF_NUMBER, values).one_or_none()
    if row is None:
        raise StatementUnknownError(str(number))
    return statement_of(connection, row, authority_id=authority_id)


def statement_of(connection: Connection, row: Row[Any], *, authority_id: int) -> Statement:
    """Return the locked statement a row tells of."""
    lines = connection.execute(LIST_LINES, {"authority_id": authority_id, "settlement_id": row.settlement_id})
    return Statement(
        number=StatementNumber(row.year, row.number),
        state=row.state,
        shop_id=row.shop_id,
        month=row.month,
        timezone=ZoneInfo(row.timezone),
        shop=Party(row.shop_name, row.shop_address),
        authority=Party(row.authority_name, row.authority_address),
        is_simulated=row.is_simulated,
        locked_at=row.locked_at,
        sent_at=row.sent_at,
        paid_on=row.paid_on,
        lines=tuple(Line(*line) for line in lines),
    )


def list_statements(
    connection: Connection,
    *,
    authority_id: int,
    year: int | None = None,
    state: State | None = None,
    limit: int = 100,
) -> list[ListedStatement]:
    """List locked statements, newest first, of a year and in a state, or all."""
    values = {"authority_id": authority_id, "year": year, "state": state, "limit": limit}
    return [
        ListedStatement(StatementNumber(year, number), *facts)
        for year, number, *facts in connection.execute(LIST, values)
    ]
