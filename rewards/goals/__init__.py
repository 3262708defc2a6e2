"""Collective goals: points a school, a building or a commune wants to be given together; all or nothing."""

from rewards.goals.closing import ClosedGoal, close_goal, close_if_running, list_ended_goals
from rewards.goals.giving import donate_to_goal
from rewards.goals.reading import GOALS_MAX, LEAST_GIVERS, Goal, find_goal, get_goal, list_goals
from rewards.goals.refusals import GoalMissingError, GoalNotOpenError, GoalStateError, GoalUnknownError
from rewards.goals.returning import give_back
from rewards.goals.setting import GoalTerms, add_goal, describe_goal

__all__ = [
    "GOALS_MAX",
    "LEAST_GIVERS",
    "ClosedGoal",
    "Goal",
    "GoalMissingError",
    "GoalNotOpenError",
    "GoalStateError",
    "GoalTerms",
    "GoalUnknownError",
    "add_goal",
    "close_goal",
    "close_if_running",
    "describe_goal",
    "donate_to_goal",
    "find_goal",
    "get_goal",
    "give_back",
    "list_ended_goals",
    "list_goals",
]
