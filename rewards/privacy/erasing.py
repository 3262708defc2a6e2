"""Erasing a citizen: their points to the authority, their vouchers cancelled, and nothing left that names them.

Somebody who shares a wallet leaves it with nothing: points, vouchers and movements are the household's, as they are
when a member leaves, and no transfer says who earned what. Somebody alone in a wallet is erased with the cards they
once claimed, which are citizens too.

An erasure is noted in the register first, done in one transaction, and finished a day later, when no worker remembers
the citizen any more. Source: docs/decisions/0035-erasure.md.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, insert, text

from rewards.badges import announce_holders_change
from rewards.cards import CitizenUnknownError
from rewards.households import WalletChangedError
from rewards.households.changes import lock_wallets
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.privacy.erasure_register import ErasureRegister
from rewards.privacy.forfeiting import LATE, Forfeited, forfeit_wallet
from rewards.privacy.identity import remove_identity, remove_invitation, remove_warnings
from rewards.privacy.last_letters import post_last_letters
from rewards.schema.citizens import Wallet

FIND_WALLET = text("""
    SELECT wallet_id FROM citizens WHERE authority_id = :authority_id AND citizen_id = :citizen_id
""")
LOCK_MEMBERS = text("""
    SELECT citizen_id, state, erased_at FROM citizens
     WHERE authority_id = :authority_id AND wallet_id = :wallet_id
     ORDER BY citizen_id FOR NO KEY UPDATE
""")
# The guard: of two at once the second finds them erased.
ERASE = text("""
    UPDATE citizens SET state = 'erased', erased_at = :now
     WHERE authority_id = :authority_id AND citizen_id = ANY(CAST(:citizen_ids AS uuid[])) AND state <> 'erased'
""")
LEAVE = text("""
    UPDATE citizens SET wallet_id = :to_wallet_id WHERE authority_id = :authority_id AND citizen_id = :citizen_id
""")
LIST_UNFINISHED = text("""
    SELECT citizen_id FROM citizens
     WHERE authority_id = :authority_id AND erased_at <= :before AND citizen_id > :after
     ORDER BY citizen_id LIMIT :limit
""")
REMOVE = text("""
    DELETE FROM citizens
     WHERE authority_id = :authority_id AND citizen_id = ANY(CAST(:citizen_ids AS uuid[])) AND erased_at <= :before
""")
LIST_UNKNOWN = text("""
    SELECT citizen_id FROM citizens
     WHERE authority_id = :authority_id AND citizen_id = ANY(CAST(:citizen_ids AS uuid[])) AND state <> 'erased'
     ORDER BY citizen_id
""")
BEFORE_ALL = UUID(int=0)
MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure came to: the citizens it took (with cards they had claimed), and what their wallet gave.

    ``has_left_household``: others share the wallet, and kept all of it. ``is_finished``: nothing is left to be done a
    day later. ``is_repeat``: they were erased before.
    """

    citizens: int
    points: int
    vouchers: int
    has_left_household: bool
    is_finished: bool
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class Members:
    """Who is in a locked wallet, seen from one of them."""

    wallet_id: UUID
    own: Row[Any]
    others: list[Row[Any]]

    @property
    def is_shared(self) -> bool:
        """Whether somebody else lives in it; a card that was claimed does not."""
        return any(each.state == "active" for each in self.others)

    @property
    def leaving(self) -> list[UUID]:
        """Who goes: the one, with whoever is left behind in the wallet by nobody."""
        return [self.own.citizen_id, *(() if self.is_shared else (each.citizen_id for each in self.others))]


def erase_citizen(
    connection: Connection,
    keyring: Keyring | None,
    register: ErasureRegister,
    citizen_id: UUID,
    *,
    authority_id: int,
    asked_by: str,
    now: datetime.datetime,
) -> Erased:
    """Erase a citizen for ever; confirmed by whoever calls. Safe to repeat and at once. As ``bontri_privacy``.

    ``asked_by`` is written into the register: ``citizen``, or who did it for them. With a ``keyring`` they get a last
    letter; None for whom a restore brought back, who had it.

    Raises:
        CitizenUnknownError: the authority never had them.
        WalletChangedError: the wallet was merged or left at the same moment.
        ErasureRegisterFaultyError, OSError: the register cannot be read or written; nothing was changed.
    """
    members = lock_members(connection, citizen_id, authority_id=authority_id)
    if members is None:
        if register.holds(citizen_id, authority_id=authority_id):
            return Erased(0, 0, 0, has_left_household=False, is_finished=True, is_repeat=True)
        raise CitizenUnknownError("id")
    register.add(members.leaving, authority_id=authority_id, asked_by=asked_by, now=now)
    values = {"authority_id": authority_id, "citizen_ids": members.leaving, "now": now}
    erased = connection.execute(ERASE, values).rowcount
    if keyring is not None:
        post_last_letters(connection, keyring, members.leaving, authority_id=authority_id, now=now)
    forfeited = take_out(connection, members, authority_id=authority_id, is_final=False, now=now)
    announce_holders_change(connection, authority_id=authority_id)
    return Erased(
        erased,
        forfeited.points,
        forfeited.vouchers,
        has_left_household=members.is_shared,
        is_finished=forfeited.is_cut,
        is_repeat=members.own.state == "erased",
    )


def lock_members(connection: Connection, citizen_id: UUID, *, authority_id: int) -> Members | None:
    """Lock the wallet of a citizen and whoever is in it; None when there is no such citizen.

    Raises:
        WalletChangedError: it is not their wallet any more.
    """
    wallet_id = connection.scalar(FIND_WALLET, {"authority_id": authority_id, "citizen_id": citizen_id})
    if wallet_id is None:
        return None
    remove_invitation(connection, wallet_id, authority_id=authority_id)
    lock_wallets(connection, [wallet_id], authority_id=authority_id)
    rows = connection.execute(LOCK_MEMBERS, {"authority_id": authority_id, "wallet_id": wallet_id}).all()
    own = next((each for each in rows if each.citizen_id == citizen_id), None)
    if own is None:
        raise WalletChangedError
    return Members(wallet_id, own, [each for each in rows if each is not own])


def take_out(
    connection: Connection, members: Members, *, authority_id: int, is_final: bool, now: datetime.datetime
) -> Forfeited:
    """Remove what names those who leave; then either they leave the household, or their wallet is emptied."""
    remove_identity(connection, members.leaving, authority_id=authority_id)
    if members.is_shared:
        to_wallet_id = new_id()
        connection.execute(insert(Wallet).values(authority_id=authority_id, wallet_id=to_wallet_id, created_at=now))
        own = {"authority_id": authority_id, "citizen_id": members.own.citizen_id}
        connection.execute(LEAVE, {**own, "to_wallet_id": to_wallet_id})
        return Forfeited(0, 0, is_cut=True)
    remove_warnings(connection, members.wallet_id, authority_id=authority_id)
    return forfeit_wallet(connection, members.wallet_id, authority_id=authority_id, is_final=is_final, now=now)


def list_unfinished(
    connection: Connection, *, authority_id: int, now: datetime.datetime, after: UUID = BEFORE_ALL
) -> list[UUID]:
    """List citizens erased a day ago of whom something may be left, by id, those behind ``after``."""
    values = {"authority_id": authority_id, "before": now - LATE, "after": after, "limit": MOST_AT_ONCE}
    return list(connection.scalars(LIST_UNFINISHED, values))


def finish_erasure(connection: Connection, citizen_id: UUID, *, authority_id: int, now: datetime.datetime) -> bool:
    """Take what came in since an erasure, cut the last links, and remove the citizen; in a transaction of its own.

    False while a review or a voucher of the last moment holds points; and when another run was faster.
    """
    try:
        members = lock_members(connection, citizen_id, authority_id=authority_id)
    except WalletChangedError:
        return False
    if members is None or members.own.state != "erased":
        return False
    forfeited = take_out(connection, members, authority_id=authority_id, is_final=True, now=now)
    if not forfeited.is_cut:
        return False
    connection.execute(REMOVE, {"authority_id": authority_id, "citizen_ids": members.leaving, "before": now - LATE})
    return True


def list_unknown_erasures(connection: Connection, citizen_ids: Collection[UUID], *, authority_id: int) -> list[UUID]:
    """List those of erased citizens whom the database does not know as erased: a restore brought them back."""
    values = {"authority_id": authority_id, "citizen_ids": list(citizen_ids)}
    return list(connection.scalars(LIST_UNKNOWN, values))
