"""Whose a bin is: ids are unique across authorities, and commands name a bin by its id alone."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.bins import BinState
from rewards.fleet.refusals import AuthorityMissingError, BinMissingError
from rewards.territory import find_authority_id

WANTED = Columns(bin_id="text")
FIND_OWNERS = text(f"""
    SELECT d.bin_id, d.authority_id FROM {WANTED.unnest("t")} JOIN bin_directory d ON d.bin_id = t.bin_id
""")
GET_OWNER = text("""
    SELECT d.authority_id, a.slug FROM bin_directory d JOIN authorities a ON a.authority_id = d.authority_id
     WHERE d.bin_id = :bin_id
""")
LIST_AUTHORITIES = text("SELECT authority_id, slug FROM authorities ORDER BY slug")

# Not the key: bins that are spoken of in new rows (reports, journals) need not wait.
LOCK_BIN = text("""
    SELECT state FROM bins WHERE authority_id = :authority_id AND bin_id = :bin_id FOR NO KEY UPDATE
""")


@dataclass(frozen=True, slots=True)
class Owner:
    """An authority as commands name it."""

    authority_id: int
    slug: str


def get_authority(connection: Connection, slug: str) -> Owner:
    """Return the authority a slug names, for commands of operators: the refusal tells which there are.

    Raises:
        AuthorityMissingError: there is none.
    """
    authority_id = find_authority_id(connection, slug)
    if authority_id is None:
        raise AuthorityMissingError(slug, [each.slug for each in list_authorities(connection)])
    return Owner(authority_id, slug)


def list_authorities(connection: Connection) -> list[Owner]:
    """List all authorities by slug."""
    return [Owner(row.authority_id, row.slug) for row in connection.execute(LIST_AUTHORITIES)]


def get_owner(connection: Connection, bin_id: str) -> Owner:
    """Return the authority a bin belongs to.

    Raises:
        BinMissingError: no authority has the bin.
    """
    row = connection.execute(GET_OWNER, {"bin_id": bin_id}).one_or_none()
    if row is None:
        raise BinMissingError(bin_id)
    return Owner(row.authority_id, row.slug)


def list_owners(connection: Connection, *, slug: str | None, bin_id: str | None = None) -> list[Owner]:
    """List the authorities a command looks at, by slug: the one named, else that of the bin named, else all.

    Raises:
        AuthorityMissingError, BinMissingError: there is none such.
    """
    if slug is not None:
        return [get_authority(connection, slug)]
    return list_authorities(connection) if bin_id is None else [get_owner(connection, bin_id)]


def find_owners(connection: Connection, bin_ids: Collection[str]) -> dict[str, int]:
    """Find the authorities that have the ids in use; free ids are absent."""
    rows = connection.execute(FIND_OWNERS, WANTED.bind(bin_id=bin_ids))
    return {row.bin_id: row.authority_id for row in rows}


def lock_bin(connection: Connection, bin_id: str, *, authority_id: int) -> BinState:
    """Hold a bin until the transaction ends, so that its keys change in one place at a time; return its state.

    Raises:
        BinMissingError: the authority has no such bin.
    """
    state: BinState | None = connection.scalar(LOCK_BIN, {"authority_id": authority_id, "bin_id": bin_id})
    if state is None:
        raise BinMissingError(bin_id)
    return state
