"""A shop's own statements. Only locked ones, and with who redeemed, which nobody else is told.

Nothing here changes anything.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.errors import RewardsError
from rewards.settlement.reading import ListedStatement, get_statement
from rewards.settlement.refusals import StatementUnknownError
from rewards.settlement.statements import Line, State, Statement, StatementNumber

LIST = text("""
    SELECT year, number, shop_id, shop_name, month, state, points, value_cents, payable_cents, locked_at, sent_at,
           paid_on
      FROM settlements
     WHERE authority_id = :authority_id AND shop_id = :shop_id
       AND (CAST(:state AS text) IS NULL OR state = CAST(:state AS text))
       AND (CAST(:after_year AS integer) IS NULL OR (year, number) < (:after_year, CAST(:after_number AS integer)))
     ORDER BY year DESC, number DESC LIMIT :limit
""")
FIND = text("""
    SELECT settlement_id FROM settlements
     WHERE authority_id = :authority_id AND shop_id = :shop_id AND year = :year AND number = :number
""")
LIST_LINES = text("""
    SELECT l.line_no, CASE l.kind WHEN 'redemption' THEN v.redeemed_by_staff_id ELSE v.reversed_by_staff_id END,
           CASE l.kind WHEN 'redemption' THEN d.name ELSE r.name END,
           l.kind, l.voucher_id, l.occurred_at, l.title, l.points, l.value_cents, l.payable_cents, l.funder_id,
           l.funder_kind, l.funder_name
      FROM settlement_lines l
      JOIN vouchers v ON v.authority_id = l.authority_id AND v.voucher_id = l.voucher_id
      LEFT JOIN shop_staff d ON d.authority_id = v.authority_id AND d.staff_id = v.redeemed_by_staff_id
      LEFT JOIN shop_staff r ON r.authority_id = v.authority_id AND r.staff_id = v.reversed_by_staff_id
     WHERE l.authority_id = :authority_id AND l.settlement_id = :settlement_id
       AND (CAST(:after AS integer) IS NULL OR l.line_no > CAST(:after AS integer))
     ORDER BY l.line_no LIMIT :limit
""")


class OwnStatementUnknownError(RewardsError):
    """The shop has no statement of this number."""

    code = "statement_unknown"


@dataclass(frozen=True, slots=True)
class OwnLine:
    """A line of a shop's statement, and who of its staff did it."""

    line_no: int
    staff_id: UUID | None
    staff: str | None
    line: Line


def list_own_statements(
    connection: Connection,
    *,
    authority_id: int,
    shop_id: UUID,
    state: State | None = None,
    after: tuple[int, int] | None = None,
    limit: int = 50,
) -> list[ListedStatement]:
    """List a shop's locked statements, newest first; behind the year and number of ``after``."""
    year, number = after or (None, None)
    values = {"authority_id": authority_id, "shop_id": shop_id, "state": state, "limit": limit}
    rows = connection.execute(LIST, {**values, "after_year": year, "after_number": number})
    return [ListedStatement(StatementNumber(year, number), *facts) for year, number, *facts in rows]


def get_own_statement(
    connection: Connection, number: StatementNumber, *, authority_id: int, shop_id: UUID
) -> Statement:
    """Return one of a shop's statements.

    Raises:
        OwnStatementUnknownError: the shop has none of this number.
    """
    try:
        statement = get_statement(connection, number, authority_id=authority_id)
    except StatementUnknownError:
        raise OwnStatementUnknownError from None
    if statement.shop_id != shop_id:
        raise OwnStatementUnknownError
    return statement


def list_own_lines(
    connection: Connection,
    number: StatementNumber,
    *,
    authority_id: int,
    shop_id: UUID,
    after: tuple[int] | None = None,
    limit: int = 50,
) -> list[OwnLine]:
    """List the lines of one of a shop's statements in their order, behind the number of ``after``.

    Raises:
        OwnStatementUnknownError: the shop has none of this number.
    """
    of_shop = {"authority_id": authority_id, "shop_id": shop_id, "year": number.year, "number": number.number}
    settlement_id = connection.scalar(FIND, of_shop)
    if settlement_id is None:
        raise OwnStatementUnknownError
    values = {"authority_id": authority_id, "settlement_id": settlement_id, "limit": limit}
    rows = connection.execute(LIST_LINES, {**values, "after": after[0] if after else None})
    return [OwnLine(line_no, staff_id, staff, Line(*facts)) for line_no, staff_id, staff, *facts in rows]
