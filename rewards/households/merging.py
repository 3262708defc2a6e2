"""Merging: one wallet's points move into another's lots of the same month, and its members with them.

The merged wallet stays, and says into which it was merged: what a voucher holds of it, what a redemption taken back
returns, and what a worker still credits to a lot it remembers, is the other wallet's from then on, wherever it lies.
So a merge races nobody but those who merge or leave the same wallets, and for these it locks both. Source:
docs/decisions/0031-a-merged-wallet-points-to-another.md.
"""

import datetime
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.badges import announce_holders_change
from rewards.households.changes import list_expiries, lock_moves, lock_wallets, record_change
from rewards.households.refusals import WalletChangedError
from rewards.lots import open_lots_like
from rewards.outbox import post_to_wallets

# Both are open: else two merges in opposite directions would each close what the other leads to.
MERGE = text("""
    UPDATE wallets f SET merged_into = t.wallet_id
      FROM wallets t
     WHERE f.authority_id = :authority_id AND f.wallet_id = :from_wallet_id AND f.merged_into IS NULL
       AND t.authority_id = f.authority_id AND t.wallet_id = :to_wallet_id AND t.merged_into IS NULL
""")
FIND_MERGED = text("""
    SELECT 1 FROM wallets
     WHERE authority_id = :authority_id
       AND (wallet_id, merged_into) IN ((:from_wallet_id, :to_wallet_id), (:to_wallet_id, :from_wallet_id))
""")
TAKE_ALONG = text("""
    UPDATE wallets SET merged_into = :to_wallet_id
     WHERE authority_id = :authority_id AND merged_into = :from_wallet_id
""")
MOVE_MEMBERS = text("""
    UPDATE citizens SET wallet_id = :to_wallet_id
     WHERE authority_id = :authority_id AND wallet_id = :from_wallet_id
""")


@dataclass(frozen=True, slots=True)
class Merged:
    """The wallet that is left, and the points that came into it. ``is_repeat``: they were one before."""

    wallet_id: UUID
    points: int
    is_repeat: bool


def merge_wallets(
    connection: Connection,
    *,
    authority_id: int,
    from_wallet_id: UUID,
    to_wallet_id: UUID,
    made_by: str,
    now: datetime.datetime,
) -> Merged:
    """Merge a wallet into another. Safe to repeat; the consents are the caller's to ask for.

    Raises:
        WalletChangedError: one of them was merged with a third meanwhile.
    """
    values: dict[str, Any] = {
        "authority_id": authority_id,
        "from_wallet_id": from_wallet_id,
        "to_wallet_id": to_wallet_id,
    }
    if from_wallet_id == to_wallet_id:
        return Merged(to_wallet_id, 0, is_repeat=True)
    lock_wallets(connection, [from_wallet_id, to_wallet_id], authority_id=authority_id)
    expiries = list_expiries(connection, authority_id=authority_id, wallet_id=from_wallet_id, now=now)
    if connection.execute(MERGE, values).rowcount != 1:
        if connection.execute(FIND_MERGED, values).first() is None:
            raise WalletChangedError
        return Merged(to_wallet_id, 0, is_repeat=True)
    # Before the members and the accounts are touched, which a worker that opens the same lot wants next.
    open_lots_like(connection, expiries, authority_id=authority_id, wallet_id=to_wallet_id, now=now)
    connection.execute(MOVE_MEMBERS, values)
    moves = lock_moves(connection, **values, now=now)
    points = record_change(connection, "merge", moves, **values, made_by=made_by, now=now)
    connection.execute(TAKE_ALONG, values)
    announce_holders_change(connection, authority_id=authority_id)
    letter = (to_wallet_id, {"points": points})
    post_to_wallets(connection, "wallet_merged", [letter], authority_id=authority_id, now=now)
    return Merged(to_wallet_id, points, is_repeat=False)
