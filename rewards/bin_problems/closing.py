"""Closing a problem: an agent says what was made of it; a later report opens another."""

import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.bin_problems.refusals import ProblemClosedError, ProblemUnknownError

CLOSE = text("""
    UPDATE bin_problems SET closed_at = :now, closed_by = :closed_by, outcome = :outcome
     WHERE authority_id = :authority_id AND problem_id = :problem_id AND closed_at IS NULL
""")
FIND = text("SELECT 1 FROM bin_problems WHERE authority_id = :authority_id AND problem_id = :problem_id")


def close_problem(
    connection: Connection,
    problem_id: UUID,
    *,
    authority_id: int,
    outcome: str,
    closed_by: str,
    now: datetime.datetime,
) -> None:
    """Close an open problem with one of ``PROBLEM_OUTCOMES``.

    Raises:
        ProblemUnknownError, ProblemClosedError: nothing was changed.
    """
    values = {"authority_id": authority_id, "problem_id": problem_id}
    if connection.execute(CLOSE, {**values, "outcome": outcome, "closed_by": closed_by, "now": now}).rowcount == 1:
        return
    raise ProblemUnknownError if connection.execute(FIND, values).first() is None else ProblemClosedError
