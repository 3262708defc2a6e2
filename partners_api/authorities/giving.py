"""Causes and collective goals: added, paused, ended, closed; and what causes got. For managers."""

import datetime
from collections.abc import Callable
from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.authorities.fields import Month, cents, points
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Boolean, Instant, Integer, NearInstant
from partners_api.services import now
from partners_api.texts import Text, WholeText
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.causes import (
    Cause,
    CauseMissingError,
    CauseNumberError,
    CauseStateError,
    CauseTerms,
    MonthOfCause,
    add_cause,
    describe_cause,
    end_cause,
    get_cause,
    list_causes,
    list_months,
    pause_cause,
    resume_cause,
)
from rewards.funders import FunderUnknownError
from rewards.goals import (
    Goal,
    GoalMissingError,
    GoalStateError,
    GoalTerms,
    add_goal,
    close_goal,
    describe_goal,
    get_goal,
    list_goals,
)

CAUSE_STATES = ("active", "paused", "ended")
GROUPS = ("school", "building", "commune", "other")
ALL = {
    "with_all": Boolean(
        load_default=False,
        strict=False,
        metadata={"description": "Those that are over or paused too"},
    )
}


class CauseTermsSchema(ma.Schema):
    """A cause to add. Name and description can be changed later, nothing else."""

    name = Text(100, required=True)
    description = Text(500, required=True)
    siret = fields.String(
        load_default=None,
        allow_none=True,
        validate=WholeText(r"^[0-9]{14}$"),
        metadata={"example": "73282932000074"},
    )
    rna = fields.String(
        load_default=None,
        allow_none=True,
        validate=WholeText(r"^W[0-9][0-9A-Z][0-9]{7}$"),
        metadata={"example": "W931001234"},
    )
    hundred_points_cents = cents(
        most=100_000,
        least=1,
        required=False,
        load_default=None,
        allow_none=True,
        metadata={"description": "What the funder pays for 100 points; null: nothing"},
    )
    funder_id = fields.UUID(load_default=None, allow_none=True, metadata={"description": "Null: the authority pays"})


class CauseChangeSchema(ma.Schema):
    """What to change of what citizens read; what is left out stays."""

    name = Text(100)
    description = Text(500)


class CauseOfAuthoritySchema(ma.Schema):
    """A cause, and the points it was ever given."""

    cause_id = fields.UUID(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True)
    siret = fields.String(required=True, allow_none=True)
    rna = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, validate=validate.OneOf(CAUSE_STATES))
    hundred_points_cents = Integer(required=True, allow_none=True)
    funder = fields.String(required=True, allow_none=True)
    points = Integer(required=True)


class CauseStepSchema(ma.Schema):
    """What becomes of a cause; what goals have promised to it, it gets all the same."""

    step = fields.String(required=True, validate=validate.OneOf(["pause", "resume", "end"]))


class MonthOfCauseSchema(ma.Schema):
    """What a cause got in a month, and what its funder owes for it."""

    month = Month(required=True)
    cause_id = fields.UUID(required=True)
    name = fields.String(required=True)
    siret = fields.String(required=True, allow_none=True)
    rna = fields.String(required=True, allow_none=True)
    points = Integer(required=True)
    hundred_points_cents = Integer(required=True, allow_none=True)
    value_cents = Integer(required=True, allow_none=True)
    funder = fields.String(required=True, allow_none=True)


class GoalTermsSchema(ma.Schema):
    """A goal of a group: all of its points are given until its end, or they go back."""

    title = Text(100, required=True)
    group_kind = fields.String(required=True, validate=validate.OneOf(GROUPS))
    group_name = Text(100, required=True)
    target_points = points()
    reward = Text(200, required=True)
    starts_at = NearInstant(required=True)
    ends_at = NearInstant(required=True, metadata={"example": "2026-12-20T12:00:00+00:00"})
    to_cause_id = fields.UUID(load_default=None, allow_none=True, metadata={"description": "Who gets the points"})

    @ma.validates_schema
    def check_time(self, said: dict[str, Any], **_: Any) -> None:
        """Refuse a time that ends before it begins."""
        if said["ends_at"] <= said["starts_at"]:
            raise ma.ValidationError("Must be later than starts_at.", "ends_at")


class GoalChangeSchema(ma.Schema):
    """What to change of what a goal and its group are called; what is left out stays."""

    title = Text(100)
    group_name = Text(100)


class GoalOfAuthoritySchema(ma.Schema):
    """A goal and how far it is; no giver is told, nor their number below eleven."""

    goal_id = fields.UUID(required=True)
    title = fields.String(required=True)
    group_kind = fields.String(required=True, validate=validate.OneOf(GROUPS))
    group_name = fields.String(required=True)
    reward = fields.String(required=True)
    state = fields.String(required=True)
    target_points = Integer(required=True)
    points = Integer(required=True)
    share_percent = Integer(required=True)
    starts_at = NearInstant(required=True)
    ends_at = Instant(required=True)
    reached_at = Instant(required=True, allow_none=True)
    ended_at = Instant(required=True, allow_none=True)
    cause_id = fields.UUID(required=True, allow_none=True)
    cause = fields.String(required=True, allow_none=True)
    givers = Integer(required=True, allow_none=True)


@listing(
    authorities,
    "/causes",
    audience="authority",
    role="viewer",
    item=CauseOfAuthoritySchema,
    key=(str, UUID),
    filters=ALL,
)
def show_causes_of_authority(caller: Principal, asked: dict[str, Any]) -> Page[Cause]:
    """List the causes by name: those that take donations, or all."""
    causes = list_causes(connection(), **tenant_of(caller), **asked)
    return page_of(causes, asked["limit"], lambda cause: (cause.name, cause.cause_id))


@operation(
    authorities,
    "POST",
    "/causes",
    audience="authority",
    role="manager",
    body=CauseTermsSchema,
    answers=(201, CauseOfAuthoritySchema),
    refuses=(CauseNumberError, FunderUnknownError),
    is_idempotent=True,
)
def add_cause_of_authority(caller: Principal, said: dict[str, Any], key: str) -> Cause:
    """Add a cause one can give points to."""
    funder_id = said.pop("funder_id")

    def add() -> dict[str, str]:
        terms = CauseTerms(**said, funder=None if funder_id is None else str(funder_id))
        return {"cause_id": str(add_cause(connection(), terms, **tenant_of(caller), now=now()))}

    return get_cause(connection(), UUID(once(caller, key, add)["cause_id"]), **tenant_of(caller))


@operation(
    authorities,
    "GET",
    "/causes/<uuid:cause_id>",
    audience="authority",
    role="viewer",
    answers=(200, CauseOfAuthoritySchema),
    refuses=(CauseMissingError,),
    has_etag=True,
)
def show_cause_of_authority(caller: Principal, cause_id: UUID) -> Cause:
    """Show one cause."""
    return get_cause(connection(), cause_id, **tenant_of(caller))


@operation(
    authorities,
    "PATCH",
    "/causes/<uuid:cause_id>",
    audience="authority",
    role="manager",
    body=CauseChangeSchema,
    answers=(200, CauseOfAuthoritySchema),
    refuses=(CauseMissingError,),
    has_etag=True,
)
def edit_cause(caller: Principal, changes: dict[str, Any], cause_id: UUID) -> Cause:
    """Change what citizens read of a cause; who it is and what it is paid stay."""
    cause = get_cause(connection(), cause_id, **tenant_of(caller), is_to_change=True)
    authorities.check_etag(cause, CauseOfAuthoritySchema)
    describe_cause(connection(), cause_id, **tenant_of(caller), **changes)
    return get_cause(connection(), cause_id, **tenant_of(caller))


@operation(
    authorities,
    "POST",
    "/causes/<uuid:cause_id>/steps",
    audience="authority",
    role="manager",
    body=CauseStepSchema,
    answers=(200, CauseOfAuthoritySchema),
    refuses=(CauseMissingError, CauseStateError),
)
def take_cause_step(caller: Principal, said: dict[str, str], cause_id: UUID) -> Cause:
    """Pause, resume or end a cause."""
    steps: dict[str, Callable[..., None]] = {"pause": pause_cause, "resume": resume_cause, "end": end_cause}
    steps[said["step"]](connection(), cause_id, **tenant_of(caller))
    return get_cause(connection(), cause_id, **tenant_of(caller))


@listing(
    authorities,
    "/causes/months",
    audience="authority",
    role="viewer",
    item=MonthOfCauseSchema,
    key=(datetime.date, str, UUID),
    filters={
        "since": Month(load_default=None),
        "until": Month(load_default=None, metadata={"description": "Not included"}),
    },
)
def show_months_of_causes(caller: Principal, asked: dict[str, Any]) -> Page[MonthOfCause]:
    """List what causes got by month, in points and in cents, oldest first."""
    months = list_months(connection(), **tenant_of(caller), **asked)
    return page_of(months, asked["limit"], lambda each: (each.month, each.name, each.cause_id))


@listing(
    authorities,
    "/goals",
    audience="authority",
    role="viewer",
    item=GoalOfAuthoritySchema,
    key=(datetime.datetime, UUID),
    filters=ALL,
)
def show_goals_of_authority(caller: Principal, asked: dict[str, Any]) -> Page[Goal]:
    """List the goals that run, or all, those that end first first."""
    goals = list_goals(connection(), **tenant_of(caller), now=now(), **asked)
    return page_of(goals, asked["limit"], lambda goal: (goal.ends_at, goal.goal_id))


@operation(
    authorities,
    "POST",
    "/goals",
    audience="authority",
    role="manager",
    body=GoalTermsSchema,
    answers=(201, GoalOfAuthoritySchema),
    refuses=(CauseMissingError, CauseStateError),
    is_idempotent=True,
)
def add_goal_of_authority(caller: Principal, said: dict[str, Any], key: str) -> Goal:
    """Open a goal for a group."""

    def add() -> dict[str, str]:
        return {"goal_id": str(add_goal(connection(), GoalTerms(**said), **tenant_of(caller), now=now()))}

    return get_goal(connection(), UUID(once(caller, key, add)["goal_id"]), **tenant_of(caller))


@operation(
    authorities,
    "GET",
    "/goals/<uuid:goal_id>",
    audience="authority",
    role="viewer",
    answers=(200, GoalOfAuthoritySchema),
    refuses=(GoalMissingError,),
    has_etag=True,
)
def show_goal_of_authority(caller: Principal, goal_id: UUID) -> Goal:
    """Show one goal, whatever became of it."""
    return get_goal(connection(), goal_id, **tenant_of(caller))


@operation(
    authorities,
    "PATCH",
    "/goals/<uuid:goal_id>",
    audience="authority",
    role="manager",
    body=GoalChangeSchema,
    answers=(200, GoalOfAuthoritySchema),
    refuses=(GoalMissingError,),
    has_etag=True,
)
def edit_goal(caller: Principal, changes: dict[str, Any], goal_id: UUID) -> Goal:
    """Change what a goal and its group are called; what givers were promised stays."""
    goal = get_goal(connection(), goal_id, **tenant_of(caller), is_to_change=True)
    authorities.check_etag(goal, GoalOfAuthoritySchema)
    describe_goal(connection(), goal_id, **tenant_of(caller), **changes)
    return get_goal(connection(), goal_id, **tenant_of(caller))


@operation(
    authorities,
    "POST",
    "/goals/<uuid:goal_id>/closing",
    audience="authority",
    role="manager",
    answers=(200, GoalOfAuthoritySchema),
    refuses=(GoalMissingError, GoalStateError),
)
def close_goal_of_authority(caller: Principal, goal_id: UUID) -> Goal:
    """Close a goal now: reached, its points are handed over; otherwise they go back."""
    close_goal(connection(), goal_id, **tenant_of(caller), now=now())
    return get_goal(connection(), goal_id, **tenant_of(caller))
