"""Who pays shops for vouchers, and causes for points: the authority, a shop that gives its own, or a sponsor."""

from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, insert, text

from rewards.errors import OperatorRefusedError
from rewards.ids import new_id
from rewards.schema.shops import Funder

FunderKind = Literal["authority", "shop", "sponsor"]

FIND = text("""
    SELECT funder_id FROM funders
     WHERE authority_id = :authority_id
       AND CASE WHEN CAST(:funder AS text) IS NULL THEN kind = 'authority'
                ELSE CAST(funder_id AS text) = lower(:funder) OR lower(name) = lower(:funder) END
""")


class FunderUnknownError(OperatorRefusedError):
    """The authority has no such funder, or several of this name."""

    code = "funder_unknown"

    def __init__(self, funder: str | None) -> None:
        super().__init__(f"no single funder of the authority is called {funder}: see bontri budgets list")


def add_funder(connection: Connection, *, authority_id: int, kind: FunderKind, name: str) -> UUID:
    """Add somebody who pays; return the id. The authority itself is one from the start."""
    funder_id = new_id()
    connection.execute(insert(Funder).values(authority_id=authority_id, funder_id=funder_id, kind=kind, name=name))
    return funder_id


def require_funder(connection: Connection, funder_id: UUID, *, authority_id: int) -> None:
    """Raise FunderUnknownError unless the authority has a funder of this id."""
    get_funder_id(connection, str(funder_id), authority_id=authority_id)


def get_funder_id(connection: Connection, funder: str | None = None, *, authority_id: int) -> UUID:
    """Return the funder with this id or this name, whatever its case; the authority itself when None.

    Raises:
        FunderUnknownError: there is none, or there are several.
    """
    found = connection.scalars(FIND, {"authority_id": authority_id, "funder": funder}).all()
    if len(found) != 1:
        raise FunderUnknownError(funder)
    funder_id: UUID = found[0]
    return funder_id
