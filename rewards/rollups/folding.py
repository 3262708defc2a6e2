"""Folding whole days into their months, so that figures over years read a row a month instead of thirty.

Daily sums stay as they are: a month is the sum of its days before ``folded_before``; whoever reads adds those since.
The days on which bins gave a sign are folded with them (``signs.py``).
"""

import datetime
from dataclasses import dataclass

from sqlalchemy import Connection, text

from rewards.rollups.adding import ADDED, COUNTERS, FRESH_DAYS, NEVER, OPEN_FOLDS, SUMMED
from rewards.rollups.signs import FOLD_SIGNS

CLOCKS_APART_DAYS = 2
"""By so much the clock of a worker may differ from that of the job: its late deposits are seen to be late all the same.
"""

LOCK_CLASS = 7106011
TRY_LOCK = text(f"SELECT pg_try_advisory_xact_lock({LOCK_CLASS}, :authority_id)")
# Waits for late batches under way; those that come later see how far it went.
HOLD = text("SELECT folded_before FROM folded_days WHERE authority_id = :authority_id FOR UPDATE")
FIND_SPAN = text("""
    SELECT (SELECT min(day) FROM daily_deposits WHERE authority_id = :authority_id AND day >= :folded_before) AS first,
           (SELECT max(day) FROM daily_deposits WHERE authority_id = :authority_id) AS newest
""")
ADVANCE = text("UPDATE folded_days SET folded_before = :until WHERE authority_id = :authority_id")
FOLD = text(f"""
    INSERT INTO monthly_deposits AS d (authority_id, month, bin_id, site_id, material, {", ".join(COUNTERS)})
    SELECT t.authority_id, CAST(:month AS date), t.bin_id, t.site_id, t.material, {SUMMED}
      FROM daily_deposits t
     WHERE t.authority_id = :authority_id AND t.day >= :first AND t.day < :until
     GROUP BY t.authority_id, t.bin_id, t.site_id, t.material ORDER BY t.bin_id, t.site_id, t.material
    ON CONFLICT (authority_id, month, bin_id, site_id, material) DO UPDATE SET {ADDED}
""")


@dataclass(frozen=True, slots=True)
class Folded:
    """Days that were folded: those of one month from ``first_day`` to before ``until``."""

    first_day: datetime.date
    until: datetime.date

    @property
    def days(self) -> int:
        """How many days of the calendar that is."""
        return (self.until - self.first_day).days


def fold_days(connection: Connection, *, authority_id: int, today: datetime.date) -> Folded | None:
    """Fold the oldest days that are not folded yet, those of one month; return None when there is nothing to fold.

    Needs a transaction of its own, which the caller commits next: late batches of the authority wait for it. Never
    folds the newest days, by the clock (``today``, of the authority's time zone) nor by what bins have reported.
    Nothing while the sums are rebuilt. Safe to run at once.
    """
    named = {"authority_id": authority_id}
    if not connection.scalar(TRY_LOCK, named):
        return None
    connection.execute(OPEN_FOLDS, {**named, "never": NEVER})
    folded_before = connection.scalar(HOLD, named)
    span = connection.execute(FIND_SPAN, {**named, "folded_before": folded_before}).one()
    if span.first is None:
        return None
    # A clock that is years ahead would fold days to come; what bins report is not ahead.
    newest = min(today, span.newest)
    until = min(newest - datetime.timedelta(days=FRESH_DAYS + CLOCKS_APART_DAYS), next_month(span.first))
    if until <= span.first:
        return None
    connection.execute(ADVANCE, {**named, "until": until})
    connection.execute(FOLD, {**named, "first": span.first, "until": until, "month": span.first.replace(day=1)})
    # Bins may have been heard on days without any deposit.
    connection.execute(FOLD_SIGNS, {**named, "first": folded_before, "until": until})
    return Folded(span.first, until)


def next_month(day: datetime.date) -> datetime.date:
    """Return the first day of the month after that of ``day``."""
    return (day.replace(day=1) + datetime.timedelta(days=31)).replace(day=1)
