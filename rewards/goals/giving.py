"""Giving points to a goal: like to a cause, but never more than are missing; who gives the last ones reaches it."""

import datetime
from uuid import UUID

from sqlalchemy import Connection, insert, text

from rewards.donations.giving import pay_donation, require_whole_points
from rewards.goals.refusals import GoalNotOpenError, GoalUnknownError
from rewards.ids import new_id
from rewards.schema.causes import Donation
from rewards.wallets import lock_lots

FIND = text("SELECT account_id FROM goals WHERE authority_id = :authority_id AND goal_id = :goal_id")
# What is missing is read from the goal's account, which is locked before: two givers come one after the other. An open
# goal has paid nothing out, so all that its account was credited it holds.
TAKE_IN = text("""
    UPDATE goals g
       SET state = CASE WHEN :points >= g.target_points - a.credits_posted THEN 'reached' ELSE g.state END,
           reached_at = CASE WHEN :points >= g.target_points - a.credits_posted THEN CAST(:now AS timestamptz) END
      FROM accounts a
     WHERE g.authority_id = :authority_id AND g.goal_id = :goal_id AND g.state = 'open'
       AND g.starts_at <= :now AND g.ends_at > :now
       AND a.authority_id = g.authority_id AND a.account_id = g.account_id
    RETURNING g.target_points - a.credits_posted
""")


def donate_to_goal(
    connection: Connection,
    goal_id: UUID,
    *,
    authority_id: int,
    wallet_id: UUID,
    points: int,
    now: datetime.datetime,
) -> UUID:
    """Give points of a wallet to a goal, at most what it still misses; return the donation's id.

    Raises:
        DonationPointsError: not a whole number from 1 to a million.
        GoalUnknownError, GoalNotOpenError: the goal is not the authority's, or takes none.
        PointsInsufficientError: the lots that have not expired hold less; the transaction must be rolled back.
    """
    require_whole_points(points)
    values = {"authority_id": authority_id, "goal_id": goal_id, "points": points, "now": now}
    account_id = connection.scalar(FIND, values)
    if account_id is None:
        raise GoalUnknownError
    lots = lock_lots(connection, authority_id=authority_id, wallet_id=wallet_id, paid_to=account_id, now=now)
    missing_points = connection.scalar(TAKE_IN, values)
    if missing_points is None:
        raise GoalNotOpenError
    given_points = min(points, missing_points)
    donation_id = new_id()
    connection.execute(
        insert(Donation).values(
            authority_id=authority_id,
            donation_id=donation_id,
            to_goal_id=goal_id,
            points=given_points,
            donated_at=now,
        )
    )
    pay_donation(
        connection, lots, given_points, account_id, donation_id=donation_id, authority_id=authority_id, now=now
    )
    return donation_id
