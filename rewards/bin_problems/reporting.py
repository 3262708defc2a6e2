"""Reporting a problem: it is opened, or one more has reported it. A citizen counts once a day and kind."""

import datetime
import re
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.bin_problems.refusals import BinUnknownError
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.limits import DAY, Limit, Trier, take_tries

BIN_ID = re.compile(r"[A-Z0-9-]{4,32}")
REPORTED_ONCE = Limit("report bin", 1, DAY)
REPORTED_BY_CITIZEN = Limit("report bins", 10, DAY)
SHOWN_FROM = 2
"""So many reports are shown to other citizens; one alone could be a joke."""

# The one open row of a bin and kind decides; while it is being closed, the next report waits and opens another.
REPORT = text("""
    INSERT INTO bin_problems AS p (authority_id, problem_id, bin_id, kind, reports, reported_at, last_reported_at)
    SELECT b.authority_id, :problem_id, b.bin_id, :kind, 1, :now, :now FROM bins b
     WHERE b.authority_id = :authority_id AND b.bin_id = :bin_id AND b.state = 'live'
    ON CONFLICT (authority_id, bin_id, kind) WHERE closed_at IS NULL DO UPDATE
       SET reports = p.reports + 1, last_reported_at = greatest(p.last_reported_at, excluded.last_reported_at)
    RETURNING p.problem_id
""")


def report_problem(
    connection: Connection,
    keyring: Keyring,
    bin_id: str,
    *,
    authority_id: int,
    citizen_id: UUID,
    kind: str,
    now: datetime.datetime,
) -> UUID:
    """Report a problem of ``PROBLEM_KINDS``; return the id of the bin's open one.

    Raises:
        BinUnknownError: the authority has no such bin in use.
        TooManyTriesError: the citizen has reported it today, or too many bins; the transaction must be rolled back.
    """
    if BIN_ID.fullmatch(bin_id) is None:
        raise BinUnknownError
    values = {"authority_id": authority_id, "bin_id": bin_id, "kind": kind, "problem_id": new_id(), "now": now}
    problem_id: UUID | None = connection.scalar(REPORT, values)
    if problem_id is None:
        raise BinUnknownError
    triers = [
        Trier(REPORTED_ONCE, f"{citizen_id}|{bin_id}|{kind}"),
        Trier(REPORTED_BY_CITIZEN, str(citizen_id)),
    ]
    take_tries(connection, keyring, triers, authority_id=authority_id, now=now)
    return problem_id
