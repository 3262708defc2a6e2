"""The second phase: points reserved by a pending transfer are posted or voided, whole and once.

A timeout belongs to what holds the points (a voucher's ``expires_at``, a review's ``due_at``), whose own job ends it
here.
"""

import datetime
from collections.abc import Collection, Iterable, Sequence
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.ids import Id
from rewards.ledger.transfers import Transfer, record_transfers
from rewards.pipelining import Write, fetch_rows

# All accounts in the order of their ids before any is moved: the planner may move counters in any order when tables
# are small, and a redemption then met an issue at the same shop in a deadlock.
LOCK_VOUCHERS = text("""
    SELECT t.debit_account_id, t.credit_account_id, t.points, t.phase, t.transfer_id, t.pending_id, t.voucher_id
      FROM transfers t
      JOIN accounts a ON a.authority_id = t.authority_id
                     AND (a.account_id IN (t.debit_account_id, t.credit_account_id)
                          OR a.account_id = ANY(CAST(:also AS uuid[])))
     WHERE t.authority_id = :authority_id AND t.voucher_id = ANY(CAST(:voucher_ids AS uuid[]))
       AND t.phase = 'pending'
     ORDER BY a.account_id
       FOR UPDATE OF a
""")
LOCK_CREDITS = text("""
    SELECT t.transfer_id, t.debit_account_id, t.credit_account_id, t.points
      FROM transfers t
      JOIN accounts a ON a.authority_id = t.authority_id AND a.account_id IN (t.debit_account_id, t.credit_account_id)
     WHERE t.authority_id = :authority_id AND t.transfer_id = ANY(CAST(:transfer_ids AS uuid[]))
       AND t.phase = 'pending' AND t.journal_no IS NOT NULL
     ORDER BY a.account_id
       FOR UPDATE OF a
""")


def lock_pending_transfers(
    connection: Connection, voucher_ids: Collection[UUID], *, authority_id: int, also: Collection[UUID] = ()
) -> list[Transfer]:
    """Lock the accounts of vouchers' pending transfers, and ``also`` others; list the transfers, ended or not."""
    values = {"authority_id": authority_id, "voucher_ids": list(voucher_ids), "also": list(also)}
    return list(dict.fromkeys(Transfer(*row) for row in fetch_rows(connection, LOCK_VOUCHERS, values)))


def lock_pending_credits(
    connection: Connection, transfer_ids: Collection[UUID], *, authority_id: int
) -> list[Transfer]:
    """Lock the accounts of deposits' pending credits; list them as what ends them names them, ended or not.

    An ending names its credit and not the deposit, which has one credit only.
    """
    values = {"authority_id": authority_id, "transfer_ids": list(transfer_ids)}
    credits = {row.transfer_id: row for row in connection.execute(LOCK_CREDITS, values)}
    return [
        Transfer(
            row.debit_account_id,
            row.credit_account_id,
            row.points,
            "pending",
            transfer_id=transfer_id,
            reason="review",
            cause_id=transfer_id,
        )
        for transfer_id, row in credits.items()
    ]


def end_pending_transfers(
    connection: Connection,
    pending: Iterable[Transfer],
    *,
    authority_id: int,
    phase: Literal["post", "void"],
    now: datetime.datetime,
    beside: Sequence[Write] = (),
) -> list[Id]:
    """Post or void ``pending`` transfers whole, ``beside`` other writes; each can be ended once.

    Raises:
        PendingAlreadyEndedError: one of them was ended before.
    """
    endings = [
        Transfer(
            transfer.debit_account_id,
            transfer.credit_account_id,
            transfer.points,
            phase,
            pending_id=transfer.transfer_id,
            voucher_id=transfer.voucher_id,
            reason=transfer.reason,
            cause_id=transfer.cause_id,
        )
        for transfer in pending
    ]
    return record_transfers(connection, endings, authority_id=authority_id, now=now, beside=beside)
