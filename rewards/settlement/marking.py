"""A locked statement is sent, then paid: each step one guarded update, and nothing else of it ever changes."""

import datetime

from sqlalchemy import Connection, text

from rewards.settlement.reading import get_statement
from rewards.settlement.refusals import PaymentDateError, StatementStateError
from rewards.settlement.statements import StatementNumber

MARK_SENT = text("""
    UPDATE settlements SET state = 'sent', sent_at = :now, sent_by = :by
     WHERE authority_id = :authority_id AND year = :year AND number = :number AND state = 'locked'
""")
MARK_PAID = text("""
    UPDATE settlements SET state = 'paid', paid_on = :paid_on, paid_by = :by
     WHERE authority_id = :authority_id AND year = :year AND number = :number AND state = 'sent'
""")


def mark_sent(
    connection: Connection, number: StatementNumber, *, authority_id: int, sent_by: str, now: datetime.datetime
) -> None:
    """Note that a locked statement went to the shop.

    Raises:
        StatementUnknownError, StatementStateError: nothing was changed.
    """
    values = {"authority_id": authority_id, "year": number.year, "number": number.number, "now": now, "by": sent_by}
    if connection.execute(MARK_SENT, values).rowcount != 1:
        raise refusal_of(connection, number, authority_id=authority_id)


def mark_paid(
    connection: Connection,
    number: StatementNumber,
    *,
    authority_id: int,
    paid_on: datetime.date,
    paid_by: str,
    now: datetime.datetime,
) -> None:
    """Note on which day a statement that was sent has been paid.

    Raises:
        StatementUnknownError, PaymentDateError, StatementStateError: in this order; nothing was changed.
    """
    statement = get_statement(connection, number, authority_id=authority_id)
    locked_at = statement.locked_at or now
    if not locked_at.astimezone(statement.timezone).date() <= paid_on <= now.astimezone(statement.timezone).date():
        raise PaymentDateError(str(number), paid_on)
    values = {"authority_id": authority_id, "year": number.year, "number": number.number}
    if connection.execute(MARK_PAID, {**values, "paid_on": paid_on, "by": paid_by}).rowcount != 1:
        raise refusal_of(connection, number, authority_id=authority_id)


def refusal_of(connection: Connection, number: StatementNumber, *, authority_id: int) -> StatementStateError:
    """Return why a statement is not taken a step further."""
    return StatementStateError(str(number), get_statement(connection, number, authority_id=authority_id).state)
