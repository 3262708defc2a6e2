"""Refusals: the domain says no. One tree, each with a stable public code; facts are attributes.

A failure (database away) stays the library's exception; a bug is caught by nobody below the top. The domain
knows no HTTP status: ``partners_api/errors.py`` maps classes to statuses, and ``docs/errors.md`` explains each.
"""

from typing import ClassVar

from sqlalchemy.exc import IntegrityError


class RewardsError(Exception):
    """Base of all refusals. ``code`` is public and never changes its meaning."""

    code: ClassVar[str]


class OverdraftError(RewardsError):
    """A transfer would take more points than its debit account has."""

    code = "points_insufficient"


class PendingAlreadyEndedError(RewardsError):
    """A pending transfer was already posted or voided."""

    code = "pending_already_ended"


class IdempotencyKeyReusedError(RewardsError):
    """The same key came before with other content: a conflict, never a repeat."""

    code = "idempotency_key_reused"


class OperatorRefusedError(RewardsError):
    """Base of what only an operator can ask for, with a command, and is refused; its text says what to do.

    The API serves none of it: ``docs/operators.md`` explains the codes.
    """


def violates(error: IntegrityError, constraint: str) -> bool:
    """Tell whether ``constraint`` was violated; Citus appends a shard number to the name, which is ignored."""
    diag = getattr(error.orig, "diag", None)
    name = getattr(diag, "constraint_name", None) or ""
    return name == constraint or name.rpartition("_")[0] == constraint
