"""``bontri stats bins``: silent and full hours of each bin, and when it will be full."""

import datetime
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bontri.commands.settle import print_table
from bontri.commands.stats.periods import in_period, period_of
from bontri.commands.tenants import of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.statistics.bin_attendance import BinAttendance

EVERY_BIN = 100_000
REASONS = {
    "nothing_told": "never told",
    "too_few_levels": "too few levels",
    "not_rising": "not rising",
    "beyond_a_year": "beyond a year",
}


@click.command("bins")
@of_authority
@in_period
@click.option("--bin", "bin_id", metavar="BIN", help="Only this one.")
@AS_JSON
def bins(
    authority: str,
    first_day: datetime.date | None,
    last_day: datetime.date | None,
    bin_id: str | None,
    is_json: bool,
) -> None:
    """Say how long bins were silent or full, how full they are, and when they will be full.

    Silent are hours in which nothing was heard while the bin stood somewhere; full are hours in which it told 95 % or
    more. The forecast is the median rise since the bin was emptied last, with the range of the middle half of rises.

    \b
    Examples:
      bontri stats bins --authority plaine-commune-demo
      bontri stats bins --authority plaine-commune-demo --from 2026-10-01 --to 2026-10-31 --json
    """
    from ingest.worker import utc_now
    from rewards.statistics.bin_attendance import list_bin_attendance
    from rewards.territory import get_timezone

    now = utc_now()
    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        timezone = get_timezone(connection, authority_id=tenant.authority_id)
        period = period_of(first_day, last_day, today=now.astimezone(timezone).date())
        found = list_bin_attendance(
            connection,
            period,
            authority_id=tenant.authority_id,
            timezone=timezone,
            now=now,
            bin_id=bin_id,
            limit=EVERY_BIN,
        )
    if is_json:
        days = {"first_day": period.first_day, "last_day": period.last_day, "timezone": timezone.key}
        click.echo(as_json({"period": days, "bins": [asdict(each) for each in found]}))
        return
    click.echo(f"{period.first_day} to {period.last_day}, both included ({timezone.key})\n")
    if not found:
        click.echo("No bin stood anywhere in that time.")
        return
    header = ("bin", "site", "commune", "silent h", "full h", "of h with a level", "fill", "full on", "between")
    print_table(header, [describe(each, timezone) for each in found], words=3)


def describe(found: "BinAttendance", timezone: datetime.tzinfo) -> tuple[str, ...]:
    """Return one row for people."""

    def day(instant: datetime.datetime | None) -> str:
        return "a year and more" if instant is None else f"{instant.astimezone(timezone):%Y-%m-%d}"

    forecast = (
        (REASONS[found.no_forecast], "")
        if found.no_forecast
        else (
            day(found.full_likely_at),
            f"{day(found.full_earliest_at)} and {day(found.full_latest_at)}",
        )
    )
    return (
        found.bin_id,
        found.site or "",
        found.commune or "",
        f"{found.silent_minutes // 60:,} of {found.placed_minutes // 60:,}",
        f"{found.full_minutes // 60:,}",
        f"{found.told_minutes // 60:,}",
        "" if found.fill_pct is None else f"{found.fill_pct} %",
        *forecast,
    )
