"""Sweeping: many accounts emptied into one at once, each by a transfer of its own. The other door to the ledger.

Beside ``transfers.py`` because it must not wait: accounts somebody holds are left out. What the others hold cannot
change once they are locked, and is then moved and told in one go.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from rewards.arrays import Columns
from rewards.ids import new_id_text
from rewards.pipelining import Write, execute_pipelined

SweepReason = Literal["expiry", "forfeiture"]

Position = tuple[datetime.date, UUID]
"""(expires_on, account_id) of the last lot of a batch: the next one begins behind it."""


def empty(which: str) -> TextClause:
    """Return the statement that locks the lots of ``which`` and takes what they hold free, telling how many it was.

    Materialised: joined as a subquery, the planner may choose and lock other lots than the limit lets it.
    """
    return text(f"""
        WITH free AS MATERIALIZED (
            SELECT a.account_id, a.expires_on, a.credits_posted - a.debits_posted - a.debits_pending AS points
              FROM accounts a
             WHERE a.credits_posted - a.debits_posted - a.debits_pending > 0 AND {which})
        UPDATE accounts a SET debits_posted = a.debits_posted + free.points
          FROM free WHERE a.authority_id = :authority_id AND a.account_id = free.account_id
        RETURNING CAST(a.account_id AS text), free.points, free.expires_on
    """)


# Never waits: a redemption that holds a lot goes first, and lots that were left out are visited again. What is locked
# here is given free with the batch, which is small.
EMPTY_LOTS = empty("""
    a.authority_id = :authority_id AND a.kind = 'lot' AND a.expires_on <= :today
    AND (a.expires_on, a.account_id) > (CAST(:after_day AS date), CAST(:after_id AS uuid))
    ORDER BY a.expires_on, a.account_id LIMIT :limit FOR UPDATE SKIP LOCKED
""")
EMPTY_THESE = empty("""
    a.authority_id = :authority_id AND a.account_id = ANY(CAST(:account_ids AS uuid[]))
    ORDER BY a.account_id FOR UPDATE
""")
SWEPT = Columns(transfer_id="uuid", account_id="uuid", points="bigint")
RECORD = text(f"""
    INSERT INTO transfers (authority_id, transfer_id, phase, debit_account_id, credit_account_id, points, recorded_at,
                           reason)
    SELECT :authority_id, s.transfer_id, 'single', s.account_id, :into, s.points, :now, :reason
      FROM {SWEPT.unnest("s")}
""")
RECEIVE = text("""
    UPDATE accounts SET credits_posted = credits_posted + :points
     WHERE authority_id = :authority_id AND account_id = :into
""")
FIRST: Position = (datetime.date(1970, 1, 1), UUID(int=0))


@dataclass(frozen=True, slots=True)
class Swept:
    """What one batch moved; ``position`` is None when there was nothing more."""

    lots: int
    points: int
    position: Position | None


def sweep_lots(
    connection: Connection,
    into: UUID,
    *,
    authority_id: int,
    today: datetime.date,
    after: Position,
    now: datetime.datetime,
    limit: int,
) -> Swept:
    """Move the free points of lots that expired by ``today`` into an account; the lots somebody holds are left out.

    Needs a transaction of its own, to be committed at once.
    """
    rows = connection.execute(
        EMPTY_LOTS,
        {
            "authority_id": authority_id,
            "today": today,
            "after_day": after[0],
            "after_id": after[1],
            "limit": limit,
        },
    ).all()
    if not rows:
        return Swept(0, 0, None)
    points = record_swept(connection, rows, into, authority_id=authority_id, now=now)
    # The update keeps no order. Identifiers compare as text as they do in the database.
    expires_on, account_id = max((row[2], row[0]) for row in rows)
    return Swept(len(rows), points, (expires_on, UUID(account_id)))


def sweep_these(
    connection: Connection,
    account_ids: Sequence[UUID],
    into: UUID,
    *,
    authority_id: int,
    now: datetime.datetime,
    reason: SweepReason = "expiry",
) -> int:
    """Move the free points of some accounts into one; return how many. Waits for whoever holds them."""
    values = {"authority_id": authority_id, "account_ids": list(account_ids)}
    rows = connection.execute(EMPTY_THESE, values).all()
    return record_swept(connection, rows, into, authority_id=authority_id, now=now, reason=reason) if rows else 0


def record_swept(
    connection: Connection,
    rows: Sequence[Any],
    into: UUID,
    *,
    authority_id: int,
    now: datetime.datetime,
    reason: SweepReason = "expiry",
) -> int:
    """Record what was taken out of accounts, as transfers, and add the sum up where it goes; both sent together."""
    amounts = [row[1] for row in rows]
    columns = SWEPT.bind(transfer_id=[new_id_text() for _ in rows], account_id=[row[0] for row in rows], points=amounts)
    tenant = {"authority_id": authority_id, "into": into}
    execute_pipelined(
        connection,
        [
            Write(RECORD, {**tenant, "now": now, "reason": reason, **columns}),
            Write(RECEIVE, {**tenant, "points": sum(amounts)}, rows=1),
        ],
    )
    return sum(amounts)
