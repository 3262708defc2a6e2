"""``bontri stats assumptions``: costs and CO2 of a tonne, and other numbers figures take for granted."""

import datetime
from typing import Any

import click

from bontri.commands.stats.masses import LONGEST_SOURCE
from bontri.commands.stats.periods import MONTH
from bontri.commands.tenants import Text, by_somebody, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

VALUE_MAX = 10_000_000


@click.group()
def assumptions() -> None:
    """Say what figures take for granted: costs of a tonne, CO2 of cullet, inhabitants a bin is for.

    Every number has a default with its source. One of the authority's own holds from a month on, until the next.
    """


@assumptions.command("list")
@of_authority
@AS_JSON
def list_command(authority: str, is_json: bool) -> None:
    """List the defaults, and all that the authority ever set in their place.

    \b
    Example:
      bontri stats assumptions list --authority plaine-commune-demo
    """
    from bontri.commands.settle import print_table
    from rewards.statistics.assumptions import DEFAULTS, list_assumptions

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        own = list_assumptions(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json({"defaults": list(DEFAULTS.values()), "own": own}))
        return
    rows = [(each.name, "default", each.source, f"{each.value:,}") for each in DEFAULTS.values()]
    rows += [
        (
            each.name,
            f"{each.valid_from:%Y-%m}",
            each.source + (" (replaced)" if each.is_replaced else ""),
            f"{each.value:,}",
        )
        for each in own
    ]
    print_table(("assumption", "from", "source", "value"), sorted(rows, key=lambda row: row[0]), words=3)


@assumptions.command("set")
@click.argument("name")
@click.argument("value", type=click.IntRange(0, VALUE_MAX))
@of_authority
@click.option("--from", "month", type=MONTH, required=True, metavar="MONTH", help="From this month on, as 2026-07.")
@click.option("--source", type=Text(LONGEST_SOURCE), required=True, help="Who says so; shown with every figure.")
@by_somebody
@AS_JSON
def set_command(authority: str, month: datetime.date, person: str, is_json: bool, **facts: Any) -> None:
    """Put a number in the place of a default, in the unit its name ends with.

    \b
    Example:
      bontri stats assumptions set residual_cost_cents_per_tonne 14500 --authority plaine-commune-demo \\
        --from 2026-01 --source "contract of 2026, per tonne incinerated"
    """
    from ingest.worker import utc_now
    from rewards.statistics.assumptions import ASSUMPTION_NAMES, Assumption, get_assumption, set_assumption

    if facts["name"] not in ASSUMPTION_NAMES:
        raise click.BadParameter(f"there is no {facts['name']}: one of {', '.join(ASSUMPTION_NAMES)}")
    assumption = Assumption(valid_from=month, **facts)
    with tenant_in_use(authority) as (connection, tenant):
        of_tenant = {"authority_id": tenant.authority_id}
        assumption_id = set_assumption(connection, assumption, **of_tenant, set_by=person, now=utc_now())
        stored = get_assumption(connection, assumption_id, **of_tenant)
    if is_json:
        click.echo(as_json(stored))
        return
    click.echo(f"From {stored.valid_from:%Y-%m} on {stored.name} is {stored.value:,} ({stored.source}).")
