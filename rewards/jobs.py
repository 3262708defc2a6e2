"""Recurring jobs: whose turn it is, taken under a lease, so that several processes can share them.

Jobs are safe to run twice and at once; the lease only saves work. One row a job and authority.
"""

import datetime
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from rewards.arrays import Columns
from rewards.errors import OperatorRefusedError

LEASE = datetime.timedelta(minutes=10)
FIRST_BACK_OFF = datetime.timedelta(seconds=30)
LONGEST_BACK_OFF = datetime.timedelta(hours=1)

NAMES = Columns(job="text")
ADD = text(f"""
    INSERT INTO jobs (authority_id, job, due_at) SELECT :authority_id, t.job, :now FROM {NAMES.unnest("t")}
    ON CONFLICT (authority_id, job) DO NOTHING
""")
TAKE = text("""
    UPDATE jobs SET leased_until = :until, started_at = :now
     WHERE authority_id = :authority_id
       AND job = (SELECT job FROM jobs
                   WHERE authority_id = :authority_id AND due_at <= :now
                     AND (leased_until IS NULL OR leased_until <= :now) AND job = ANY(CAST(:known AS text[]))
                   ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING job
""")
# Only by who holds the lease: a process that was taken for dead says nothing about the run of another.
END = text("""
    UPDATE jobs SET leased_until = NULL, ended_at = :now, due_at = :due_at, outcome = :outcome, failures = 0
     WHERE authority_id = :authority_id AND job = :job AND leased_until = :until
""").bindparams(bindparam("outcome", type_=JSONB))
FAIL = text("""
    UPDATE jobs SET leased_until = NULL, failures = failures + 1, outcome = :outcome,
           due_at = CAST(:now AS timestamptz)
                    + least(:longest, :first * power(2, least(failures, 20))) * interval '1 second'
     WHERE authority_id = :authority_id AND job = :job AND leased_until = :until
""").bindparams(bindparam("outcome", type_=JSONB))
LIST = text("""
    SELECT job, due_at, leased_until, started_at, ended_at, outcome, failures FROM jobs
     WHERE authority_id = :authority_id AND (CAST(:after AS text) IS NULL OR job > :after) ORDER BY job LIMIT :limit
""")
# What is under way is not begun a second time: it ends, and is due again as ever.
HURRY = text("""
    UPDATE jobs SET due_at = :now WHERE authority_id = :authority_id AND job = :job AND due_at > :now
""")
EXISTS = text("SELECT 1 FROM jobs WHERE authority_id = :authority_id AND job = :job")


class JobUnknownError(OperatorRefusedError):
    """The authority has no such job."""

    code = "job_unknown"

    def __init__(self, job: str) -> None:
        super().__init__(f"there is no job {job}: see bontri jobs list; the first bontri jobs run makes them")


@dataclass(frozen=True, slots=True)
class Lease:
    """A job taken by this process, until an instant."""

    authority_id: int
    job: str
    until: datetime.datetime


@dataclass(frozen=True, slots=True)
class JobState:
    """When a job is due next, and how its last run went; ``failures`` in a row."""

    job: str
    due_at: datetime.datetime
    leased_until: datetime.datetime | None
    started_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    outcome: Mapping[str, Any] | None
    failures: int


def add_jobs(connection: Connection, jobs: Collection[str], *, authority_id: int, now: datetime.datetime) -> None:
    """Have jobs run for an authority, from now on; those it has already stay as they are."""
    connection.execute(ADD, {"authority_id": authority_id, "now": now, **NAMES.bind(job=jobs)})


def take_job(
    connection: Connection, known: Collection[str], *, authority_id: int, now: datetime.datetime
) -> Lease | None:
    """Take the job of an authority that has been due longest and that nobody is at; None when there is none."""
    until = now + LEASE
    values = {"authority_id": authority_id, "known": list(known), "now": now, "until": until}
    job = connection.scalar(TAKE, values)
    return None if job is None else Lease(authority_id, job, until)


def end_job(
    connection: Connection,
    lease: Lease,
    outcome: Mapping[str, Any],
    *,
    due_at: datetime.datetime,
    now: datetime.datetime,
) -> None:
    """Note what a run came to, and when the next one is due."""
    values = {"authority_id": lease.authority_id, "job": lease.job, "until": lease.until, "now": now}
    connection.execute(END, {**values, "due_at": due_at, "outcome": dict(outcome)})


def fail_job(connection: Connection, lease: Lease, fault: str, *, now: datetime.datetime) -> None:
    """Note that a run failed: the next one comes sooner, and after each failure later."""
    values = {"authority_id": lease.authority_id, "job": lease.job, "until": lease.until, "now": now}
    waits = {"first": FIRST_BACK_OFF.total_seconds(), "longest": LONGEST_BACK_OFF.total_seconds()}
    connection.execute(FAIL, {**values, **waits, "outcome": {"fault": fault}})


def run_soon(connection: Connection, job: str, *, authority_id: int, now: datetime.datetime) -> bool:
    """Have a job run as soon as a process looks for work; return False when it was due already.

    Raises:
        JobUnknownError: the authority has no such job.
    """
    named = {"authority_id": authority_id, "job": job}
    if connection.execute(HURRY, {**named, "now": now}).rowcount == 1:
        return True
    if connection.scalar(EXISTS, named) is None:
        raise JobUnknownError(job)
    return False


def list_jobs(
    connection: Connection, *, authority_id: int, after: tuple[str] | None = None, limit: int | None = None
) -> list[JobState]:
    """List the jobs of an authority by name, behind that of ``after``."""
    values = {"authority_id": authority_id, "after": after[0] if after else None, "limit": limit}
    return [JobState(*row) for row in connection.execute(LIST, values)]
