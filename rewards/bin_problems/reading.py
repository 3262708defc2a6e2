"""What is wrong with bins, as citizens report it and as bins raise it themselves: one list, newest first."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

# Alarms have no id of their own: a bin has one of each kind.
LIST = text("""
    SELECT * FROM (
        SELECT CAST('citizens' AS text) AS source, CAST(problem_id AS text) AS trouble, problem_id, bin_id, kind,
               reports, reported_at, last_reported_at, closed_at, closed_by, outcome, CAST(NULL AS jsonb) AS detail
          FROM bin_problems WHERE authority_id = :authority_id
        UNION ALL
        SELECT 'bin', bin_id || ' ' || kind, NULL, bin_id, kind, times, raised_at, last_seen_at, ended_at, NULL, NULL,
               detail
          FROM bin_alarms WHERE authority_id = :authority_id) AS t
     WHERE (:with_closed OR closed_at IS NULL)
       AND (CAST(:source AS text) IS NULL OR source = :source)
       AND (CAST(:bin_id AS text) IS NULL OR bin_id = :bin_id)
       AND (CAST(:before_at AS timestamptz) IS NULL
            OR (reported_at, trouble COLLATE "C") < (:before_at, CAST(:before AS text)))
     ORDER BY reported_at DESC, trouble COLLATE "C" DESC LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem of ``source`` ``citizens`` (``reports`` of them, or an alarm of the ``bin`` raised so many times).

    Only problems have a ``problem_id``, and are closed by somebody with an ``outcome``; only alarms have a ``detail``.
    """

    source: str
    trouble: str
    problem_id: UUID | None
    bin_id: str
    kind: str
    reports: int
    reported_at: datetime.datetime
    last_reported_at: datetime.datetime
    closed_at: datetime.datetime | None
    closed_by: str | None
    outcome: str | None
    detail: Mapping[str, Any] | None


def list_troubles(
    connection: Connection,
    *,
    authority_id: int,
    source: str | None = None,
    bin_id: str | None = None,
    with_closed: bool = False,
    after: tuple[datetime.datetime, str] | None = None,
    limit: int = 50,
) -> list[Trouble]:
    """List what is wrong with an authority's bins, newest first, behind the (instant, trouble) of ``after``."""
    before_at, before = after or (None, None)
    asked = {"source": source, "bin_id": bin_id, "with_closed": with_closed, "limit": limit}
    values = {"authority_id": authority_id, "before_at": before_at, "before": before, **asked}
    return [Trouble(*row) for row in connection.execute(LIST, values)]
