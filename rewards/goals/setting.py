"""Setting a goal for a group, with its account, and what it is called."""

import datetime
from dataclasses import asdict, dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, insert, text

from rewards.causes import CauseMissingError, CauseStateError, find_state
from rewards.goals.refusals import GoalMissingError
from rewards.ids import new_id
from rewards.ledger import open_account
from rewards.schema.causes import Goal

DESCRIBE = text("""
    UPDATE goals SET title = coalesce(:title, title), group_name = coalesce(:group_name, group_name)
     WHERE authority_id = :authority_id AND goal_id = :goal_id
""")

GroupKind = Literal["school", "building", "commune", "other"]


@dataclass(frozen=True, slots=True)
class GoalTerms:
    """What a group wants: ``target_points`` given from ``starts_at`` until before ``ends_at``, for a ``reward``.

    ``to_cause_id`` gets the points when the goal is reached; None: they stay in the goal's account.
    """

    title: str
    group_kind: GroupKind
    group_name: str
    target_points: int
    reward: str
    starts_at: datetime.datetime
    ends_at: datetime.datetime
    to_cause_id: UUID | None = None


def add_goal(connection: Connection, terms: GoalTerms, *, authority_id: int, now: datetime.datetime) -> UUID:
    """Open a goal; return its id.

    Raises:
        CauseMissingError, CauseStateError: the cause it names is not the authority's, or takes nothing.
    """
    if terms.to_cause_id is not None:
        state = find_state(connection, terms.to_cause_id, authority_id=authority_id)
        if state is None:
            raise CauseMissingError(terms.to_cause_id)
        if state != "active":
            raise CauseStateError(terms.to_cause_id, state)
    goal_id = new_id()
    connection.execute(
        insert(Goal).values(
            authority_id=authority_id,
            goal_id=goal_id,
            account_id=open_account(connection, "goal", authority_id=authority_id, now=now),
            state="open",
            created_at=now,
            **asdict(terms),
        )
    )
    return goal_id


def describe_goal(
    connection: Connection, goal_id: UUID, *, authority_id: int, title: str | None = None, group_name: str | None = None
) -> None:
    """Change what is given of what a goal and its group are called. What givers were promised stays as it was.

    Raises:
        GoalMissingError: the authority has no such goal.
    """
    values = {"authority_id": authority_id, "goal_id": goal_id, "title": title, "group_name": group_name}
    if connection.execute(DESCRIBE, values).rowcount != 1:
        raise GoalMissingError(goal_id)
