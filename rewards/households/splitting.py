"""Leaving a household: a member goes on with a wallet of their own and a share of the points.

Transfers name no citizen, so nobody can say whose card earned what is left, and a share cannot rest on it. It is one
part of as many as there are members, or what they agree on. Vouchers stay with the household.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, text

from rewards.badges import announce_holders_change
from rewards.households.changes import Move, list_expiries, lock_moves, lock_wallets, record_change
from rewards.households.refusals import ShareTooLargeError, WalletChangedError, WalletNotSharedError
from rewards.ids import new_id
from rewards.lots import open_lots_like
from rewards.outbox import post_to_wallets
from rewards.schema.citizens import Wallet
from rewards.wallets import get_wallet

COUNT_MEMBERS = text("""
    SELECT count(*) FROM citizens
     WHERE authority_id = :authority_id AND wallet_id = :wallet_id AND state = 'active'
""")
LEAVE = text("""
    UPDATE citizens SET wallet_id = :to_wallet_id
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND wallet_id = :wallet_id
""")


@dataclass(frozen=True, slots=True)
class Share:
    """The wallet a member left with, and the points in it."""

    wallet_id: UUID
    points: int


def leave_household(
    connection: Connection,
    citizen_id: UUID,
    *,
    authority_id: int,
    wallet_id: UUID,
    points: int | None = None,
    made_by: str,
    now: datetime.datetime,
) -> Share:
    """Let a member leave a shared wallet with ``points``, with an equal share when None.

    A second time there is nothing to leave. A deposit of the next second may still be credited to the household.

    Raises:
        WalletNotSharedError: nobody else shares the wallet.
        WalletChangedError: it is not the citizen's wallet any more.
        ShareTooLargeError: the wallet has fewer points free.
    """
    lock_wallets(connection, [wallet_id], authority_id=authority_id)
    members = count_members(connection, authority_id=authority_id, wallet_id=wallet_id)
    if members < 2:
        raise WalletNotSharedError
    own: dict[str, Any] = {"authority_id": authority_id, "wallet_id": wallet_id, "now": now}
    new_wallet_id = move_member(connection, citizen_id, **own)
    pair: dict[str, Any] = {"authority_id": authority_id, "from_wallet_id": wallet_id, "to_wallet_id": new_wallet_id}
    moves = lock_moves(connection, **pair, now=now)
    available_points = sum(move.points for move in moves)
    if points is None:
        points = min(get_wallet(connection, **own).points // members, available_points)
    if points > available_points:
        raise ShareTooLargeError(points=points, available_points=available_points)
    record_change(connection, "split", share_out(moves, points), **pair, made_by=made_by, now=now)
    announce_holders_change(connection, authority_id=authority_id)
    letters = [(new_wallet_id, {"points": points, "is_own": True}), (wallet_id, {"points": points, "is_own": False})]
    post_to_wallets(connection, "wallet_left", letters, authority_id=authority_id, now=now)
    return Share(new_wallet_id, points)


def move_member(
    connection: Connection, citizen_id: UUID, *, authority_id: int, wallet_id: UUID, now: datetime.datetime
) -> UUID:
    """Give a member of a wallet one of their own, with an empty lot for each of its months; return its id.

    Raises:
        WalletChangedError: it is not the citizen's wallet any more.
    """
    tenant, new_wallet_id = {"authority_id": authority_id}, new_id()
    connection.execute(insert(Wallet).values(**tenant, wallet_id=new_wallet_id, created_at=now))
    expiries = list_expiries(connection, authority_id=authority_id, wallet_id=wallet_id, now=now)
    open_lots_like(connection, expiries, authority_id=authority_id, wallet_id=new_wallet_id, now=now)
    values = {**tenant, "citizen_id": citizen_id, "wallet_id": wallet_id, "to_wallet_id": new_wallet_id}
    if connection.execute(LEAVE, values).rowcount != 1:
        raise WalletChangedError
    return new_wallet_id


def count_members(connection: Connection, *, authority_id: int, wallet_id: UUID) -> int:
    """Count the citizens who share a wallet."""
    return int(connection.scalar(COUNT_MEMBERS, {"authority_id": authority_id, "wallet_id": wallet_id}) or 0)


def share_out(moves: Sequence[Move], points: int) -> list[Move]:
    """Return ``points`` of what could move: of each lot in proportion, what rounding leaves from the first ones.

    So nobody is left with only the points that expire tomorrow. ``moves`` are soonest to expire first, and hold enough.
    """
    whole = sum(move.points for move in moves)
    parts = [move.points * points // whole for move in moves] if whole else []
    missing = points - sum(parts)
    shared = []
    for move, part in zip(moves, parts, strict=True):
        more = min(missing, move.points - part)
        missing -= more
        shared.append(replace(move, points=part + more))
    return shared
