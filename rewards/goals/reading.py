"""Showing goals and how far they are. Nothing here changes anything."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.goals.refusals import GoalMissingError

GOALS_MAX = 500
LEAST_GIVERS = 11
"""With fewer than so many givers their number is not told, as everywhere (docs/decisions/0030)."""

# Whoever gave is a wallet: households give together, also from lots of a wallet that was merged into theirs. A goal is
# only credited by gifts, so what it was ever credited is what it was given, whether it was handed over or went back.
GOALS = f"""
    SELECT g.goal_id, g.title, g.group_kind, g.group_name, g.reward, g.state, g.target_points,
           a.credits_posted AS points, g.starts_at, g.ends_at, g.reached_at, g.ended_at, c.cause_id, c.name AS cause,
           (SELECT count(DISTINCT coalesce(x.merged_into, x.wallet_id)) FROM transfers t
              JOIN wallet_accounts w ON w.authority_id = t.authority_id AND w.account_id = t.debit_account_id
              JOIN wallets x ON x.authority_id = w.authority_id AND x.wallet_id = w.wallet_id
             WHERE t.authority_id = g.authority_id AND t.credit_account_id = g.account_id
            HAVING count(DISTINCT coalesce(x.merged_into, x.wallet_id)) >= {LEAST_GIVERS}) AS givers
      FROM goals g
      JOIN accounts a ON a.authority_id = g.authority_id AND a.account_id = g.account_id
      LEFT JOIN causes c ON c.authority_id = g.authority_id AND c.cause_id = g.to_cause_id
     WHERE g.authority_id = :authority_id
"""
LIST = text(f"""
    {GOALS} AND (:with_all OR (g.starts_at <= :now
                               AND (g.state = 'reached' OR (g.state = 'open' AND g.ends_at > :now))))
       AND (CAST(:after_end AS timestamptz) IS NULL
            OR (g.ends_at, g.goal_id) > (:after_end, CAST(:after_id AS uuid)))
     ORDER BY g.ends_at, g.goal_id LIMIT :limit
""")
GET = text(f"{GOALS} AND g.goal_id = :goal_id")
LOCK = text("SELECT goal_id FROM goals WHERE authority_id = :authority_id AND goal_id = :goal_id FOR NO KEY UPDATE")


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal and how far it is: ``points`` of ``target_points`` were given.

    ``givers`` is how many wallets gave, None for fewer than ``LEAST_GIVERS``; ``cause`` gets the points in the end.
    """

    goal_id: UUID
    title: str
    group_kind: str
    group_name: str
    reward: str
    state: str
    target_points: int
    points: int
    starts_at: datetime.datetime
    ends_at: datetime.datetime
    reached_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    cause_id: UUID | None
    cause: str | None
    givers: int | None

    @property
    def share_percent(self) -> int:
        """How far it is in whole percents, rounded down: 100 is reached."""
        return self.points * 100 // self.target_points


def list_goals(
    connection: Connection,
    *,
    authority_id: int,
    now: datetime.datetime,
    with_all: bool = False,
    after: tuple[datetime.datetime, UUID] | None = None,
    limit: int = GOALS_MAX,
) -> list[Goal]:
    """List the goals that run at ``now``, or all, those that end first first, behind the (end, id) of ``after``."""
    end, goal_id = after or (None, None)
    values = {"authority_id": authority_id, "now": now, "with_all": with_all, "limit": limit}
    rows = connection.execute(LIST, {**values, "after_end": end, "after_id": goal_id})
    return [Goal(*row) for row in rows]


def get_goal(connection: Connection, goal_id: UUID, *, authority_id: int, is_to_change: bool = False) -> Goal:
    """Return a goal, whatever became of it; when it is to be changed it stays as it is until the transaction ends.

    Raises:
        GoalMissingError: the authority has no such goal.
    """
    if is_to_change:
        connection.execute(LOCK, {"authority_id": authority_id, "goal_id": goal_id})
    goal = find_goal(connection, goal_id, authority_id=authority_id)
    if goal is None:
        raise GoalMissingError(goal_id)
    return goal


def find_goal(connection: Connection, goal_id: UUID, *, authority_id: int) -> Goal | None:
    """Find a goal, whatever became of it."""
    row = connection.execute(GET, {"authority_id": authority_id, "goal_id": goal_id}).one_or_none()
    return None if row is None else Goal(*row)
