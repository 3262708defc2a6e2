"""``bontri stats participation``: who takes part; ``households``: of how many; ``count-holders``: counting them now."""

import datetime
from typing import TYPE_CHECKING, Any

import click

from bontri.commands.settle import print_table
from bontri.commands.stats.periods import MONTH
from bontri.commands.tenants import Text, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.statistics.participation.shares import Participation

WITHHELD = "withheld"


@click.command("participation")
@of_authority
@click.option("--from", "first", type=MONTH, required=True, metavar="YYYY-MM", help="The first month.")
@click.option("--to", "last", type=MONTH, required=True, metavar="YYYY-MM", help="The last month, included.")
@click.option("--by", "granularity", type=click.Choice(["month", "year"]), default="month", show_default=True)
@click.option("--level", type=click.Choice(["authority", "commune", "site"]), default="authority", show_default=True)
@click.option("--material", default="", metavar="NAME", help="Of one material; default: of any.")
@AS_JSON
def participation(authority: str, first: datetime.date, last: datetime.date, is_json: bool, **asked: Any) -> None:
    """Say how many holders were active, how many of them were new, and which share of those served they are.

    From counts the job count-holders keeps. Fewer than 11 persons are withheld, and what would tell of them, which may
    be more: is_withheld of --json says where.

    \b
    Examples:
      bontri stats participation --authority plaine-commune-demo --from 2026-01 --to 2026-12
      bontri stats participation --authority plaine-commune-demo --from 2026-01 --to 2026-12 --level commune --json
    """
    from rewards.statistics.participation.shares import DEFINITION, list_participation
    from rewards.territory import get_timezone

    if last < first:
        raise click.UsageError("--to is before --from")
    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        found = list_participation(
            connection,
            authority_id=tenant.authority_id,
            timezone=get_timezone(connection, authority_id=tenant.authority_id).key,
            first_day=first,
            last_day=last,
            **asked,
        )
    if is_json:
        click.echo(as_json({"definition": DEFINITION, "rows": found}))
    elif found:
        print_participation(found)
        click.echo(f"\n{click.wrap_text(DEFINITION, width=79)}")
    else:
        click.echo("Nothing was counted: no deposits, or count-holders has not run (bontri stats count-holders).")


def print_participation(found: "list[Participation]") -> None:
    """Print a row a period and place."""
    rows = [
        (
            f"{each.first_day:%Y-%m}",
            each.name or "all",
            count(each.holders),
            count(each.new_holders),
            share(each.participation),
            "" if each.share_basis is None else each.share_basis.replace("_", " "),
            share(each.anonymous_share),
        )
        for each in found
    ]
    header = ("from", "place", "active", "new", "participation", "of", "anonymous deposits")
    print_table(header, rows, words=2)


def count(holders: int | None) -> str:
    """Write a count for a terminal. A withheld one may be of more than ten, so no number is named."""
    return WITHHELD if holders is None else f"{holders:,}"


def share(part: float | None) -> str:
    """Write a share for a terminal."""
    return "" if part is None else f"{part:.1%}"


@click.command("households")
@of_authority
@click.option("--commune", "insee_code", metavar="INSEE", help="Whose; without it what is known is listed.")
@click.option("--year", type=click.IntRange(2000, 2100), help="As of which year.")
@click.option("--households", type=click.IntRange(1, 50_000_000), help="How many its bins serve.")
@click.option("--source", type=Text(200), help="Who says so.")
@AS_JSON
def households(authority: str, is_json: bool, **said: Any) -> None:
    """Say how many households the bins of a commune serve, or list what was said.

    \b
    Examples:
      bontri stats households --authority plaine-commune-demo
      bontri stats households --authority plaine-commune-demo --commune 93066 --year 2021 --households 44071 \\
        --source "INSEE, recensement 2021"
    """
    from rewards.statistics.participation.served import list_served, set_served

    given = [value for value in said.values() if value is not None]
    if given and len(given) < len(said):
        raise click.UsageError("--commune, --year, --households and --source go together")
    with tenant_in_use(authority, role="bontri_operator" if given else "bontri_reader") as (connection, tenant):
        if given:
            set_served(connection, authority_id=tenant.authority_id, **said)
        found = list_served(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(found))
    elif found:
        rows = [(each.insee_code, each.commune, each.source, str(each.year), f"{each.households:,}") for each in found]
        print_table(("INSEE", "commune", "source", "year", "households"), rows, words=3)
    else:
        click.echo("No number of households is known: participation is told of holders registered.")


@click.command("count-holders")
@of_authority
@AS_JSON
def count_holders(authority: str, is_json: bool) -> None:
    """Count the holders of months and years whose deposits changed, as the job count-holders does once a day.

    \b
    Example:
      bontri stats count-holders --authority plaine-commune-demo
    """
    from bontri.jobs.counting import count_holders_of
    from bontri.operating import engine_in_use
    from bontri.settings import read_settings
    from rewards.fleet.owners import get_authority

    with engine_in_use(read_settings(), role="bontri_operator") as engine:
        with engine.connect() as connection:
            tenant = get_authority(connection, authority)
        done = count_holders_of(engine, tenant.authority_id)
    click.echo(as_json(done) if is_json else f"{done['months']:,} months counted, {done['cells']:,} cells.")
