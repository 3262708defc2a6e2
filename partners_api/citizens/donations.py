"""Giving points away: to a cause, or to a collective goal."""

import datetime
from typing import Any
from uuid import UUID

from partners_api.citizens.blueprint import citizens, wallet_of
from partners_api.citizens.donation_schemas import (
    CauseSchema,
    DonationOrderSchema,
    DonationSchema,
    GoalSchema,
    OwnDonationSchema,
)
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.causes import Cause, find_cause, list_causes
from rewards.donations import (
    CauseNotActiveError,
    CauseUnknownError,
    Donation,
    DonationPointsError,
    donate_to_cause,
    get_donation,
)
from rewards.donations.giving import OwnDonation, list_own_donations
from rewards.goals import Goal, GoalNotOpenError, GoalUnknownError, donate_to_goal, find_goal, list_goals
from rewards.wallets import PointsInsufficientError


@listing(citizens, "/causes", audience="citizen", item=CauseSchema, key=(str, UUID))
def show_causes(caller: Principal, asked: dict[str, Any]) -> Page[Cause]:
    """List the causes one can give points to, by name."""
    causes = list_causes(connection(), authority_id=caller.authority_id, **asked)
    return page_of(causes, asked["limit"], lambda cause: (cause.name, cause.cause_id))


@operation(
    citizens,
    "GET",
    "/causes/<uuid:cause_id>",
    audience="citizen",
    answers=(200, CauseSchema),
    refuses=(CauseUnknownError,),
)
def show_cause(caller: Principal, cause_id: UUID) -> Cause:
    """Show one cause, also one that takes nothing any more."""
    cause = find_cause(connection(), cause_id, authority_id=caller.authority_id)
    if cause is None:
        raise CauseUnknownError
    return cause


@operation(
    citizens,
    "POST",
    "/causes/<uuid:cause_id>/donations",
    audience="citizen",
    body=DonationOrderSchema,
    answers=(201, DonationSchema),
    refuses=(DonationPointsError, CauseUnknownError, CauseNotActiveError, PointsInsufficientError),
    is_idempotent=True,
)
def give_to_cause(caller: Principal, order: dict[str, Any], key: str, cause_id: UUID) -> Donation:
    """Give points to a cause, for good; those that expire soonest go first."""

    def give() -> dict[str, str]:
        return {"donation_id": str(donate_to_cause(connection(), cause_id, **wallet_of(caller), **order, now=now()))}

    return show_own(caller, once(caller, key, give))


@listing(citizens, "/goals", audience="citizen", item=GoalSchema, key=(datetime.datetime, UUID))
def show_goals(caller: Principal, asked: dict[str, Any]) -> Page[Goal]:
    """List the collective goals that run, with how far they are; those that end first first."""
    goals = list_goals(connection(), authority_id=caller.authority_id, now=now(), **asked)
    return page_of(goals, asked["limit"], lambda goal: (goal.ends_at, goal.goal_id))


@operation(
    citizens,
    "GET",
    "/goals/<uuid:goal_id>",
    audience="citizen",
    answers=(200, GoalSchema),
    refuses=(GoalUnknownError,),
)
def show_goal(caller: Principal, goal_id: UUID) -> Goal:
    """Show one goal, whatever became of it."""
    goal = find_goal(connection(), goal_id, authority_id=caller.authority_id)
    if goal is None:
        raise GoalUnknownError
    return goal


@operation(
    citizens,
    "POST",
    "/goals/<uuid:goal_id>/donations",
    audience="citizen",
    body=DonationOrderSchema,
    answers=(201, DonationSchema),
    refuses=(DonationPointsError, GoalUnknownError, GoalNotOpenError, PointsInsufficientError),
    is_idempotent=True,
)
def give_to_goal(caller: Principal, order: dict[str, Any], key: str, goal_id: UUID) -> Donation:
    """Give points to a goal, at most what it still misses. If it is missed they come back."""

    def give() -> dict[str, str]:
        return {"donation_id": str(donate_to_goal(connection(), goal_id, **wallet_of(caller), **order, now=now()))}

    return show_own(caller, once(caller, key, give))


@listing(citizens, "/donations", audience="citizen", item=OwnDonationSchema, key=(UUID,))
def show_donations(caller: Principal, asked: dict[str, Any]) -> Page[OwnDonation]:
    """List what one gave, newest first, and what came back from goals that were missed."""
    donations = list_own_donations(connection(), **wallet_of(caller), **asked)
    return page_of(donations, asked["limit"], lambda donation: (donation.donation_id,))


def show_own(caller: Principal, answer: dict[str, str]) -> Donation:
    """Return the donation a stored answer names."""
    return get_donation(connection(), UUID(answer["donation_id"]), authority_id=caller.authority_id)
