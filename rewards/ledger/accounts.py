"""Accounts: opened, locked, and listed with what they hold now and whose they are.

A lot's owner is not told: the link is for the wallet alone.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.errors import OperatorRefusedError
from rewards.ids import Id, new_id

LIST_ACCOUNTS = text("""
    SELECT a.account_id, a.kind, coalesce(b.bin_id, s.name, c.name, g.title) AS owner,
           a.credits_posted - a.debits_posted AS posted_points, a.credits_pending - a.debits_pending AS pending_points
      FROM accounts a
      LEFT JOIN bins b ON b.authority_id = a.authority_id AND b.issuing_account_id = a.account_id
      LEFT JOIN shops s ON s.authority_id = a.authority_id AND s.account_id = a.account_id
      LEFT JOIN causes c ON c.authority_id = a.authority_id AND c.account_id = a.account_id
      LEFT JOIN goals g ON g.authority_id = a.authority_id AND g.account_id = a.account_id
     WHERE a.authority_id = :authority_id
       AND a.kind = coalesce(CAST(:kind AS text), a.kind) AND (a.kind <> 'lot' OR CAST(:kind AS text) = 'lot')
     ORDER BY a.kind, owner, a.account_id
     LIMIT :most
""")
OPEN = text("""
    INSERT INTO accounts (authority_id, account_id, kind, created_at) VALUES (:authority_id, :account_id, :kind, :now)
""")
LOCK = text("""
    SELECT account_id FROM accounts
     WHERE authority_id = :authority_id AND account_id = ANY(CAST(:account_ids AS uuid[]))
     ORDER BY account_id FOR UPDATE
""")
FIND_ACCOUNT = text("SELECT 1 FROM accounts WHERE authority_id = :authority_id AND account_id = :account_id")


class AccountUnknownError(OperatorRefusedError):
    """The authority has no such account."""

    code = "account_unknown"

    def __init__(self, account_id: UUID) -> None:
        super().__init__(f"the authority has no account {account_id}: see bontri ledger accounts")


@dataclass(frozen=True, slots=True)
class ListedAccount:
    """An account and its balance, credits minus debits.

    ``owner`` is a bin's id, the name of a shop, a cause or a goal, or nobody.
    """

    account_id: UUID
    kind: str
    owner: str | None
    posted_points: int
    pending_points: int


def open_account(connection: Connection, kind: str, *, authority_id: int, now: datetime.datetime) -> UUID:
    """Open an account that belongs to a row about to be written; return its id."""
    account_id = new_id()
    connection.execute(OPEN, {"authority_id": authority_id, "account_id": account_id, "kind": kind, "now": now})
    return account_id


def lock_accounts(connection: Connection, account_ids: Collection[Id], *, authority_id: int) -> None:
    """Lock accounts until the transaction ends, in the order of their ids, as every writer of accounts does."""
    connection.execute(LOCK, {"authority_id": authority_id, "account_ids": list(account_ids)}).all()


def list_accounts(
    connection: Connection, *, authority_id: int, kind: str | None = None, most: int = 10_000
) -> list[ListedAccount]:
    """List accounts of a kind, of all but lots when None; by kind and owner."""
    rows = connection.execute(LIST_ACCOUNTS, {"authority_id": authority_id, "kind": kind, "most": most})
    return [ListedAccount(*row) for row in rows]


def require_account(connection: Connection, account_id: UUID, *, authority_id: int) -> None:
    """Raise AccountUnknownError unless the authority has this account."""
    values = {"authority_id": authority_id, "account_id": account_id}
    if connection.execute(FIND_ACCOUNT, values).first() is None:
        raise AccountUnknownError(account_id)
