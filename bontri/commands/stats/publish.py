"""``bontri stats publish``: a month or year for everybody, with small cells withheld; ``publications``: what was."""

import datetime
from typing import TYPE_CHECKING

import click

from bontri.commands.settle import print_table
from bontri.commands.stats.periods import MONTH
from bontri.commands.tenants import by_somebody, clock_of, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from bontri.publishing import Published

WHY = {
    "primary": "fewer than 11 holders",
    "complementary": "others could be had by difference",
}


@click.command("publish")
@of_authority
@click.option("--month", type=MONTH, metavar="YYYY-MM", help="Which month.")
@click.option("--year", type=click.IntRange(2000, 2100), help="Or which year; its months were published before.")
@by_somebody
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Publish nothing; say what would be withheld.")
@click.option("--yes", "is_agreed", is_flag=True, help="Publish it without asking.")
@AS_JSON
def publish(
    authority: str,
    person: str,
    *,
    month: datetime.date | None,
    year: int | None,
    is_dry_run: bool,
    is_agreed: bool,
    is_json: bool,
) -> None:
    """Publish what was dropped in a month or a year, by place and material, once and for all.

    Cells with fewer than 11 holders are withheld, and as many others as it takes that none of these can be had by
    difference. A month is published from 35 days after its end on. What is published is never changed,
    so it is shown and asked for first; with --json nothing is asked, and nothing published without --yes.

    \b
    Examples:
      bontri stats publish --authority plaine-commune-demo --month 2026-09 --dry-run
      bontri stats publish --authority plaine-commune-demo --year 2026 --by ada --yes --json
    """
    from bontri.operating import engine_in_use
    from bontri.publishing import publish as publish_period
    from bontri.settings import read_settings
    from ingest.worker import utc_now
    from rewards.fleet.owners import get_authority
    from rewards.statistics.participation.counting import Span

    if (month is None) == (year is None):
        raise click.UsageError("say --month or --year")

    def agrees(planned: "Published") -> bool:
        if is_agreed or is_json:
            return is_agreed
        print_published(planned)
        return click.confirm("\nPublish this for good?")

    span = Span("month", month) if month else Span("year", datetime.date(year or 0, 1, 1))
    with engine_in_use(read_settings(), role="bontri_operator") as engine:
        with engine.connect() as connection:
            tenant = get_authority(connection, authority)
        done = publish_period(
            engine,
            span,
            authority_id=tenant.authority_id,
            published_by=person,
            now=utc_now(),
            is_dry_run=is_dry_run,
            agrees=agrees,
        )
    if is_json:
        click.echo(as_json(done))
    elif is_dry_run or is_agreed:
        print_published(done)
    else:
        click.echo("Published." if done.is_published else "Nothing was published.")


def print_published(done: "Published") -> None:
    """Print how many cells there are, and how many are withheld for which reason."""
    verb = "published" if done.is_published else "would be published"
    cells = "1 cell" if done.cells == 1 else f"{done.cells:,} cells"
    click.echo(
        f"{cells} {verb}: {done.shown:,} with figures, {done.zero:,} zero, "
        f"{done.cells - done.shown - done.zero:,} withheld."
    )
    rows = [
        (level, WHY[reason], f"{cells:,}")
        for level, reasons in done.withheld.items()
        for reason, cells in reasons.items()
    ]
    if rows:
        click.echo("")
        print_table(("level", "withheld because", "cells"), rows, words=2)
    if done.publishable_from:
        click.echo(f"\nDeposits may still come in: it can be published from {done.publishable_from} on.")


@click.command("publications")
@of_authority
@AS_JSON
def publications(authority: str, is_json: bool) -> None:
    """List what was published, and how much of it is withheld.

    \b
    Example:
      bontri stats publications --authority plaine-commune-demo
    """
    from rewards.statistics.publications.listing import list_publications

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        found = list_publications(connection, authority_id=tenant.authority_id, limit=10_000)
        clock = clock_of(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(found))
    elif found:
        rows = [
            (
                each.granularity,
                f"{each.first_day:%Y-%m}",
                clock(each.published_at),
                f"{each.cells:,}",
                f"{each.withheld:,}",
            )
            for each in found
        ]
        print_table(("", "from", "published", "cells", "withheld"), rows, words=3)
    else:
        click.echo("Nothing was published: bontri stats publish --month YYYY-MM --dry-run says what would be.")
