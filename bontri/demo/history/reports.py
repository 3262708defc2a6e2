"""What simulated bins say of themselves hour by hour: that they are there, and how full they are."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from bontri.demo.history.rollout import Rollout
from bontri.demo.seed import AUTHORITY_ID, TIMEZONE, start_of
from rewards.bin_days import note_bin_days
from rewards.bin_reports import BinReport, store_reports

LEVELS = text("""
    SELECT DISTINCT ON (bin_id) bin_id, fill_pct FROM bin_days
     WHERE authority_id = :authority_id AND fill_pct IS NOT NULL ORDER BY bin_id, fill_at DESC
""")

Told = Mapping[str, Sequence[int | None]]
"""Percent, by bin and hour; None: nothing was heard."""


def note_reports(connection: Connection, rollout: Rollout, days: Mapping[datetime.date, Told]) -> None:
    """Record what bins say of ``days``, as the ingest records it.

    They are of a boot before any other, so that whatever a bin says later is newer.
    """
    reports = [report for day, told in days.items() for report in list_reports(rollout, day, told)]
    # Of what a bin says only the newest stays; on the last day all are heard.
    newest = [report for report in reports if start_of(rollout.span.last) <= report.received_at]
    if newest:
        store_reports(connection, newest, authority_id=AUTHORITY_ID)
    if reports:
        now = max(report.received_at for report in reports)
        note_bin_days(connection, reports, authority_id=AUTHORITY_ID, timezone=ZoneInfo(TIMEZONE), now=now)


def list_reports(rollout: Rollout, day: datetime.date, told: Told) -> Iterator[BinReport]:
    """Yield the reports of a day, one an hour of each bin that is heard."""
    midnight, next_midnight = start_of(day), start_of(day + datetime.timedelta(days=1))
    hours = (next_midnight - midnight) // datetime.timedelta(hours=1)
    instants = [midnight + datetime.timedelta(hours=number, minutes=30) for number in range(hours)]
    order = (day - rollout.span.first).days * 25
    for stay in rollout.stays:
        if not stay.is_on(day) or rollout.is_silent(stay, day) or rollout.is_out_of_reach(stay, day):
            continue
        for number, (at, fill_pct) in enumerate(zip(instants, told[stay.bin_id], strict=False)):
            if fill_pct is not None:
                yield BinReport(stay.bin_id, "status", (0, order + number), at, {"fill_pct": fill_pct})


def list_levels(connection: Connection) -> dict[str, int]:
    """Return what each bin said last of how full it is, in percent; bins that never did are left out."""
    rows = connection.execute(LEVELS, {"authority_id": AUTHORITY_ID})
    return {row.bin_id: row.fill_pct for row in rows}
