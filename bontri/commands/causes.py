"""``bontri causes``: the associations citizens can give points to, and what each got in which month."""

import csv
import datetime
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from bontri.commands.tenants import LONGEST_NAME, Text, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.causes import MonthOfCause

MONTH = click.DateTime(["%Y-%m"])
LONGEST_DESCRIPTION = 1000
MOST_CENTS = 1_000_000
COLUMNS = (
    "month",
    "cause_id",
    "name",
    "siret",
    "rna",
    "points",
    "hundred_points_cents",
    "value_cents",
    "funder",
)


@click.group()
def causes() -> None:
    """Keep the causes (associations) citizens can give points to, and report what each is owed.

    Works on the database of DATABASE_URL; without it on the demo's.
    """


@causes.command("add")
@click.argument("name", type=Text(LONGEST_NAME))
@of_authority
@click.option("--description", type=Text(LONGEST_DESCRIPTION), required=True, help="Told to citizens.")
@click.option("--siret", help="14 digits; the check digit is looked at.")
@click.option("--rna", help="W and nine characters.")
@click.option(
    "--cents-per-100-points",
    "hundred_points_cents",
    type=click.IntRange(1, MOST_CENTS),
    help="What it is paid for 100 points; default: nothing.",
)
@click.option("--funder", type=Text(LONGEST_NAME), help="Who pays that; default: the authority itself.")
def add_command(authority: str, **terms: Any) -> None:
    """Add a cause. What it is paid cannot be changed later: end it and add it again.

    \b
    Examples:
      bontri causes add "Jardins partagés" --authority plaine-commune --description "Des potagers en ville"
      bontri causes add "Secours populaire" --authority plaine-commune --description "Solidarité" \\
        --siret "123 456 782 00028" --cents-per-100-points 50
    """
    from ingest.worker import utc_now
    from rewards.causes import CauseTerms, add_cause

    if terms["funder"] and not terms["hundred_points_cents"]:
        raise click.UsageError("--funder pays nothing without --cents-per-100-points")
    with tenant_in_use(authority) as (connection, tenant):
        cause_id = add_cause(connection, CauseTerms(**terms), authority_id=tenant.authority_id, now=utc_now())
    click.echo(f"{cause_id}  added; citizens can give points to it now.")


def make_step(name: str, words: str, said: str) -> None:
    """Add a command that changes the state of a cause."""

    @causes.command(name)
    @click.argument("cause_id", metavar="CAUSE", type=click.UUID)
    @of_authority
    def step(cause_id: UUID, authority: str) -> None:
        from rewards.causes import end_cause, pause_cause, resume_cause

        steps: dict[str, Callable[..., None]] = {"pause": pause_cause, "resume": resume_cause, "end": end_cause}
        with tenant_in_use(authority) as (connection, tenant):
            steps[name](connection, cause_id, authority_id=tenant.authority_id)
        click.echo(said)

    step.help = f"""{words}

    \b
    Example:
      bontri causes {name} 01920000-0000-7000-8000-000000000000 --authority plaine-commune
    """


make_step("pause", "Take no donations to a cause for a while.", "Paused; it takes no donations until it is resumed.")
make_step("resume", "Take donations to a paused cause again.", "Resumed; citizens can give points to it.")
make_step(
    "end",
    "Take no donations to a cause any more. What goals have promised to it, it still gets.",
    "Ended for good; what it was given stays in its account.",
)


@causes.command("list")
@of_authority
@click.option("--all", "with_all", is_flag=True, help="With those paused or ended.")
@AS_JSON
def list_command(authority: str, with_all: bool, is_json: bool) -> None:
    """List causes by name, with the points each was ever given.

    \b
    Examples:
      bontri causes list --authority plaine-commune
      bontri causes list --authority plaine-commune --all --json
    """
    from rewards.causes import list_causes

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        found = list_causes(connection, authority_id=tenant.authority_id, with_all=with_all)
    if is_json:
        click.echo(as_json(found))
        return
    for each in found:
        paid = f"; {each.hundred_points_cents} cents per 100 from {each.funder}" if each.funder else ""
        click.echo(f"{each.cause_id}  {each.state:6}  {each.name}: {each.points:,} points{paid}")
    if not found:
        click.echo("No cause takes donations." if not with_all else "There is no cause.")


@causes.command("report")
@of_authority
@click.option("--from", "since", type=MONTH, metavar="MONTH", help="From that month on.")
@click.option("--until", type=MONTH, metavar="MONTH", help="Before that month.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
def report_command(
    authority: str, since: datetime.datetime | None, until: datetime.datetime | None, form: str | None
) -> None:
    """Report what causes got by month: points, and the cents their funder owes for them (rounded down).

    Points of a collective goal count in the month in which it was closed.

    \b
    Examples:
      bontri causes report --authority plaine-commune --from 2026-11 --until 2026-12
      bontri causes report --authority plaine-commune --csv > causes.csv
    """
    from rewards.causes import list_months

    if since and until and until <= since:
        raise click.UsageError("--until is not after --from")
    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        found = list_months(
            connection,
            authority_id=tenant.authority_id,
            since=since and since.date(),
            until=until and until.date(),
        )
    click.echo(FORMS[form](found), nl=False)


def months_as_text(months: "Sequence[MonthOfCause]") -> str:
    """Write a line a month and cause, for people."""
    lines = [
        f"{each.month:%Y-%m}  {each.name}: {each.points:,} point{'' if each.points == 1 else 's'}"
        + (f", {each.value_cents / 100:,.2f} € from {each.funder}" if each.value_cents is not None else "")
        for each in months
    ]
    return "\n".join([*lines, ""]) if lines else "No cause was given points in these months.\n"


def months_as_json(months: "Sequence[MonthOfCause]") -> str:
    """Write months as JSON."""
    return as_json(months) + "\n"


def months_as_csv(months: "Sequence[MonthOfCause]") -> str:
    """Write months as CSV; names that a spreadsheet would take for a formula are quoted."""
    from rewards.csv_files import as_cell

    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in months:
        facts = {**asdict(each), "month": f"{each.month:%Y-%m}"}
        writer.writerow(as_cell(facts[column]) for column in COLUMNS)
    return written.getvalue()


FORMS = {None: months_as_text, "csv": months_as_csv, "json": months_as_json}
