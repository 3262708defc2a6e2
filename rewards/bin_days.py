"""What bins said of themselves day by day: in which hours they were heard, in which full, how full at last.

The newest report of a bin (``rewards/bin_reports.py``) forgets the one before; from these days come silent and full
hours, and when a bin will be full. Hours are bits, set once and never taken back, so that neither the order of reports
nor a repeat matters.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.bin_reports import BinReport
from rewards.pipelining import execute_write
from rewards.rollups import is_late, plan_hold, plan_signs

FULL_PCT = 95
"""From here on a bin counts as full: its hatch takes no large bag any more."""
HOUR = datetime.timedelta(hours=1)

COLUMNS = Columns(
    day="date",
    bin_id="text",
    heard_hours="integer",
    told_hours="integer",
    full_hours="integer",
    fill_pct="smallint",
    fill_at="timestamptz",
)
NOTE_BIN_DAYS = text(f"""
    INSERT INTO bin_days AS d (authority_id, {COLUMNS.names})
    SELECT :authority_id, t.* FROM {COLUMNS.unnest("t")} ORDER BY t.day, t.bin_id
    ON CONFLICT (authority_id, day, bin_id) DO UPDATE
       SET heard_hours = d.heard_hours | excluded.heard_hours, told_hours = d.told_hours | excluded.told_hours,
           full_hours = d.full_hours | excluded.full_hours,
           fill_pct = CASE WHEN excluded.fill_at > d.fill_at OR d.fill_at IS NULL THEN excluded.fill_pct
                           ELSE d.fill_pct END,
           fill_at = GREATEST(d.fill_at, excluded.fill_at)
""")


@dataclass(slots=True)
class BinDay:
    """What a bin said in one day of the authority's time zone.

    Bit *h* of the hours is the *h*-th hour since midnight; a day has 23 to 25. ``told_hours`` are those in which a fill
    level came, ``full_hours`` those in which one was ``FULL_PCT`` or more. ``fill_pct`` is the last level, of the
    fullest compartment, received at ``fill_at``.
    """

    heard_hours: int = 0
    told_hours: int = 0
    full_hours: int = 0
    fill_pct: int | None = None
    fill_at: datetime.datetime | None = None

    def add(self, report: BinReport, hour: int) -> None:
        """Add a report of that hour."""
        bit = 1 << hour
        self.heard_hours |= bit
        fill_pct = fill_of(report)
        if fill_pct is None:
            return
        self.told_hours |= bit
        if fill_pct >= FULL_PCT:
            self.full_hours |= bit
        if self.fill_at is None or report.received_at >= self.fill_at:
            self.fill_pct, self.fill_at = fill_pct, report.received_at


def fill_of(report: BinReport) -> int | None:
    """Return how full a bin says it is: its fullest compartment, which is why it must be emptied."""
    told = report.facts.get("fill_pct") if report.kind == "status" else None
    return max(told.values(), default=None) if isinstance(told, dict) else told


def sum_bin_days(reports: Sequence[BinReport], timezone: ZoneInfo) -> dict[tuple[datetime.date, str], BinDay]:
    """Return what reports say of each day and bin, by the clock of the ingest (``received_at``)."""
    days: dict[tuple[datetime.date, str], BinDay] = {}
    for report in reports:
        day, hour = hour_of(report.received_at, timezone)
        days.setdefault((day, report.bin_id), BinDay()).add(report, hour)
    return days


def hour_of(instant: datetime.datetime, timezone: ZoneInfo) -> tuple[datetime.date, int]:
    """Return the day of an instant and how many hours of it were over."""
    local = instant.astimezone(timezone)
    midnight = datetime.datetime.combine(local.date(), datetime.time(), timezone)
    # In UTC: two local instants of one zone would be subtracted by their hands, and the hour repeated in autumn lost.
    return local.date(), (instant - midnight.astimezone(datetime.UTC)) // HOUR


def note_bin_days(
    connection: Connection,
    reports: Sequence[BinReport],
    *,
    authority_id: int,
    timezone: ZoneInfo,
    now: datetime.datetime,
) -> None:
    """Add ``reports``, of which there is one at least, to the days of their bins, in one sorted upsert.

    Those of days that may be folded by ``now`` (a replay of quarantine) are added to their months as well.
    """
    days = sum_bin_days(reports, timezone)
    columns = COLUMNS.bind(
        day=[day for day, _ in days],
        bin_id=[bin_id for _, bin_id in days],
        **{name: [getattr(each, name) for each in days.values()] for name in BinDay.__slots__},
    )
    connection.execute(NOTE_BIN_DAYS, {"authority_id": authority_id, **columns})
    today = now.astimezone(timezone).date()
    late = [(day, bin_id) for day, bin_id in days if is_late(day, today=today)]
    if late:
        for write in [*plan_hold(authority_id=authority_id), plan_signs(late, "heard", authority_id=authority_id)]:
            execute_write(connection, write)
