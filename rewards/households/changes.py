"""What merging and splitting share: wallets locked in order, the row that is the cause, lots met by their months."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, insert, text

from rewards.ids import new_id
from rewards.ledger import Transfer, record_transfers
from rewards.schema.citizens import WalletChange
from rewards.wallets import TODAY, WALLETS_OF

# Not FOR UPDATE: a worker that opens a lot refers to the wallet, and is waited for where it opens the same one. With
# those merged into them, which are pointed elsewhere by the next merge.
LOCK_WALLETS = text("""
    SELECT wallet_id FROM wallets
     WHERE authority_id = :authority_id
       AND (wallet_id = ANY(CAST(:wallet_ids AS uuid[])) OR merged_into = ANY(CAST(:wallet_ids AS uuid[])))
     ORDER BY wallet_id FOR NO KEY UPDATE
""")
LIST_MONTHS = text(f"""
    SELECT w.lot_month, min(a.expires_on) AS expires_on FROM wallet_accounts w
      JOIN accounts a ON a.authority_id = w.authority_id AND a.account_id = w.account_id
     WHERE w.authority_id = :authority_id AND w.wallet_id = ANY({WALLETS_OF}) AND a.expires_on > {TODAY}
       AND a.credits_posted - a.debits_posted - a.debits_pending > 0
     GROUP BY w.lot_month
""")
# In the order of their ids, as every writer of accounts locks them.
LOCK_MONTHS = text(f"""
    SELECT a.account_id, w.wallet_id, w.lot_month, a.expires_on,
           a.credits_posted - a.debits_posted - a.debits_pending AS points
      FROM accounts a
      JOIN wallet_accounts w ON w.authority_id = a.authority_id AND w.account_id = a.account_id
     WHERE a.authority_id = :authority_id AND a.expires_on > {TODAY}
       AND w.wallet_id = ANY({WALLETS_OF} || CAST(:to_wallet_id AS uuid))
     ORDER BY a.account_id FOR UPDATE OF a
""")


@dataclass(frozen=True, slots=True)
class Move:
    """The lot points leave, the lot they go to, which expires on the same day, and how many could."""

    from_account_id: UUID
    to_account_id: UUID
    expires_on: datetime.date
    points: int


def lock_wallets(connection: Connection, wallet_ids: Iterable[UUID], *, authority_id: int) -> None:
    """Lock wallets against others who merge or leave them; deposits and vouchers go on."""
    connection.execute(LOCK_WALLETS, {"authority_id": authority_id, "wallet_ids": list(wallet_ids)})


def list_expiries(
    connection: Connection, *, authority_id: int, wallet_id: UUID, now: datetime.datetime
) -> dict[datetime.date, datetime.date]:
    """Return when the points of each month expire of which a wallet has some to spend."""
    values = {"authority_id": authority_id, "wallet_id": wallet_id, "now": now}
    return {row.lot_month: row.expires_on for row in connection.execute(LIST_MONTHS, values)}


def lock_moves(
    connection: Connection, *, authority_id: int, from_wallet_id: UUID, to_wallet_id: UUID, now: datetime.datetime
) -> list[Move]:
    """Lock the lots of two wallets that can be spent; list what could move, soonest to expire first.

    Points move only into a lot of the same month and expiry. What finds none stays where it is.
    """
    values = {"authority_id": authority_id, "wallet_id": from_wallet_id, "to_wallet_id": to_wallet_id, "now": now}
    lots = connection.execute(LOCK_MONTHS, values).all()
    to_lots = {(lot.lot_month, lot.expires_on): lot.account_id for lot in lots if lot.wallet_id == to_wallet_id}
    moves = [
        Move(lot.account_id, to_lots[lot.lot_month, lot.expires_on], lot.expires_on, lot.points)
        for lot in lots
        if lot.wallet_id != to_wallet_id and lot.points > 0 and (lot.lot_month, lot.expires_on) in to_lots
    ]
    return sorted(moves, key=lambda move: (move.expires_on, move.from_account_id))


def record_change(
    connection: Connection,
    kind: Literal["merge", "split"],
    moves: Iterable[Move],
    *,
    authority_id: int,
    from_wallet_id: UUID,
    to_wallet_id: UUID,
    made_by: str,
    now: datetime.datetime,
) -> int:
    """Note the change and make its transfers; return the points moved."""
    change_id = new_id()
    transfers = [
        Transfer(move.from_account_id, move.to_account_id, move.points, reason=kind, cause_id=change_id)
        for move in moves
        if move.points
    ]
    points = sum(transfer.points for transfer in transfers)
    facts: dict[str, Any] = {"from_wallet_id": from_wallet_id, "to_wallet_id": to_wallet_id, "points": points}
    connection.execute(
        insert(WalletChange).values(
            authority_id=authority_id, change_id=change_id, kind=kind, **facts, made_by=made_by, made_at=now
        )
    )
    if transfers:
        record_transfers(connection, transfers, authority_id=authority_id, now=now)
    return points
