"""Counting holders: distinct ones, from the ledger, for the months and years whose deposits changed since.

What is kept are numbers. The wallets behind them are looked up while they are linked, once for a year and its months
together, and no link between a person and a place is stored (docs/decisions/0044-a-holder-is-a-wallet.md).
"""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.rollups.reading import DEPOSITS_OF_PERIOD

LAST_DAY = datetime.date(2100, 12, 31)
"""Behind all that is ever counted."""

PERIODS = Columns(granularity="text", begins_on="date", ends_on="date")

# Retention cuts links of lots of earlier months than these; whoever counted then would count too few.
FIND_FIRST_WHOLE = text("""
    SELECT timezone,
           CAST(date_trunc('month', (CAST(:now AS timestamptz)
                - make_interval(months => greatest(history_kept_months, coalesce(inactive_after_months, 0))))
                AT TIME ZONE 'UTC') AS date) AS first_whole
      FROM authorities WHERE authority_id = :authority_id
""")
# By commune, so that a site that was said to be in another one is noticed too.
LIST_CHANGED = text(f"""
    SELECT DISTINCT coalesce(held.month, kept.first_day) AS month
      FROM (SELECT CAST(date_trunc('month', d.day) AS date) AS month, s.insee_code,
                   sum(d.deposits) AS deposits, sum(d.credited_deposits) AS credited_deposits
              FROM {DEPOSITS_OF_PERIOD} AS d
              JOIN sites s ON s.authority_id = :authority_id AND s.site_id = d.site_id
             GROUP BY 1, 2) AS held
      FULL JOIN (SELECT first_day, code, deposits, credited_deposits FROM holder_counts
                  WHERE authority_id = :authority_id AND granularity = 'month' AND level = 'commune' AND material = ''
                    AND first_day BETWEEN :first_day AND :last_day) AS kept
        ON kept.first_day = held.month AND kept.code = held.insee_code
     WHERE (held.deposits, held.credited_deposits) IS DISTINCT FROM (kept.deposits, kept.credited_deposits)
     ORDER BY 1
""")
FORGET = text(f"""
    DELETE FROM holder_counts h USING {PERIODS.unnest("t")}
     WHERE h.authority_id = :authority_id AND h.granularity = t.granularity AND h.first_day = t.begins_on
""")
# Each row counts at its site, in its commune and in the authority; with its material, and with all.
WITHIN = """
      CROSS JOIN LATERAL (VALUES ('authority', ''), ('commune', s.insee_code), ('site', CAST(s.site_id AS text)))
            AS place (level, code)
"""
COUNT = text(f"""
    INSERT INTO holder_counts (authority_id, granularity, first_day, level, code, material, holders, new_holders,
                               deposits, credited_deposits, counted_at)
    WITH period AS (SELECT t.* FROM {PERIODS.unnest("t")}),
    credited AS (
        SELECT journal_no, seq, credit_account_id AS account_id FROM transfers
         WHERE authority_id = :authority_id AND journal_no IS NOT NULL
        UNION ALL
        SELECT journal_no, seq, account_id FROM capped_deposits WHERE authority_id = :authority_id
    ),
    seen AS MATERIALIZED (
        SELECT DISTINCT CAST(date_trunc('month', d.occurred_at AT TIME ZONE :timezone) AS date) AS month,
               d.site_id, d.material, coalesce(o.merged_into, o.wallet_id) AS holder_id
          FROM events d
          JOIN credited ON credited.journal_no = d.journal_no AND credited.seq = d.seq
          JOIN wallet_accounts w ON w.authority_id = d.authority_id AND w.account_id = credited.account_id
          JOIN wallets o ON o.authority_id = w.authority_id AND o.wallet_id = w.wallet_id
         WHERE d.authority_id = :authority_id AND d.type = 'deposit'
           AND d.occurred_at >= CAST(:first_day AS timestamp) AT TIME ZONE :timezone
           AND d.occurred_at < CAST(CAST(:last_day AS date) + 1 AS timestamp) AT TIME ZONE :timezone
    ),
    begun AS (
        SELECT wallet_id, min(first_credited_on) AS first_day FROM citizens
         WHERE authority_id = :authority_id GROUP BY wallet_id
    ),
    active AS (
        SELECT p.granularity, p.begins_on AS first_day, place.level, place.code, kind.material,
               count(DISTINCT seen.holder_id) AS holders,
               count(DISTINCT seen.holder_id) FILTER (WHERE b.first_day BETWEEN p.begins_on AND p.ends_on)
                   AS new_holders
          FROM seen
          JOIN period p ON seen.month BETWEEN p.begins_on AND p.ends_on
          JOIN sites s ON s.authority_id = :authority_id AND s.site_id = seen.site_id
          LEFT JOIN begun b ON b.wallet_id = seen.holder_id
          {WITHIN}
         CROSS JOIN LATERAL (VALUES (''), (seen.material)) AS kind (material)
         GROUP BY 1, 2, 3, 4, 5
    ),
    dropped AS (
        SELECT p.granularity, p.begins_on AS first_day, place.level, place.code, kind.material,
               sum(d.deposits) AS deposits, sum(d.credited_deposits) AS credited_deposits
          FROM {DEPOSITS_OF_PERIOD} AS d
          JOIN period p ON d.day BETWEEN p.begins_on AND p.ends_on
          JOIN sites s ON s.authority_id = :authority_id AND s.site_id = d.site_id
          {WITHIN}
         CROSS JOIN LATERAL (VALUES (''), (d.material)) AS kind (material)
         GROUP BY 1, 2, 3, 4, 5
    )
    SELECT :authority_id, dropped.granularity, dropped.first_day, dropped.level, dropped.code, dropped.material,
           coalesce(active.holders, 0), coalesce(active.new_holders, 0), dropped.deposits, dropped.credited_deposits,
           :now
      FROM dropped
      LEFT JOIN active ON active.granularity = dropped.granularity AND active.first_day = dropped.first_day
                      AND active.level = dropped.level AND active.code = dropped.code
                      AND active.material = dropped.material
""")
# Of a big year's ledger longer than a role's statements may take.
TAKE_TIME = text("SET LOCAL statement_timeout = 0")
LOCK = text("SELECT pg_advisory_xact_lock(7106007, :authority_id)")


@dataclass(frozen=True, slots=True)
class Span:
    """A month or a year, by the authority's calendar."""

    granularity: str
    first_day: datetime.date

    @property
    def last_day(self) -> datetime.date:
        """The last day in it."""
        if self.granularity == "year":
            return datetime.date(self.first_day.year, 12, 31)
        after = (self.first_day.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
        return after - datetime.timedelta(days=1)


def list_changed_months(
    connection: Connection, *, authority_id: int, now: datetime.datetime
) -> tuple[list[datetime.date], datetime.date]:
    """List the months to be counted (again), oldest first, and the first month that can be."""
    values = {"authority_id": authority_id, "now": now}
    first_whole = connection.execute(FIND_FIRST_WHOLE, values).one().first_whole
    found = connection.scalars(
        LIST_CHANGED, {"authority_id": authority_id, "first_day": first_whole, "last_day": LAST_DAY}
    )
    return list(found), first_whole


def plan_spans(changed: list[datetime.date], *, first_whole: datetime.date) -> list[list[Span]]:
    """Return what is to be counted, a year's months and the year itself together; a year cut into is not counted."""
    spans = []
    for year in sorted({month.year for month in changed}):
        first_day = datetime.date(year, 1, 1)
        months = [Span("month", month) for month in changed if month.year == year]
        spans.append([*months, *([Span("year", first_day)] if first_day >= first_whole else [])])
    return spans


def count_holders(connection: Connection, spans: list[Span], *, authority_id: int, now: datetime.datetime) -> int:
    """Count the holders of months and years anew, and keep the numbers; return how many cells there are.

    In a transaction of its own. Safe to repeat and at once: counts replace those of before.
    """
    connection.execute(TAKE_TIME)
    connection.execute(LOCK, {"authority_id": authority_id})
    columns = PERIODS.bind(
        granularity=[each.granularity for each in spans],
        begins_on=[each.first_day for each in spans],
        ends_on=[each.last_day for each in spans],
    )
    tenant = {"authority_id": authority_id, **columns}
    connection.execute(FORGET, tenant)
    timezone = connection.execute(FIND_FIRST_WHOLE, {"authority_id": authority_id, "now": now}).one().timezone
    days = {"first_day": min(each.first_day for each in spans), "last_day": max(each.last_day for each in spans)}
    return connection.execute(COUNT, {**tenant, **days, "timezone": timezone, "now": now}).rowcount
