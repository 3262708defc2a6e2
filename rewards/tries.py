"""Tries at what can be guessed: so many in a while, then none until the while is over.

A try is taken before the guess is looked at, in a transaction of its own, so that many at once have no more.
"""

import datetime
from math import ceil
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.errors import RewardsError


class TriesSpentError(RewardsError):
    """Base of what is refused until a while is over; ``retry_after_s`` says how long that is."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"wait {retry_after_s} seconds")
        self.retry_after_s = retry_after_s


class Tries:
    """The tries of one kind, kept in ``table`` for each ``subject``, its second key column."""

    def __init__(self, table: str, subject: str, *, most: int, window: datetime.timedelta) -> None:
        self.most, self.window = most, window
        self._take = text(f"""
            INSERT INTO {table} AS t (authority_id, {subject}, tries, window_ends_at)
            VALUES (:authority_id, :subject_id, 1, :window_ends_at)
            ON CONFLICT (authority_id, {subject}) DO UPDATE
               SET tries = CASE WHEN t.window_ends_at <= :now THEN 1 ELSE t.tries + 1 END,
                   window_ends_at = CASE WHEN t.window_ends_at <= :now THEN excluded.window_ends_at
                                         ELSE t.window_ends_at END
             WHERE t.tries < {most} OR t.window_ends_at <= :now
            RETURNING t.tries
        """)
        self._give_back = text(f"""
            UPDATE {table} SET tries = tries - 1
             WHERE authority_id = :authority_id AND {subject} = :subject_id AND tries > 0
        """)

        self._find_end = text(f"""
            SELECT window_ends_at FROM {table} WHERE authority_id = :authority_id AND {subject} = :subject_id
        """)

    def take(self, connection: Connection, subject_id: UUID, *, authority_id: int, now: datetime.datetime) -> bool:
        """Take a try, to be committed before the guess is looked at; False when none is left for now."""
        values = {"authority_id": authority_id, "subject_id": subject_id, "now": now}
        taken = connection.execute(self._take, {**values, "window_ends_at": now + self.window})
        return taken.one_or_none() is not None

    def find_wait_s(
        self, connection: Connection, subject_id: UUID, *, authority_id: int, now: datetime.datetime
    ) -> int:
        """Return how many seconds are left until there are tries again, at least one."""
        ends_at = connection.scalar(self._find_end, {"authority_id": authority_id, "subject_id": subject_id})
        return 1 if ends_at is None else max(1, ceil((ends_at - now).total_seconds()))

    def give_back(self, connection: Connection, subject_id: UUID, *, authority_id: int) -> None:
        """Give a try back that was none: the guess was right."""
        connection.execute(self._give_back, {"authority_id": authority_id, "subject_id": subject_id})
