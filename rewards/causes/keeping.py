"""Adding a cause, describing it, and its state: active, paused, ended. Each step is one guarded update."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, insert, text

from rewards.causes.numbers import is_rna, is_siret
from rewards.causes.reading import find_state
from rewards.causes.refusals import CauseMissingError, CauseNumberError, CauseStateError
from rewards.funders import get_funder_id
from rewards.ids import new_id
from rewards.ledger import open_account
from rewards.schema.causes import Cause

STEP = text("""
    UPDATE causes SET state = :to
     WHERE authority_id = :authority_id AND cause_id = :cause_id AND state = ANY(CAST(:from AS text[]))
""")
DESCRIBE = text("""
    UPDATE causes SET name = coalesce(:name, name), description = coalesce(:description, description)
     WHERE authority_id = :authority_id AND cause_id = :cause_id
""")


@dataclass(frozen=True, slots=True)
class CauseTerms:
    """What is said of a cause, and what it is paid: ``hundred_points_cents`` for 100 points, None for nothing.

    ``funder`` is the name of who pays, the authority itself when None. Only name and description can be changed later.
    """

    name: str
    description: str
    siret: str | None = None
    rna: str | None = None
    hundred_points_cents: int | None = None
    funder: str | None = None


def add_cause(connection: Connection, terms: CauseTerms, *, authority_id: int, now: datetime.datetime) -> UUID:
    """Add an active cause with its account; return its id. Blanks in its numbers are forgiven.

    Raises:
        CauseNumberError: the SIRET or the RNA number is none.
        FunderUnknownError: the authority has no such funder, or several.
    """
    siret, rna = without_blanks(terms.siret), without_blanks(terms.rna)
    if siret is not None and not is_siret(siret):
        raise CauseNumberError("SIRET", siret)
    if rna is not None and not is_rna(rna):
        raise CauseNumberError("RNA", rna)
    cause_id = new_id()
    funder_id = None
    if terms.hundred_points_cents is not None:
        funder_id = get_funder_id(connection, terms.funder, authority_id=authority_id)
    connection.execute(
        insert(Cause).values(
            authority_id=authority_id,
            cause_id=cause_id,
            account_id=open_account(connection, "cause", authority_id=authority_id, now=now),
            name=terms.name,
            description=terms.description,
            siret=siret,
            rna=rna,
            hundred_points_cents=terms.hundred_points_cents,
            funder_id=funder_id,
            state="active",
            created_at=now,
        )
    )
    return cause_id


def describe_cause(
    connection: Connection,
    cause_id: UUID,
    *,
    authority_id: int,
    name: str | None = None,
    description: str | None = None,
) -> None:
    """Change what is given of what citizens read of a cause.

    Raises:
        CauseMissingError: the authority has no such cause.
    """
    values = {"authority_id": authority_id, "cause_id": cause_id, "name": name, "description": description}
    if connection.execute(DESCRIBE, values).rowcount != 1:
        raise CauseMissingError(cause_id)


def pause_cause(connection: Connection, cause_id: UUID, *, authority_id: int) -> None:
    """Take no donations for a while."""
    step(connection, cause_id, ["active"], "paused", authority_id=authority_id)


def resume_cause(connection: Connection, cause_id: UUID, *, authority_id: int) -> None:
    """Take donations again."""
    step(connection, cause_id, ["paused"], "active", authority_id=authority_id)


def end_cause(connection: Connection, cause_id: UUID, *, authority_id: int) -> None:
    """Take no donations any more. What goals have promised to the cause it still gets."""
    step(connection, cause_id, ["active", "paused"], "ended", authority_id=authority_id)


def step(connection: Connection, cause_id: UUID, before: list[str], after: str, *, authority_id: int) -> None:
    """Move a cause from one of some states to another.

    Raises:
        CauseMissingError: the authority has no such cause.
        CauseStateError: it is in none of these states; nothing was changed.
    """
    values = {"authority_id": authority_id, "cause_id": cause_id, "from": before, "to": after}
    if connection.execute(STEP, values).rowcount == 1:
        return
    state = find_state(connection, cause_id, authority_id=authority_id)
    if state is None:
        raise CauseMissingError(cause_id)
    raise CauseStateError(cause_id, state)


def without_blanks(number: str | None) -> str | None:
    """Return a number as it is stored: capitals, no blanks; None for an empty one."""
    return "".join((number or "").split()).upper() or None
