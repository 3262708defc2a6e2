"""What accounts held at any time, and every entry of one with its running balance; from the transfers alone.

The counters on ``accounts`` say what is held now. Here the same is summed from what is never changed, so it can be said
for any instant of the past. An instant is settled once every transaction that began before it has ended: ten seconds.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

# Deposits are found through the journals of the bin whose account they debit: an index by debit account would cost the
# ingest an entry a deposit.
MOVES = """
    SELECT t.authority_id, t.transfer_id, t.recorded_at, t.phase, t.debit_account_id AS account_id,
           -t.points AS points, t.credit_account_id AS other_account_id, t.reason, t.cause_id, t.voucher_id,
           t.journal_no, t.seq
      FROM transfers t
     WHERE t.authority_id = :authority_id AND t.debit_account_id = ANY(CAST(:account_ids AS uuid[]))
       AND t.journal_no IS NULL
    UNION ALL
    SELECT t.authority_id, t.transfer_id, t.recorded_at, t.phase, t.debit_account_id, -t.points,
           t.credit_account_id, t.reason, t.cause_id, t.voucher_id, t.journal_no, t.seq
      FROM bins b
      JOIN bin_journals j ON j.authority_id = b.authority_id AND j.bin_id = b.bin_id
      JOIN transfers t ON t.authority_id = j.authority_id AND t.journal_no = j.journal_no
                      AND t.debit_account_id = b.issuing_account_id
     WHERE b.authority_id = :authority_id AND b.issuing_account_id = ANY(CAST(:account_ids AS uuid[]))
    UNION ALL
    SELECT t.authority_id, t.transfer_id, t.recorded_at, t.phase, t.credit_account_id, t.points,
           t.debit_account_id, t.reason, t.cause_id, t.voucher_id, t.journal_no, t.seq
      FROM transfers t
     WHERE t.authority_id = :authority_id AND t.credit_account_id = ANY(CAST(:account_ids AS uuid[]))
"""
POSTED = "CASE WHEN phase IN ('single', 'post') THEN points ELSE 0 END"
PENDING = "CASE phase WHEN 'pending' THEN points WHEN 'single' THEN 0 ELSE -points END"

SUM_BALANCES = text(f"""
    SELECT account_id, sum({POSTED}) AS posted_points, sum({PENDING}) AS pending_points
      FROM ({MOVES}) AS moves
     WHERE authority_id = :authority_id AND (CAST(:at AS timestamptz) IS NULL OR recorded_at <= :at)
     GROUP BY account_id
""")
LIST_ENTRIES = text(f"""
    SELECT * FROM (
        SELECT transfer_id, recorded_at, phase, other_account_id, points, reason, cause_id, voucher_id, journal_no, seq,
               CAST(sum({POSTED}) OVER up_to_here AS bigint) AS posted_points,
               CAST(sum({PENDING}) OVER up_to_here AS bigint) AS pending_points
          FROM ({MOVES}) AS moves
         WHERE authority_id = :authority_id
        WINDOW up_to_here AS (ORDER BY recorded_at, transfer_id)) AS entries
     WHERE (CAST(:since AS timestamptz) IS NULL OR recorded_at >= :since)
       AND (CAST(:until AS timestamptz) IS NULL OR recorded_at < :until)
     ORDER BY recorded_at, transfer_id
     LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Balance:
    """Credits minus debits of an account: ``posted_points``, and ``pending_points`` that are not decided yet.

    Negative is what the account has given; only accounts of the authority may be so in ``posted_points``.
    """

    posted_points: int
    pending_points: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer as an account sees it: ``points`` come in, or go out when negative.

    ``posted_points`` and ``pending_points`` are the account's balance after it. Why it exists is said by one of
    ``journal_no`` with ``seq``, ``voucher_id``, or ``reason`` with ``cause_id``.
    """

    transfer_id: UUID
    recorded_at: datetime.datetime
    phase: str
    other_account_id: UUID
    points: int
    reason: str | None
    cause_id: UUID | None
    voucher_id: UUID | None
    journal_no: int | None
    seq: int | None
    posted_points: int
    pending_points: int


def sum_balances(
    connection: Connection, account_ids: Collection[UUID], *, authority_id: int, at: datetime.datetime | None = None
) -> dict[UUID, Balance]:
    """Return what each account held at ``at``, now when None; an account without transfers held nothing."""
    values = {"authority_id": authority_id, "account_ids": list(account_ids), "at": at}
    balances = dict.fromkeys(account_ids, Balance(0, 0))
    for account_id, posted_points, pending_points in connection.execute(SUM_BALANCES, values):
        balances[account_id] = Balance(int(posted_points), int(pending_points))
    return balances


def get_balance(
    connection: Connection, account_id: UUID, *, authority_id: int, at: datetime.datetime | None = None
) -> Balance:
    """Return what one account held at ``at``, now when None."""
    return sum_balances(connection, [account_id], authority_id=authority_id, at=at)[account_id]


def list_entries(
    connection: Connection,
    account_id: UUID,
    *,
    authority_id: int,
    since: datetime.datetime | None = None,
    until: datetime.datetime | None = None,
    limit: int = 10_000,
) -> list[Entry]:
    """List the entries of an account recorded from ``since`` until before ``until``, oldest first.

    Balances run from the account's first entry, whatever ``since`` is.
    """
    values = {
        "authority_id": authority_id,
        "account_ids": [account_id],
        "since": since,
        "until": until,
        "limit": limit,
    }
    return [Entry(*row) for row in connection.execute(LIST_ENTRIES, values)]
