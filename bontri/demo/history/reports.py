"""What simulated bins say of themselves hour by hour: that they are there, and how full they are."""

import datetime
from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from bontri.demo.history.rollout import Rollout
from bontri.demo.seed import AUTHORITY_ID, TIMEZONE, start_of
from rewards.bin_days import note_bin_days
from rewards.bin_reports import BinReport, store_reports

FillLevels = Mapping[str, int]
"""Percent, by bin."""


def note_reports(
    connection: Connection, rollout: Rollout, days: Mapping[datetime.date, tuple[FillLevels, FillLevels]]
) -> None:
    """Record what bins say of ``days``, each with the fill levels it begins and ends with, as the ingest records it.

    They are of a boot before any other, so that whatever a bin says later is newer.
    """
    reports = [report for day, (begun, ended) in days.items() for report in list_reports(rollout, day, begun, ended)]
    # Of what a bin says only the newest stays; on the last day all are heard.
    newest = [report for report in reports if start_of(rollout.span.last) <= report.received_at]
    if newest:
        store_reports(connection, newest, authority_id=AUTHORITY_ID)
    if reports:
        now = max(report.received_at for report in reports)
        note_bin_days(connection, reports, authority_id=AUTHORITY_ID, timezone=ZoneInfo(TIMEZONE), now=now)


def list_reports(rollout: Rollout, day: datetime.date, begun: FillLevels, ended: FillLevels) -> Iterator[BinReport]:
    """Yield the reports of a day, one an hour of each bin that is heard; the last one tells what the day came to."""
    midnight, next_midnight = start_of(day), start_of(day + datetime.timedelta(days=1))
    hours = (next_midnight - midnight) // datetime.timedelta(hours=1)
    instants = [midnight + datetime.timedelta(hours=number, minutes=30) for number in range(hours)]
    order = (day - rollout.span.first).days * 25
    for stay in rollout.stays:
        if not stay.is_on(day) or rollout.is_silent(stay, day) or rollout.is_out_of_reach(stay, day):
            continue
        facts = [{"fill_pct": levels.get(stay.bin_id, 0)} for levels in (begun, ended)]
        for number, at in enumerate(instants, 1):
            yield BinReport(stay.bin_id, "status", (0, order + number), at, facts[number == hours])
