"""What causes got in which month, in points and in cents; no giver is told, nor how many there were."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

# A goal hands over its whole target when it is closed. A month is paid at once, so it is rounded once, down.
LIST_MONTHS = text("""
    WITH got AS (
        SELECT to_cause_id, donated_at AS got_at, points FROM donations
         WHERE authority_id = :authority_id AND to_cause_id IS NOT NULL
        UNION ALL
        SELECT to_cause_id, ended_at, target_points FROM goals
         WHERE authority_id = :authority_id AND to_cause_id IS NOT NULL AND state = 'closed'),
    months AS (
        SELECT g.to_cause_id, CAST(date_trunc('month', g.got_at AT TIME ZONE o.timezone) AS date) AS month,
               CAST(sum(g.points) AS bigint) AS points
          FROM got g JOIN authorities o ON o.authority_id = :authority_id
         GROUP BY 1, 2)
    SELECT m.month, c.cause_id, c.name, c.siret, c.rna, m.points, c.hundred_points_cents,
           m.points * c.hundred_points_cents / 100 AS value_cents, f.name AS funder
      FROM months m
      JOIN causes c ON c.authority_id = :authority_id AND c.cause_id = m.to_cause_id
      LEFT JOIN funders f ON f.authority_id = c.authority_id AND f.funder_id = c.funder_id
     WHERE (CAST(:since AS date) IS NULL OR m.month >= :since) AND (CAST(:until AS date) IS NULL OR m.month < :until)
       AND (CAST(:after_month AS date) IS NULL
            OR (m.month, c.name, c.cause_id) > (:after_month, CAST(:after_name AS text), CAST(:after_id AS uuid)))
     ORDER BY m.month, c.name, c.cause_id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class MonthOfCause:
    """What one cause got in the month that begins on ``month``, and the ``value_cents`` that ``funder`` owes for it.

    Whole cents, rounded down; None where nobody pays.
    """

    month: datetime.date
    cause_id: UUID
    name: str
    siret: str | None
    rna: str | None
    points: int
    hundred_points_cents: int | None
    value_cents: int | None
    funder: str | None


def list_months(
    connection: Connection,
    *,
    authority_id: int,
    since: datetime.date | None = None,
    until: datetime.date | None = None,
    after: tuple[datetime.date, str, UUID] | None = None,
    limit: int | None = None,
) -> list[MonthOfCause]:
    """List what causes got by month of the authority's calendar, from ``since`` until before ``until``, oldest first.

    Months begin on their first day: give such days. ``after`` is the (month, name, id) of the last one known.
    """
    month, name, cause_id = after or (None, None, None)
    values = {"authority_id": authority_id, "since": since, "until": until, "limit": limit}
    rows = connection.execute(LIST_MONTHS, {**values, "after_month": month, "after_name": name, "after_id": cause_id})
    return [MonthOfCause(*row) for row in rows]
