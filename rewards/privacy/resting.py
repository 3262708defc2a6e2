"""Lots that have been empty for long: the link to their wallet is cut, and with it whose deposits were in them.

Nothing is moved: what a lot holds was credited for deposits that its citizen may still read and dispute, and is spent
or expires in time. Why it is not moved on sooner is in docs/privacy.md.
"""

import datetime
from uuid import UUID

from sqlalchemy import Connection, select, text, update

from rewards.ledger import lock_accounts
from rewards.privacy.erasing import BEFORE_ALL
from rewards.schema.territory import Authority

MOST_AT_ONCE = 1000

# Not before a citizen would be idle: inactivity is read off the lots.
FIND_SINCE = text("""
    SELECT CAST(:now AS timestamptz)
           - make_interval(months => greatest(history_kept_months, coalesce(inactive_after_months, 0)))
      FROM authorities WHERE authority_id = :authority_id
""")
IS_EMPTY = "a.credits_posted = a.debits_posted AND a.debits_pending = 0 AND a.credits_pending = 0"
LIST_OLD = text(f"""
    SELECT w.account_id, {IS_EMPTY} AS is_empty
      FROM wallet_accounts w
      JOIN accounts a ON a.authority_id = w.authority_id AND a.account_id = w.account_id
     WHERE w.authority_id = :authority_id AND w.account_id > :after
       AND w.lot_month < date_trunc('month', CAST(:since AS timestamptz) AT TIME ZONE 'UTC')
     ORDER BY w.account_id LIMIT :limit
""")
# Under the locks of the accounts nothing moves: what is empty here stays so until the link is gone.
CUT = text(f"""
    DELETE FROM wallet_accounts w USING accounts a
     WHERE w.authority_id = :authority_id AND w.account_id = ANY(CAST(:account_ids AS uuid[]))
       AND a.authority_id = w.authority_id AND a.account_id = w.account_id AND {IS_EMPTY}
       AND NOT EXISTS (SELECT FROM transfers t
                        WHERE t.authority_id = w.authority_id AND t.credit_account_id = w.account_id
                          AND t.recorded_at >= :since)
       AND NOT EXISTS (SELECT FROM transfers t
                        WHERE t.authority_id = w.authority_id AND t.debit_account_id = w.account_id
                          AND t.journal_no IS NULL AND t.recorded_at >= :since)
       AND NOT EXISTS (SELECT FROM transfers t
                         JOIN donations d ON d.authority_id = t.authority_id AND d.donation_id = t.cause_id
                         JOIN goals g ON g.authority_id = d.authority_id AND g.goal_id = d.to_goal_id
                        WHERE t.authority_id = w.authority_id AND t.debit_account_id = w.account_id
                          AND t.journal_no IS NULL AND t.reason = 'donation'
                          AND (g.ended_at IS NULL OR (g.state = 'missed' AND d.returned_at IS NULL)))
""")


def set_history(connection: Connection, months: int, *, authority_id: int) -> None:
    """Say for how many months (12 to 120) a lot that is empty stays its wallet's."""
    connection.execute(
        update(Authority).where(Authority.authority_id == authority_id).values(history_kept_months=months)
    )


def get_history(connection: Connection, *, authority_id: int) -> int:
    """Return for how many months a lot that is empty stays its wallet's."""
    return connection.scalars(select(Authority.history_kept_months).where(Authority.authority_id == authority_id)).one()


def cut_resting_lots(
    connection: Connection,
    *,
    authority_id: int,
    now: datetime.datetime,
    after: UUID = BEFORE_ALL,
    limit: int = MOST_AT_ONCE,
) -> tuple[int, UUID | None]:
    """Cut the links of the next lots that nothing has moved in since long; return how many, and the last one seen.

    Go on behind that one, in a transaction of its own, until it is None. Safe to repeat and at once. No transfer, no
    sum and no wallet's points change.
    """
    since = connection.scalar(FIND_SINCE, {"authority_id": authority_id, "now": now})
    values = {"authority_id": authority_id, "since": since, "after": after, "limit": limit}
    rows = connection.execute(LIST_OLD, values).all()
    empty = [row.account_id for row in rows if row.is_empty]
    cut = 0
    if empty:
        lock_accounts(connection, empty, authority_id=authority_id)
        named = {"authority_id": authority_id, "account_ids": empty, "since": since}
        cut = connection.execute(CUT, named).rowcount
    return cut, rows[-1].account_id if rows else None
