"""Building the table that is to be published: a month from the daily sums, a year from its months as published.

What came in after a month was published is in no published table: the difference of two versions of a cell would be
what a few late deposits were.
"""

import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from rewards.statistics.disclosure.tables import Cell, Key, Leaf, Reason, Table, build_month, build_year
from rewards.statistics.grams import ESTIMATED_G, IS_UNKNOWN, OF_ITEMS
from rewards.statistics.participation.counting import Span
from rewards.statistics.publications.refusals import (
    AlreadyPublishedError,
    MonthsNotPublishedError,
    PeriodNotClosedError,
)

WAIT = datetime.timedelta(days=35)
"""After a month is over. Bins try for 30 days to deliver an event (docs/bin-protocol.md); five for the rest."""

FIND_PUBLISHED = text("""
    SELECT published_at FROM publications
     WHERE authority_id = :authority_id AND granularity = :granularity AND first_day = :first_day
""")
SUM_MONTH = text(f"""
    SELECT CAST(d.site_id AS text) AS site, s.insee_code AS commune, d.material,
           CAST(sum(d.deposits) AS bigint) AS deposits, CAST(sum(d.items) AS bigint) AS items,
           CASE WHEN bool_or({IS_UNKNOWN}) THEN NULL ELSE CAST(sum(d.mass_g) + round({ESTIMATED_G}) AS bigint)
           END AS mass_g,
           CAST(sum(d.points) AS bigint) AS points
      FROM daily_deposits d
      JOIN sites s ON s.authority_id = d.authority_id AND s.site_id = d.site_id
      {OF_ITEMS}
     WHERE d.authority_id = :authority_id AND d.day BETWEEN :first_day AND :last_day
     GROUP BY d.site_id, s.insee_code, d.material ORDER BY 1, 3
""")
# Where a bin stood, something could have been dropped: zero is an answer there.
LIST_SITES = text("""
    SELECT DISTINCT CAST(s.site_id AS text) AS site, s.insee_code AS commune
      FROM placements p
      JOIN sites s ON s.authority_id = p.authority_id AND s.site_id = p.site_id
     WHERE p.authority_id = :authority_id AND p.placed_at < :until
       AND (p.removed_at IS NULL OR p.removed_at > :since)
""")
LIST_COUNTS = text("""
    SELECT level, code, material, holders, deposits FROM holder_counts
     WHERE authority_id = :authority_id AND granularity = :granularity AND first_day = :first_day
""")
LIST_MONTHS = text("""
    SELECT first_day FROM publications
     WHERE authority_id = :authority_id AND granularity = 'month' AND first_day BETWEEN :first_day AND :last_day
""")
LIST_CELLS_OF_MONTHS = text("""
    SELECT p.first_day, p.level, p.code, p.material, p.insee_code, w.reason,
           coalesce(p.deposits, w.deposits) AS deposits, coalesce(p.items, w.items) AS items,
           coalesce(p.mass_g, w.mass_g) AS mass_g, coalesce(p.points, w.points) AS points,
           coalesce(p.holders, w.holders) AS holders
      FROM published_cells p
      LEFT JOIN withheld_cells w
             ON w.authority_id = p.authority_id AND w.granularity = p.granularity AND w.first_day = p.first_day
            AND w.level = p.level AND w.code = p.code AND w.material = p.material
     WHERE p.authority_id = :authority_id AND p.granularity = 'month' AND p.first_day BETWEEN :first_day AND :last_day
     ORDER BY p.first_day, p.level, p.code, p.material
""")


def read_month(
    connection: Connection,
    month: datetime.date,
    *,
    authority_id: int,
    timezone: ZoneInfo,
    now: datetime.datetime,
    is_rehearsal: bool = False,
) -> Table:
    """Return the table of a month, not yet protected; holders must have been counted just before.

    In a rehearsal a month that has begun need not be closed: what comes in later is not in the table.

    Raises:
        PeriodNotClosedError, AlreadyPublishedError: it cannot be published.
    """
    span = Span("month", month)
    has_begun = month <= now.astimezone(timezone).date()
    check_open(
        connection,
        span,
        authority_id=authority_id,
        timezone=timezone,
        now=now,
        need_not_be_closed=is_rehearsal and has_begun,
    )
    tenant = {"authority_id": authority_id}
    # Counts first: what comes in between has more deposits and no more holders.
    counted = connection.execute(LIST_COUNTS, {**tenant, "granularity": "month", "first_day": month})
    holders = {(row.level, row.code, row.material): row.holders for row in counted}
    days = {"first_day": month, "last_day": span.last_day}
    leaves = [Leaf(*row) for row in connection.execute(SUM_MONTH, {**tenant, **days})]
    since = datetime.datetime.combine(month, datetime.time(), timezone)
    until = datetime.datetime.combine(span.last_day + datetime.timedelta(days=1), datetime.time(), timezone)
    stood = connection.execute(LIST_SITES, {**tenant, "since": since, "until": until})
    commune_of = {row.site: row.commune for row in stood} | {leaf.site: leaf.commune for leaf in leaves}
    return build_month(month, leaves, commune_of=commune_of, materials=[], holders=holders)


def read_year(
    connection: Connection, year: int, *, authority_id: int, timezone: ZoneInfo, now: datetime.datetime
) -> Table:
    """Return the table of a year over its months as they were published, not yet protected.

    Raises:
        PeriodNotClosedError, AlreadyPublishedError, MonthsNotPublishedError: it cannot be published.
    """
    span = Span("year", datetime.date(year, 1, 1))
    check_open(connection, span, authority_id=authority_id, timezone=timezone, now=now)
    values = {"authority_id": authority_id, "first_day": span.first_day, "last_day": span.last_day}
    published = set(connection.scalars(LIST_MONTHS, values))
    missing = [month for no in range(1, 13) if (month := datetime.date(year, no, 1)) not in published]
    if missing:
        raise MonthsNotPublishedError(missing)
    months: list[tuple[Cell, Reason | None]] = []
    commune_of: dict[datetime.date, dict[str, str]] = {month: {} for month in sorted(published)}
    deposits: dict[tuple[str, str, str], int] = {}
    for row in connection.execute(LIST_CELLS_OF_MONTHS, values):
        place = (row.level, row.code, row.material)
        key = Key("month", row.first_day, *place)
        months.append((Cell(key, row.deposits, row.items, row.mass_g, row.points, row.holders), row.reason))
        deposits[place] = deposits.get(place, 0) + row.deposits
        if row.level == "site":
            commune_of[row.first_day][row.code] = row.insee_code
    counted = connection.execute(LIST_COUNTS, {**values, "granularity": "year"})
    # Whoever came in after a month was published is not in it: each late deposit may be a holder too many.
    holders = {
        place: row.holders - abs(row.deposits - deposits.get(place, 0))
        for row in counted
        if (place := (row.level, row.code, row.material)) in deposits
    }
    return build_year(year, months, commune_of=commune_of, holders=holders)


def find_closing_day(span: Span) -> datetime.date:
    """Return the first day a month or year can be published on, of the authority's calendar."""
    return span.last_day + datetime.timedelta(days=1) + WAIT


def check_open(
    connection: Connection,
    span: Span,
    *,
    authority_id: int,
    timezone: ZoneInfo,
    now: datetime.datetime,
    need_not_be_closed: bool = False,
) -> None:
    """Raise unless a month or year is over for long enough and was not published."""
    values = {"authority_id": authority_id, "granularity": span.granularity, "first_day": span.first_day}
    published_at = connection.scalar(FIND_PUBLISHED, values)
    if published_at is not None:
        raise AlreadyPublishedError(published_at)
    closes_on = find_closing_day(span)
    if not need_not_be_closed and now.astimezone(timezone).date() < closes_on:
        period = f"{span.first_day:%Y-%m}" if span.granularity == "month" else f"{span.first_day:%Y}"
        raise PeriodNotClosedError(period, closes_on)
