"""Sweeping: many accounts emptied into one at once, each by a transfer of its own. The other door to the ledger.

Beside ``transfers.py`` because it must not wait: accounts somebody holds are left out, and what the others hold is
read, moved and told in one statement.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.ids import new_id_text

Position = tuple[datetime.date, UUID]
"""(expires_on, account_id) of the last lot of a batch: the next one begins behind it."""

# Never waits: a redemption that holds a lot goes first, and lots that were left out are visited again. What is locked
# here is given free with the batch, which is small. Chosen once and for all, hence MATERIALIZED: a subquery may be
# executed again for each account, and its LIMIT then bounds nothing (seen: 9 lots where 4 were asked for).
SWEEP_LOTS = text("""
    WITH l AS MATERIALIZED (
        SELECT account_id, credits_posted - debits_posted - debits_pending AS points FROM accounts
         WHERE authority_id = :authority_id AND kind = 'lot' AND expires_on <= :today
           AND (expires_on, account_id) > (CAST(:after_day AS date), CAST(:after_id AS uuid))
           AND credits_posted - debits_posted - debits_pending > 0
         ORDER BY expires_on, account_id LIMIT :limit
           FOR UPDATE SKIP LOCKED)
    UPDATE accounts a SET debits_posted = a.debits_posted + l.points
      FROM l WHERE a.authority_id = :authority_id AND a.account_id = l.account_id
    RETURNING CAST(a.account_id AS text), l.points, a.expires_on
""")
SWEEP_THESE = text("""
    WITH l AS MATERIALIZED (
        SELECT account_id, credits_posted - debits_posted - debits_pending AS points FROM accounts
         WHERE authority_id = :authority_id AND account_id = ANY(CAST(:account_ids AS uuid[]))
           AND credits_posted - debits_posted - debits_pending > 0
         ORDER BY account_id FOR UPDATE)
    UPDATE accounts a SET debits_posted = a.debits_posted + l.points
      FROM l WHERE a.authority_id = :authority_id AND a.account_id = l.account_id
    RETURNING CAST(a.account_id AS text), l.points
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
        SWEEP_LOTS,
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
    last = max((row[2], row[0]) for row in rows)
    return Swept(len(rows), points, (last[0], UUID(last[1])))


def sweep_these(
    connection: Connection, account_ids: Sequence[UUID], into: UUID, *, authority_id: int, now: datetime.datetime
) -> int:
    """Move the free points of some accounts into one; return how many. Waits for whoever holds them."""
    values = {"authority_id": authority_id, "account_ids": list(account_ids)}
    rows = connection.execute(SWEEP_THESE, values).all()
    return record_swept(connection, rows, into, authority_id=authority_id, now=now) if rows else 0


def record_swept(
    connection: Connection, rows: Sequence[Any], into: UUID, *, authority_id: int, now: datetime.datetime
) -> int:
    """Record what was taken out of accounts as transfers, and the sum where it went."""
    account_ids, amounts = [row[0] for row in rows], [row[1] for row in rows]
    columns = SWEPT.bind(transfer_id=[new_id_text() for _ in rows], account_id=account_ids, points=amounts)
    tenant = {"authority_id": authority_id, "into": into}
    connection.execute(RECORD, {**tenant, "now": now, "reason": "expiry", **columns})
    connection.execute(RECEIVE, {**tenant, "points": sum(amounts)})
    return sum(amounts)
