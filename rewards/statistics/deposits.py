"""Deposits, items, kilograms and active citizens of an authority by day, commune and material.

Deposits, items and kilograms come from the daily rollups, which are kept with the deposits. Active citizens are counted
from the ledger each time: distinct counts cannot be summed from days, so the total has a count of its own.
"""

import datetime
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from rewards.statistics.disclosure.threshold import withhold
from rewards.statistics.grams import ESTIMATED_G, IS_UNKNOWN, OF_ITEMS
from rewards.statistics.periods import Period

Cell = tuple[datetime.date, str, str]
"""(day, insee_code, material)."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was dropped in a day, commune and material, or in the whole period.

    ``measured_g`` was weighed by bins; ``estimated_g`` is items × the unit mass × the bin's factor in force where it
    did not weigh, None where some material has no unit mass. ``active_citizens``: wallets with a deposit of theirs that
    earned, or would have but for the cap; anonymous deposits are counted nowhere among them; None for 1 to 10.
    """

    deposits: int
    items: int
    measured_g: int
    estimated_g: int | None
    active_citizens: int | None


@dataclass(frozen=True, slots=True)
class DailyFigures:
    """One row: what was dropped on ``day`` in one commune, of one material."""

    day: datetime.date
    insee_code: str
    commune: str
    material: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class DepositFigures:
    """The rows of a period (by day, commune, material; days without deposits are absent) and its total."""

    rows: list[DailyFigures]
    total: Figures


IS_WANTED = """
       AND (CAST(:material AS text) IS NULL OR d.material = :material)
       AND (CAST(:insee_code AS text) IS NULL OR s.insee_code = :insee_code)
"""

SUM_DEPOSITS = text(f"""
    SELECT d.day, s.insee_code, c.name AS commune, d.material,
           CAST(sum(d.deposits) AS bigint) AS deposits, CAST(sum(d.items) AS bigint) AS items,
           CAST(sum(d.mass_g) AS bigint) AS measured_g,
           CASE WHEN bool_or({IS_UNKNOWN}) THEN NULL ELSE CAST({ESTIMATED_G} AS bigint)
           END AS estimated_g
      FROM daily_deposits d
      JOIN sites s ON s.authority_id = d.authority_id AND s.site_id = d.site_id
      JOIN communes c ON c.authority_id = s.authority_id AND c.insee_code = s.insee_code
      {OF_ITEMS}
     WHERE d.authority_id = :authority_id AND d.day BETWEEN :first_day AND :last_day {IS_WANTED}
     GROUP BY d.day, s.insee_code, c.name, d.material
     ORDER BY d.day, c.name, s.insee_code, d.material
""")

# The empty grouping set is the whole period: its count is not the sum of the others.
COUNT_ACTIVE = text(f"""
    WITH credited AS (
        SELECT journal_no, seq, credit_account_id AS account_id FROM transfers
         WHERE authority_id = :authority_id AND journal_no IS NOT NULL
        UNION ALL
        SELECT journal_no, seq, account_id FROM capped_deposits WHERE authority_id = :authority_id
    ),
    active AS (
        SELECT CAST(d.occurred_at AT TIME ZONE :timezone AS date) AS day, s.insee_code, d.material, w.wallet_id
          FROM events d
          JOIN sites s ON s.authority_id = d.authority_id AND s.site_id = d.site_id
          JOIN credited ON credited.journal_no = d.journal_no AND credited.seq = d.seq
          JOIN wallet_accounts w ON w.authority_id = d.authority_id AND w.account_id = credited.account_id
         WHERE d.authority_id = :authority_id AND d.type = 'deposit'
           AND d.occurred_at BETWEEN :first_instant AND :last_instant {IS_WANTED}
    )
    SELECT day, insee_code, material, count(DISTINCT wallet_id) AS active_citizens
      FROM active GROUP BY GROUPING SETS ((day, insee_code, material), ())
""")


def get_deposit_figures(
    connection: Connection,
    *,
    authority_id: int,
    timezone: ZoneInfo,
    period: Period,
    material: str | None = None,
    insee_code: str | None = None,
) -> DepositFigures:
    """Return the figures of ``period``, of one material or commune where given; ``timezone`` is the authority's."""
    first_instant, last_instant = period.instants(timezone)
    values = {
        "authority_id": authority_id,
        "timezone": timezone.key,
        "first_day": period.first_day,
        "last_day": period.last_day,
        "first_instant": first_instant,
        "last_instant": last_instant,
        "material": material,
        "insee_code": insee_code,
    }
    active: dict[Cell | None, int | None] = {
        (row.day, row.insee_code, row.material) if row.day else None: withhold(row.active_citizens)
        for row in connection.execute(COUNT_ACTIVE, values)
    }
    rows = [
        DailyFigures(
            row.day,
            row.insee_code,
            row.commune,
            row.material,
            Figures(
                row.deposits,
                row.items,
                row.measured_g,
                row.estimated_g,
                active.get((row.day, row.insee_code, row.material), 0),
            ),
        )
        for row in connection.execute(SUM_DEPOSITS, values)
    ]
    return DepositFigures(rows, total_of([row.figures for row in rows], active_citizens=active.get(None, 0)))


def total_of(rows: list[Figures], *, active_citizens: int | None) -> Figures:
    """Sum what can be summed; an estimate missing in one row is missing in the total."""
    estimates = [row.estimated_g for row in rows]
    return Figures(
        deposits=sum(row.deposits for row in rows),
        items=sum(row.items for row in rows),
        measured_g=sum(row.measured_g for row in rows),
        estimated_g=None if None in estimates else sum(estimate or 0 for estimate in estimates),
        active_citizens=active_citizens,
    )
