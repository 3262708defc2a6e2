"""The one door to the ledger: transfers go in here together with the counters they move.

Double entry in the manner of TigerBeetle: a transfer moves a positive number of points from a debit to a credit
account and is never changed. A pending transfer reserves; a later ``post`` or ``void`` ends it, at most once. The
database decides: CHECK ``no_overdraft`` on accounts, unique ``pending_id`` on transfers. What the points are for
(deposits, vouchers) must not go in here.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from rewards.arrays import Columns
from rewards.errors import OverdraftError, PendingAlreadyEndedError, violates
from rewards.ids import Id, new_id, new_id_text
from rewards.pipelining import Write, execute_pipelined

Phase = Literal["single", "pending", "post", "void"]


@dataclass(slots=True, unsafe_hash=True)
class Transfer:
    """A transfer to record. It says why it exists: one of a deposit, a voucher or a ``reason`` (schema/ledger.py).

    ``journal_no``, ``seq`` name the deposit it credits, with how the points came about; ``cause_id`` belongs to
    ``reason``. The accounts of one batch are named all as UUID or all as text.
    """

    debit_account_id: Id
    credit_account_id: Id
    points: int
    phase: Phase = "single"
    transfer_id: Id | None = None
    pending_id: Id | None = None
    voucher_id: Id | None = None
    journal_no: int | None = None
    seq: int | None = None
    tariff_line_id: Id | None = None
    withheld_points: int | None = None
    withheld_by: str | None = None
    campaign_id: Id | None = None
    campaign_points: int | None = None
    reason: str | None = None
    cause_id: Id | None = None


TRANSFER_COLUMNS = Columns(
    transfer_id="uuid",
    phase="text",
    debit_account_id="uuid",
    credit_account_id="uuid",
    points="bigint",
    pending_id="uuid",
    voucher_id="uuid",
    journal_no="integer",
    seq="bigint",
    tariff_line_id="uuid",
    withheld_points="integer",
    withheld_by="text",
    campaign_id="uuid",
    campaign_points="integer",
    reason="text",
    cause_id="uuid",
)
INSERT_TRANSFERS = text(f"""
    INSERT INTO transfers (authority_id, recorded_at, {TRANSFER_COLUMNS.names})
    SELECT :authority_id, :now, t.* FROM {TRANSFER_COLUMNS.unnest("t")}
""")

MOVED = Columns(
    account_id="uuid",
    debits_posted="bigint",
    credits_posted="bigint",
    debits_pending="bigint",
    credits_pending="bigint",
)
# The subquery is ordered by account, so that two batches lock accounts in the same order. That holds for the plans of
# the ingest's role on analysed tables (and a batch that met a deadlock is repeated); a hash join takes any order, so
# writers elsewhere lock their accounts first: lock_pending_transfers in pending.py, lock_lots in rewards/wallets.py.
MOVE_COUNTERS = text(f"""
    UPDATE accounts
       SET debits_posted = accounts.debits_posted + m.debits_posted,
           credits_posted = accounts.credits_posted + m.credits_posted,
           debits_pending = accounts.debits_pending + m.debits_pending,
           credits_pending = accounts.credits_pending + m.credits_pending
      FROM (SELECT * FROM {MOVED.unnest("u")} ORDER BY account_id) AS m
     WHERE accounts.authority_id = :authority_id AND accounts.account_id = m.account_id
""")


def record_transfers(
    connection: Connection,
    transfers: Sequence[Transfer],
    *,
    authority_id: int,
    now: datetime.datetime,
    beside: Sequence[Write] = (),
) -> list[Id]:
    """Insert ``transfers`` and move the counters of their accounts; return their ids in the same order.

    Two statements however many transfers, sent together and with the writes ``beside`` them, which come first. Needs
    the caller's transaction, which must be rolled back when this raises. ``post`` and ``void`` transfers must repeat
    accounts and points of their pending transfer.

    Raises:
        OverdraftError: an account that must not be overdrawn would be.
        PendingAlreadyEndedError: another post or void ended one of the pending transfers.
    """
    ids: list[Id] = [transfer.transfer_id or new_id() for transfer in transfers]
    named = [replace(transfer, transfer_id=id_) for transfer, id_ in zip(transfers, ids, strict=True)]
    try:
        execute_pipelined(connection, [*beside, *plan_transfers(named, authority_id=authority_id, now=now)])
    except IntegrityError as error:
        if violates(error, "ck_accounts_no_overdraft"):
            raise OverdraftError from error
        if violates(error, "uq_transfers_pending"):
            raise PendingAlreadyEndedError from error
        raise
    return ids


def plan_transfers(transfers: Sequence[Transfer], *, authority_id: int, now: datetime.datetime) -> list[Write]:
    """Return the two writes that record ``transfers``: their rows, then the counters of their accounts.

    Transfers without an id get one. All or none: both belong into one transaction.
    """
    if not transfers:
        return []
    ids = [transfer.transfer_id or new_id_text() for transfer in transfers]
    rows = {"authority_id": authority_id, "now": now, **TRANSFER_COLUMNS.bind_rows(transfers, transfer_id=ids)}
    return [Write(INSERT_TRANSFERS, rows), plan_counters(transfers, authority_id=authority_id)]


def plan_counters(transfers: Iterable[Transfer], *, authority_id: int) -> Write:
    """Return the write that adds what ``transfers`` move to the four counters of each account they name."""
    moved: defaultdict[Id, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for transfer in transfers:
        debit, credit, points = moved[transfer.debit_account_id], moved[transfer.credit_account_id], transfer.points
        if transfer.phase in ("single", "post"):
            debit[0] += points
            credit[1] += points
        if transfer.phase != "single":
            reserved = points if transfer.phase == "pending" else -points
            debit[2] += reserved
            credit[3] += reserved
    debits_posted, credits_posted, debits_pending, credits_pending = zip(*moved.values(), strict=True)
    columns = MOVED.bind(
        account_id=moved,
        debits_posted=debits_posted,
        credits_posted=credits_posted,
        debits_pending=debits_pending,
        credits_pending=credits_pending,
    )
    return Write(MOVE_COUNTERS, {"authority_id": authority_id, **columns}, rows=len(moved))
