"""The accounts an authority has of its own, one of each kind: where losses are shown, where expired points go and those
of citizens who are erased, where points are held that any shop may be paid, and where those stay that shops were paid
for."""

import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.ids import new_id
from rewards.ledger.accounts import OPEN

AuthorityAccountKind = Literal["bonus", "expired", "forfeited", "loss", "network", "settled"]

KINDS: tuple[AuthorityAccountKind, ...] = ("bonus", "expired", "forfeited", "loss", "network", "settled")

FIND = text("""
    SELECT account_id FROM authority_accounts WHERE authority_id = :authority_id AND kind = :kind
""")
# The link decides who creates the account, as with lots; hence its deferred foreign key.
LINK = text("""
    INSERT INTO authority_accounts (authority_id, kind, account_id) VALUES (:authority_id, :kind, :account_id)
    ON CONFLICT (authority_id, kind) DO NOTHING
""")


def find_authority_account(connection: Connection, kind: AuthorityAccountKind, *, authority_id: int) -> str | None:
    """Find the authority's account of a kind, as text; None while it has none."""
    found = connection.execute(FIND, {"authority_id": authority_id, "kind": kind}).one_or_none()
    return None if found is None else str(found.account_id)


def open_authority_account(
    connection: Connection, kind: AuthorityAccountKind, *, authority_id: int, now: datetime.datetime
) -> UUID:
    """Return the authority's account of a kind, creating it the first time; safe to run at once."""
    values = {"authority_id": authority_id, "kind": kind, "account_id": new_id(), "now": now}
    found: UUID | None = connection.scalar(FIND, values)
    if found is not None:
        return found
    if connection.execute(LINK, values).rowcount == 1:
        connection.execute(OPEN, values)
    account_id: UUID = connection.execute(FIND, values).scalar_one()
    return account_id
