"""Tries at what can be guessed: so many in a while, then none until the while is over.

A try is taken before the guess is looked at, in a transaction of its own, so that many at once have no more.
"""

import datetime
from uuid import UUID

from sqlalchemy import Connection, text


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

    def take(self, connection: Connection, subject_id: UUID, *, authority_id: int, now: datetime.datetime) -> bool:
        """Take a try, to be committed before the guess is looked at; False when none is left for now."""
        values = {"authority_id": authority_id, "subject_id": subject_id, "now": now}
        taken = connection.execute(self._take, {**values, "window_ends_at": now + self.window})
        return taken.one_or_none() is not None

    def give_back(self, connection: Connection, subject_id: UUID, *, authority_id: int) -> None:
        """Give a try back that was none: the guess was right."""
        connection.execute(self._give_back, {"authority_id": authority_id, "subject_id": subject_id})
