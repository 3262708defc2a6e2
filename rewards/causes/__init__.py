"""Causes: associations one can donate points to, each with an account of its own, and what they are paid for them."""

from rewards.causes.keeping import CauseTerms, add_cause, describe_cause, end_cause, pause_cause, resume_cause
from rewards.causes.reading import CAUSES_MAX, Cause, find_cause, find_state, get_cause, list_causes
from rewards.causes.refusals import CauseMissingError, CauseNumberError, CauseStateError
from rewards.causes.reporting import MonthOfCause, list_months

__all__ = [
    "CAUSES_MAX",
    "Cause",
    "CauseMissingError",
    "CauseNumberError",
    "CauseStateError",
    "CauseTerms",
    "MonthOfCause",
    "add_cause",
    "describe_cause",
    "end_cause",
    "find_cause",
    "find_state",
    "get_cause",
    "list_causes",
    "list_months",
    "pause_cause",
    "resume_cause",
]
