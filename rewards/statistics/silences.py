"""When a bin that stood somewhere was silent: figures and effects share the rule.

A sign of a bin is a report of itself (``bin_days``) or a deposit. Fewer than ``GAP_DAYS`` days without one are days on
which nobody came; so many or more are silence, and what was dropped meanwhile is unknown.
"""

import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

GAP_DAYS = 7
"""So many days without any sign are silence."""

ONE_DAY = datetime.timedelta(days=1)

# Seven days on end hold one of every seventh day: only those are looked at, and the days around them only of bins that
# gave no sign then. So a seventh of the days is read, and the rule is kept to the day.
LIST = text("""
    WITH stays AS MATERIALIZED (
        SELECT p.bin_id, p.site_id,
               CAST((p.placed_at + interval '1 day' - interval '1 microsecond') AT TIME ZONE :timezone AS date)
                   AS first_day,
               LEAST(CAST(p.removed_at AT TIME ZONE :timezone AS date) - 1,
                     CASE b.state WHEN 'revoked'
                          THEN coalesce(CAST(r.last_heard_at AT TIME ZONE :timezone AS date), '-infinity') END,
                     CAST(:today AS date)) AS last_day
          FROM placements p
          JOIN bins b ON b.authority_id = p.authority_id AND b.bin_id = p.bin_id
          LEFT JOIN bin_reports r ON r.authority_id = p.authority_id AND r.bin_id = p.bin_id
         WHERE p.authority_id = :authority_id AND b.state <> 'test'
           AND (CAST(:bin_id AS text) IS NULL OR p.bin_id = :bin_id)),
    seen AS (
        SELECT bin_id, day FROM bin_days
         WHERE authority_id = :authority_id AND day = ANY(CAST(:looked_at AS date[]))
        UNION
        SELECT bin_id, day FROM daily_deposits
         WHERE authority_id = :authority_id AND day = ANY(CAST(:looked_at AS date[]))),
    unseen AS MATERIALIZED (
        SELECT y.bin_id, y.site_id, l.day, y.first_day, y.last_day
          FROM stays y
          JOIN unnest(CAST(:looked_at AS date[])) AS l (day) ON l.day BETWEEN y.first_day AND y.last_day
          LEFT JOIN seen ON seen.bin_id = y.bin_id AND seen.day = l.day
         WHERE seen.bin_id IS NULL),
    around AS (
        SELECT u.bin_id, u.site_id, u.day, u.first_day, u.last_day, u.day + k.days AS near
          FROM unseen u CROSS JOIN generate_series(1 - :gap_days, :gap_days - 1) AS k (days)),
    signs AS (
        SELECT a.bin_id, a.site_id, a.day, a.near
          FROM around a JOIN bin_days d
            ON d.authority_id = :authority_id AND d.bin_id = a.bin_id AND d.day = a.near
        UNION ALL
        SELECT a.bin_id, a.site_id, a.day, a.near
          FROM around a JOIN daily_deposits d
            ON d.authority_id = :authority_id AND d.bin_id = a.bin_id AND d.day = a.near),
    silences AS (
        SELECT u.bin_id, u.site_id,
               GREATEST(coalesce(max(s.near) FILTER (WHERE s.near < u.day), u.day - :gap_days) + 1, u.first_day)
                   AS first_day,
               LEAST(coalesce(min(s.near) FILTER (WHERE s.near > u.day), u.day + :gap_days) - 1, u.last_day) AS last_day
          FROM unseen u
          LEFT JOIN signs s ON s.bin_id = u.bin_id AND s.site_id = u.site_id AND s.day = u.day
         GROUP BY u.bin_id, u.site_id, u.day, u.first_day, u.last_day)
    SELECT bin_id, site_id, first_day, last_day FROM silences WHERE last_day - first_day + 1 >= :gap_days
""")


def list_silences(
    connection: Connection,
    first_day: datetime.date,
    last_day: datetime.date,
    *,
    authority_id: int,
    timezone: str,
    today: datetime.date,
    bin_id: str | None = None,
) -> list[Row[Any]]:
    """List silences that touch a period, as (bin_id, site_id, first_day, last_day), within a stay at a site.

    A long one comes in pieces that overlap; together they are the whole of it within the period.
    """
    first = first_day - (GAP_DAYS - 1) * ONE_DAY
    days = (min(last_day, today) - first).days + GAP_DAYS
    values = {
        "authority_id": authority_id,
        "timezone": timezone,
        "today": today,
        "bin_id": bin_id,
        "gap_days": GAP_DAYS,
        "looked_at": [first + each * ONE_DAY for each in range(0, days, GAP_DAYS)],
    }
    return list(connection.execute(LIST, values))
