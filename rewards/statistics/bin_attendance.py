"""How long each bin was silent or full in a period, how full it is, and when it will be full.

From what bins said of themselves by day (``rewards/bin_days.py``), to the hour: an hour counts as silent when nothing
was heard in it, as full when a level of 95 % or more was told in it. Nothing of deposits or persons is read.
"""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from rewards.statistics.forecasts import Forecast, Level, NoForecast, forecast_full
from rewards.statistics.periods import Period

LEVELS_FOR = datetime.timedelta(days=60)
"""How far back levels are looked at for a forecast: longer than most bins take to fill."""

# An hour in which a bin was moved may count twice; what was heard beyond the hours it stood there is not taken off.
# Days are looked up bin by bin: joined, they were read once for each bin while the tables were too new for the planner.
LIST = text("""
    WITH stood AS (
        SELECT p.bin_id,
               sum(LEAST(coalesce(p.removed_at, :until), :until) - GREATEST(p.placed_at, :since)) AS stood_for
          FROM placements p
         WHERE p.authority_id = :authority_id AND p.placed_at <= :until
           AND (p.removed_at IS NULL OR p.removed_at > :since)
           AND (CAST(:bin_id AS text) IS NULL OR p.bin_id = :bin_id)
         GROUP BY p.bin_id),
    page AS (
        SELECT stood.bin_id, CAST(EXTRACT(epoch FROM stood.stood_for) / 60 AS bigint) AS placed_minutes,
               s.reference AS site, s.insee_code
          FROM stood
          JOIN bins b ON b.authority_id = :authority_id AND b.bin_id = stood.bin_id AND b.state <> 'test'
          LEFT JOIN placements p ON p.authority_id = :authority_id AND p.bin_id = stood.bin_id
               AND p.placed_at <= :now AND (p.removed_at IS NULL OR p.removed_at > :now)
          LEFT JOIN sites s ON s.authority_id = :authority_id AND s.site_id = p.site_id
         WHERE (CAST(:after AS text) IS NULL OR stood.bin_id > :after)
           AND (CAST(:insee_code AS text) IS NULL OR s.insee_code = :insee_code)
           AND (CAST(:site AS text) IS NULL OR s.reference = :site)
         ORDER BY stood.bin_id LIMIT :limit)
    SELECT page.bin_id, page.site, page.insee_code, c.name AS commune, page.placed_minutes,
           GREATEST(page.placed_minutes - coalesce(said.heard_minutes, 0), 0) AS silent_minutes,
           coalesce(said.told_minutes, 0) AS told_minutes, coalesce(said.full_minutes, 0) AS full_minutes
      FROM page
     CROSS JOIN LATERAL (
        SELECT sum(bit_count(CAST(d.heard_hours AS bit(25)))) * 60 AS heard_minutes,
               sum(bit_count(CAST(d.told_hours AS bit(25)))) * 60 AS told_minutes,
               sum(bit_count(CAST(d.full_hours AS bit(25)))) * 60 AS full_minutes
          FROM bin_days d
         WHERE d.authority_id = :authority_id AND d.bin_id = page.bin_id AND d.day BETWEEN :first_day AND :last_day
        ) AS said
      LEFT JOIN communes c ON c.authority_id = :authority_id AND c.insee_code = page.insee_code
     ORDER BY page.bin_id
""")
LEVELS = text("""
    SELECT bin_id, fill_at, fill_pct FROM bin_days
     WHERE authority_id = :authority_id AND bin_id = ANY(CAST(:bin_ids AS text[]))
       AND day >= :since AND fill_at <= :now
     ORDER BY bin_id, fill_at
""")


@dataclass(frozen=True, slots=True)
class BinAttendance:
    """A bin in a period: minutes it stood at some site, was silent, told a level, was full; its level and forecast.

    ``site`` is where it stands now, None when nowhere. Minutes are whole hours of what was heard; of a period that is
    not over only what has passed counts. ``full_minutes`` are of ``told_minutes``: how full a silent bin is nobody
    knows.
    """

    bin_id: str
    site: str | None
    insee_code: str | None
    commune: str | None
    placed_minutes: int
    silent_minutes: int
    told_minutes: int
    full_minutes: int
    fill_pct: int | None
    fill_at: datetime.datetime | None
    full_likely_at: datetime.datetime | None
    full_earliest_at: datetime.datetime | None
    full_latest_at: datetime.datetime | None
    no_forecast: NoForecast | None


def list_bin_attendance(
    connection: Connection,
    period: Period,
    *,
    authority_id: int,
    timezone: ZoneInfo,
    now: datetime.datetime,
    insee_code: str | None = None,
    site: str | None = None,
    bin_id: str | None = None,
    after: str | None = None,
    limit: int = 500,
) -> list[BinAttendance]:
    """List the bins that stood somewhere in ``period``, by id; bins in state test are not among them.

    ``insee_code`` and ``site`` are of where a bin stands now.

    Raises:
        PeriodToComeError: it has not begun.
    """
    today = now.astimezone(timezone).date()
    period.require_begun(today)
    since, last = period.instants(timezone)
    values = {
        "authority_id": authority_id,
        "first_day": period.first_day,
        "last_day": period.last_day,
        "since": since,
        "until": min(last, now),
        "now": now,
        "insee_code": insee_code,
        "site": site,
        "bin_id": bin_id,
        "after": after,
        "limit": limit,
    }
    bins = connection.execute(LIST, values).all()
    asked = {
        "authority_id": authority_id,
        "bin_ids": [each.bin_id for each in bins],
        "since": today - LEVELS_FOR,
        "now": now,
    }
    levels: defaultdict[str, list[Level]] = defaultdict(list)
    for row in connection.execute(LEVELS, asked):
        levels[row.bin_id].append((row.fill_at, row.fill_pct))
    return [BinAttendance(*each, *read_levels(levels[each.bin_id])) for each in bins]


def read_levels(levels: Sequence[Level]) -> tuple[Any, ...]:
    """Return the last level, when it was told, and the forecast or why there is none, as the bin's last six fields."""
    fill_at, fill_pct = levels[-1] if levels else (None, None)
    forecast = forecast_full(levels)
    if isinstance(forecast, Forecast):
        return fill_pct, fill_at, forecast.likely_at, forecast.earliest_at, forecast.latest_at, None
    return fill_pct, fill_at, None, None, None, forecast
