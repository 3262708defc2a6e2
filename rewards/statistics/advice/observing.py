"""What the bins of each site told of their levels in a period, and which of them fell silent at its end.

A bin's day counts at the site it stood at that day; the day of a move at the one it was brought to.
"""

import datetime
from collections import defaultdict
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from rewards.statistics.advice.rules import Levels
from rewards.statistics.advice.thresholds import value_of
from rewards.statistics.forecasts import EMPTIED_BY_PCT
from rewards.statistics.periods import Period
from rewards.statistics.signs import Signs, list_signs

# The last level of a day below that of the day before it by so much: emptied. Twice in a day is seen once.
LEVELS = text("""
    WITH stays AS (
        SELECT p.bin_id, p.site_id, CAST(p.placed_at AT TIME ZONE :timezone AS date) AS first_day,
               coalesce(CAST(p.removed_at AT TIME ZONE :timezone AS date) - 1, :last_day) AS last_day
          FROM placements p
          JOIN bins b ON b.authority_id = p.authority_id AND b.bin_id = p.bin_id AND b.state <> 'test'
          JOIN sites s ON s.authority_id = p.authority_id AND s.site_id = p.site_id
         WHERE p.authority_id = :authority_id
           AND (CAST(:insee_code AS text) IS NULL OR s.insee_code = :insee_code)),
    told AS (
        SELECT y.site_id, d.told_hours, d.full_hours, d.fill_pct,
               lag(d.fill_pct) OVER (PARTITION BY d.bin_id, y.site_id ORDER BY d.day) AS fill_pct_before
          FROM stays y
          JOIN bin_days d ON d.authority_id = :authority_id AND d.bin_id = y.bin_id
           AND d.day BETWEEN GREATEST(y.first_day, :first_day) AND LEAST(y.last_day, :last_day)
         WHERE d.told_hours <> 0)
    SELECT CAST(site_id AS text) AS unit, sum(bit_count(CAST(told_hours AS bit(25)))) AS told_hours,
           sum(bit_count(CAST(full_hours AS bit(25)))) AS full_hours, count(*) AS told_days,
           count(*) FILTER (WHERE fill_pct_before - fill_pct >= :emptied_by_pct) AS emptyings
      FROM told GROUP BY site_id
""")
STANDING = text("""
    SELECT p.bin_id, CAST(p.site_id AS text) AS unit, CAST(p.placed_at AT TIME ZONE :timezone AS date) AS placed_on
      FROM placements p
      JOIN bins b ON b.authority_id = p.authority_id AND b.bin_id = p.bin_id AND b.state NOT IN ('test', 'revoked')
      JOIN sites s ON s.authority_id = p.authority_id AND s.site_id = p.site_id
     WHERE p.authority_id = :authority_id AND p.placed_at <= :until AND (p.removed_at IS NULL OR p.removed_at > :until)
       AND (CAST(:insee_code AS text) IS NULL OR s.insee_code = :insee_code)
""")


def list_levels(
    connection: Connection, period: Period, *, authority_id: int, timezone: ZoneInfo, insee_code: str | None
) -> Mapping[str, Levels]:
    """Return what was told of levels by site id."""
    asked = {
        "authority_id": authority_id,
        "timezone": timezone.key,
        "first_day": period.first_day,
        "last_day": period.last_day,
        "insee_code": insee_code,
        "emptied_by_pct": EMPTIED_BY_PCT,
    }
    return {
        row.unit: Levels(int(row.told_hours), int(row.full_hours), row.told_days, row.emptyings)
        for row in connection.execute(LEVELS, asked)
    }


def list_silent_days(
    connection: Connection,
    period: Period,
    *,
    authority_id: int,
    timezone: ZoneInfo,
    insee_code: str | None,
    now: datetime.datetime,
) -> Mapping[str, int]:
    """Return for how many days on end, by site id, a bin that stands there at the end of the period gave no sign.

    Of several the one silent longest; nothing further back is looked at than the month before the last.
    """
    today = now.astimezone(timezone).date()
    last_day = min(period.last_day, today)
    asked = {
        "authority_id": authority_id,
        "timezone": timezone.key,
        "insee_code": insee_code,
        "until": min(period.instants(timezone)[1], now),
    }
    standing = connection.execute(STANDING, asked).all()
    since = (last_day - datetime.timedelta(days=value_of("silent_days"))).replace(day=1)
    signs = list_signs(connection, since, last_day, bin_ids={row.bin_id for row in standing}, authority_id=authority_id)
    found: defaultdict[str, int] = defaultdict(int)
    until_last = (1 << (last_day - since).days + 1) - 1
    for row in standing:
        of_bin = signs.get(row.bin_id, Signs())
        given = (of_bin.heard | of_bin.dropped) & until_last
        since_sign = (last_day - since).days + 1 - given.bit_length()
        found[row.unit] = max(found[row.unit], min(since_sign, (last_day - row.placed_on).days))
    return found
