"""Recurring jobs of an authority: how they went, and one put first."""

from typing import Any

import marshmallow as ma
from marshmallow import fields

from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.operators.blueprint import operators
from partners_api.operators.tenants import get_tenant
from partners_api.refusals import AuthorityUnknownError
from partners_api.schemas import Instant, Integer
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Operator
from rewards.jobs import JobState, JobUnknownError, list_jobs, run_soon


class JobSchema(ma.Schema):
    """A recurring job: when it is due, and how its last run went."""

    job = fields.String(required=True)
    due_at = Instant(required=True)
    leased_until = Instant(
        required=True, allow_none=True, metadata={"description": "A process is at it, until then at the latest"}
    )
    started_at = Instant(required=True, allow_none=True)
    ended_at = Instant(required=True, allow_none=True)
    outcome = fields.Dict(
        required=True, allow_none=True, metadata={"description": "Counts of the last run, or its `fault`"}
    )
    failures = Integer(required=True, metadata={"description": "In a row"})


class HurriedJobSchema(ma.Schema):
    """Whether the job was put first; else it was due already."""

    is_changed = fields.Boolean(required=True)


@listing(
    operators,
    "/authorities/<slug>/jobs",
    audience="operator",
    item=JobSchema,
    key=(str,),
    refuses=(AuthorityUnknownError,),
)
def show_jobs(caller: Operator, asked: dict[str, Any], slug: str) -> Page[JobState]:
    """List the jobs of an authority by name: when each is due, and how its last run went."""
    found = list_jobs(connection(), authority_id=get_tenant(slug).authority_id, **asked)
    return page_of(found, asked["limit"], lambda each: (each.job,))


@operation(
    operators,
    "POST",
    "/authorities/<slug>/jobs/<job>/run",
    audience="operator",
    answers=(202, HurriedJobSchema),
    refuses=(AuthorityUnknownError, JobUnknownError),
)
def run_job_now(caller: Operator, slug: str, job: str) -> dict[str, bool]:
    """Have a job run now: the process of `bontri jobs run` takes it up within seconds. Safe to repeat."""
    authority_id = get_tenant(slug).authority_id
    if not job.isascii() or not job.isprintable():
        raise JobUnknownError(job)
    return {"is_changed": run_soon(connection(), job, authority_id=authority_id, now=now())}
