"""Locking a statement: its redemptions are claimed, numbered, written down and moved to the settled account, for ever.

Three things decide: who locks an authority's statements takes turns on the row that numbers them; a redemption is
claimed by one guarded update; and a shop has one statement a month, a redemption one line, by unique keys.
"""

import datetime
from dataclasses import asdict
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, insert, text

from rewards.ids import new_id
from rewards.ledger import Transfer, lock_accounts, open_authority_account, record_transfers
from rewards.outbox import post_to_shop
from rewards.schema.settlements import Settlement, SettlementLine
from rewards.settlement.collecting import claim_due_lines
from rewards.settlement.months import end_of_month, require_over
from rewards.settlement.reading import GET_PARTIES, find_statement
from rewards.settlement.refusals import ShopUnknownError, StatementLockedError
from rewards.settlement.statements import Line, StatementNumber

TAKE_TURN = text("""
    INSERT INTO settlement_numbers AS n (authority_id, year, last_number) VALUES (:authority_id, :year, 0)
    ON CONFLICT (authority_id, year) DO UPDATE SET last_number = n.last_number
""")
# In the transaction that writes the statement: rolled back, the number is given to the next.
TAKE_NUMBER = text("""
    UPDATE settlement_numbers SET last_number = last_number + 1
     WHERE authority_id = :authority_id AND year = :year
    RETURNING last_number
""")


def lock_statement(
    connection: Connection,
    *,
    authority_id: int,
    shop_id: UUID,
    month: datetime.date,
    locked_by: str,
    now: datetime.datetime,
) -> UUID | None:
    """Lock the statement of a shop and month, whose first day is given; return its id, None when nothing is due.

    Raises:
        ShopUnknownError, MonthNotOverError, StatementLockedError: in this order; nothing was changed.
    """
    tenant = {"authority_id": authority_id}
    parties = connection.execute(GET_PARTIES, {**tenant, "shop_id": shop_id}).one_or_none()
    if parties is None:
        raise ShopUnknownError(str(shop_id))
    timezone = ZoneInfo(parties.timezone)
    require_over(month, timezone=timezone, now=now)
    year = now.astimezone(timezone).year
    connection.execute(TAKE_TURN, {**tenant, "year": year})
    locked = find_statement(connection, **tenant, shop_id=shop_id, month=month)
    if locked is not None:
        raise StatementLockedError(str(locked.number))
    until = end_of_month(month, timezone)
    lines = claim_due_lines(connection, **tenant, shop_id=shop_id, until=until, now=now)
    if not lines:
        return None
    settlement_id = new_id()
    number = connection.execute(TAKE_NUMBER, {**tenant, "year": year}).scalar_one()
    connection.execute(
        insert(Settlement).values(
            **tenant,
            settlement_id=settlement_id,
            shop_id=shop_id,
            month=month,
            year=year,
            number=number,
            **facts_of(parties),
            points=sum(line.points for line in lines),
            value_cents=sum(line.value_cents for line in lines),
            payable_cents=sum(line.payable_cents for line in lines),
            locked_at=now,
            locked_by=locked_by,
            state="locked",
        )
    )
    write_lines(connection, lines, settlement_id, authority_id=authority_id)
    settle_points(connection, lines, settlement_id, parties.account_id, authority_id=authority_id, now=now)
    told = {
        "number": str(StatementNumber(year, number)),
        "month": month.isoformat(),
        "payable_cents": sum(line.payable_cents for line in lines),
    }
    post_to_shop(connection, "statement_ready", shop_id, told, authority_id=authority_id, now=now)
    return settlement_id


def facts_of(parties: Row[Any]) -> dict[str, str]:
    """Return names and addresses as they are now, for a statement that keeps them."""
    names = ("shop_name", "shop_address", "authority_name", "authority_address")
    return {name: getattr(parties, name) for name in names}


def write_lines(connection: Connection, lines: tuple[Line, ...], settlement_id: UUID, *, authority_id: int) -> None:
    """Append the lines of a statement, in their order."""
    head = {"authority_id": authority_id, "settlement_id": settlement_id}
    rows = [{**head, "line_no": number, **asdict(line)} for number, line in enumerate(lines, 1)]
    connection.execute(insert(SettlementLine), rows)


def settle_points(
    connection: Connection,
    lines: tuple[Line, ...],
    settlement_id: UUID,
    shop_account_id: UUID,
    *,
    authority_id: int,
    now: datetime.datetime,
) -> None:
    """Move the points of the redemptions from the shop to the settled account; reversals have moved theirs before."""
    points = sum(line.points for line in lines if line.kind == "redemption")
    if not points:
        return
    settled = open_authority_account(connection, "settled", authority_id=authority_id, now=now)
    lock_accounts(connection, [shop_account_id, settled], authority_id=authority_id)
    moved = Transfer(shop_account_id, settled, points, reason="settlement", cause_id=settlement_id)
    record_transfers(connection, [moved], authority_id=authority_id, now=now)
