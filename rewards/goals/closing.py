"""Closing a goal, once: one that was reached hands its points to the cause it names, another one is missed.

What was given to a missed goal goes back in steps of its own (``returning.py``): there may be thousands of givers.
Accounts are locked before the goal's row, as givers do.
"""

import datetime
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.goals.refusals import GoalMissingError, GoalStateError
from rewards.ledger import Transfer, lock_accounts, record_transfers
from rewards.outbox import post_to_wallets

FIND = text("""
    SELECT g.state, g.account_id, c.account_id AS cause_account_id FROM goals g
      LEFT JOIN causes c ON c.authority_id = g.authority_id AND c.cause_id = g.to_cause_id
     WHERE g.authority_id = :authority_id AND g.goal_id = :goal_id
""")
CLOSE = text("""
    UPDATE goals g SET state = CASE g.state WHEN 'reached' THEN 'closed' ELSE 'missed' END, ended_at = :now
      FROM accounts a
     WHERE g.authority_id = :authority_id AND g.goal_id = :goal_id AND g.state IN ('open', 'reached')
       AND a.authority_id = g.authority_id AND a.account_id = g.account_id
    RETURNING g.state, a.credits_posted AS points
""")
# Who gave is a wallet, as in reading.py; lots of a wallet that was merged count for the one that answers for it.
LIST_GIVERS = text("""
    SELECT coalesce(x.merged_into, x.wallet_id) AS holding_id, CAST(sum(t.points) AS bigint) AS points,
           g.title, g.group_name, g.reward
      FROM goals g
      JOIN transfers t ON t.authority_id = g.authority_id AND t.credit_account_id = g.account_id
      JOIN wallet_accounts w ON w.authority_id = t.authority_id AND w.account_id = t.debit_account_id
      JOIN wallets x ON x.authority_id = w.authority_id AND x.wallet_id = w.wallet_id
     WHERE g.authority_id = :authority_id AND g.goal_id = :goal_id
     GROUP BY holding_id, g.title, g.group_name, g.reward
""")
LIST_ENDED = text("""
    SELECT goal_id FROM goals
     WHERE authority_id = :authority_id AND ended_at IS NULL AND ends_at <= :now
     ORDER BY ends_at, goal_id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class ClosedGoal:
    """How a goal ended, with the ``points`` it was given: to be handed out, or going back."""

    state: Literal["closed", "missed"]
    points: int


def close_goal(connection: Connection, goal_id: UUID, *, authority_id: int, now: datetime.datetime) -> ClosedGoal:
    """Close a goal now, also before its end.

    Raises:
        GoalMissingError: the authority has no such goal.
        GoalStateError: it was closed or missed before; nothing was changed.
    """
    closed = close_if_running(connection, goal_id, authority_id=authority_id, now=now)
    if closed is not None:
        return closed
    found = connection.execute(FIND, {"authority_id": authority_id, "goal_id": goal_id}).one_or_none()
    raise GoalMissingError(goal_id) if found is None else GoalStateError(goal_id, found.state)


def list_ended_goals(
    connection: Connection, *, authority_id: int, now: datetime.datetime, limit: int = 100
) -> list[UUID]:
    """List goals whose time is over and that are not closed yet, longest over first."""
    values = {"authority_id": authority_id, "now": now, "limit": limit}
    return list(connection.scalars(LIST_ENDED, values))


def close_if_running(
    connection: Connection, goal_id: UUID, *, authority_id: int, now: datetime.datetime
) -> ClosedGoal | None:
    """Close a goal; None when there is none, or somebody else has closed it. Safe to run twice and at once."""
    values = {"authority_id": authority_id, "goal_id": goal_id, "now": now}
    goal = connection.execute(FIND, values).one_or_none()
    if goal is None:
        return None
    accounts = [goal.account_id] if goal.cause_account_id is None else [goal.account_id, goal.cause_account_id]
    lock_accounts(connection, accounts, authority_id=authority_id)
    row = connection.execute(CLOSE, values).one_or_none()
    if row is None:
        return None
    if row.state == "closed" and goal.cause_account_id is not None:
        handed_over = Transfer(goal.account_id, goal.cause_account_id, row.points, reason="donation", cause_id=goal_id)
        record_transfers(connection, [handed_over], authority_id=authority_id, now=now)
    tell_givers(connection, goal_id, row.state, authority_id=authority_id, now=now)
    return ClosedGoal(row.state, row.points)


def tell_givers(
    connection: Connection, goal_id: UUID, state: str, *, authority_id: int, now: datetime.datetime
) -> None:
    """Write to everybody who gave how it ended, and how many points they gave or get back."""
    givers = connection.execute(LIST_GIVERS, {"authority_id": authority_id, "goal_id": goal_id})
    letters = [
        (row.holding_id, {"points": row.points, "title": row.title, "group": row.group_name, "reward": row.reward})
        for row in givers
    ]
    kind = "goal_reached" if state == "closed" else "goal_missed"
    post_to_wallets(connection, kind, letters, authority_id=authority_id, now=now)
