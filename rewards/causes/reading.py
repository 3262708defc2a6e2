"""Showing causes. Nothing here changes anything."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.causes.refusals import CauseMissingError

CAUSES_MAX = 500

CAUSES = """
    SELECT c.cause_id, c.name, c.description, c.siret, c.rna, c.state, c.hundred_points_cents, f.name AS funder,
           a.credits_posted AS points
      FROM causes c
      JOIN accounts a ON a.authority_id = c.authority_id AND a.account_id = c.account_id
      LEFT JOIN funders f ON f.authority_id = c.authority_id AND f.funder_id = c.funder_id
     WHERE c.authority_id = :authority_id
"""
LIST = text(f"""
    {CAUSES} AND (:with_all OR c.state = 'active')
       AND (CAST(:after_name AS text) IS NULL OR (c.name, c.cause_id) > (:after_name, CAST(:after_id AS uuid)))
     ORDER BY c.name, c.cause_id LIMIT :limit
""")
GET = text(f"{CAUSES} AND c.cause_id = :cause_id")
LOCK = text("SELECT cause_id FROM causes WHERE authority_id = :authority_id AND cause_id = :cause_id FOR NO KEY UPDATE")
FIND_STATE = text("SELECT state FROM causes WHERE authority_id = :authority_id AND cause_id = :cause_id")


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause, and the ``points`` it was ever given; ``funder`` pays ``hundred_points_cents`` for 100 of them."""

    cause_id: UUID
    name: str
    description: str
    siret: str | None
    rna: str | None
    state: str
    hundred_points_cents: int | None
    funder: str | None
    points: int


def list_causes(
    connection: Connection,
    *,
    authority_id: int,
    with_all: bool = False,
    after: tuple[str, UUID] | None = None,
    limit: int = CAUSES_MAX,
) -> list[Cause]:
    """List the causes that take donations, or all, by name, those behind the (name, id) of ``after``."""
    name, cause_id = after or (None, None)
    values = {"authority_id": authority_id, "with_all": with_all, "limit": limit}
    rows = connection.execute(LIST, {**values, "after_name": name, "after_id": cause_id})
    return [Cause(*row) for row in rows]


def get_cause(connection: Connection, cause_id: UUID, *, authority_id: int, is_to_change: bool = False) -> Cause:
    """Return a cause, whatever its state; when it is to be changed it stays as it is until the transaction ends.

    Raises:
        CauseMissingError: the authority has no such cause.
    """
    if is_to_change:
        connection.execute(LOCK, {"authority_id": authority_id, "cause_id": cause_id})
    cause = find_cause(connection, cause_id, authority_id=authority_id)
    if cause is None:
        raise CauseMissingError(cause_id)
    return cause


def find_cause(connection: Connection, cause_id: UUID, *, authority_id: int) -> Cause | None:
    """Find a cause, whatever its state."""
    row = connection.execute(GET, {"authority_id": authority_id, "cause_id": cause_id}).one_or_none()
    return None if row is None else Cause(*row)


def find_state(connection: Connection, cause_id: UUID, *, authority_id: int) -> str | None:
    """Find the state a cause is in; None when the authority has none of this id."""
    state: str | None = connection.scalar(FIND_STATE, {"authority_id": authority_id, "cause_id": cause_id})
    return state
