"""``bontri stats masses``: what one item of a material weighs, from which month on, and who says so."""

import datetime
from typing import Any

import click

from bontri.commands.stats.periods import MONTH
from bontri.commands.tenants import LONGEST_NAME, Text, by_somebody, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

LONGEST_SOURCE = 300


@click.group()
def masses() -> None:
    """Say what one item weighs, which turns counted items into kilograms where bins do not weigh.

    A mass holds from a month on, until the next. Nothing is changed: what was set before stays in the list.
    """


@masses.command("list")
@of_authority
@AS_JSON
def list_command(authority: str, is_json: bool) -> None:
    """List all that was ever set, by material and month, with sources.

    \b
    Example:
      bontri stats masses list --authority plaine-commune-demo
    """
    from bontri.commands.settle import print_table
    from rewards.statistics.unit_masses import list_unit_masses

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        found = list_unit_masses(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(found))
        return
    if not found:
        click.echo(
            "No mass is known: items of bins that do not weigh have no kilograms. Set one: bontri stats masses set"
        )
        return
    rows = [
        (
            each.material,
            f"{each.valid_from:%Y-%m}",
            each.source + (" (replaced)" if each.is_replaced else ""),
            each.set_by or "",
            "unknown" if each.unit_mass_g is None else f"{each.unit_mass_g:,}",
        )
        for each in found
    ]
    print_table(("material", "from", "source", "set by", "grams an item"), rows, words=4)


@masses.command("set")
@click.argument("material", type=Text(LONGEST_NAME))
@of_authority
@click.option("--from", "month", type=MONTH, required=True, metavar="MONTH", help="From this month on, as 2026-07.")
@click.option("--grams", "unit_mass_g", type=click.IntRange(1, 100_000), help="What one item weighs.")
@click.option("--unknown", is_flag=True, help="From then on nobody knows: estimates are missing, not zero.")
@click.option("--source", type=Text(LONGEST_SOURCE), required=True, help="Who says so; shown with every figure.")
@by_somebody
@AS_JSON
def set_command(authority: str, month: datetime.date, unknown: bool, person: str, is_json: bool, **facts: Any) -> None:
    """Set what one item of a material weighs; figures of that month and later ones are reckoned anew.

    \b
    Examples:
      bontri stats masses set glass --authority plaine-commune-demo --from 2026-07 --grams 240 \\
        --source "1,000 items weighed at the sorting centre"
      bontri stats masses set paper --authority plaine-commune-demo --from 2026-07 --unknown --source "weigh it"
    """
    from ingest.worker import utc_now
    from rewards.statistics.unit_masses import NewUnitMass, get_unit_mass, set_unit_mass

    if unknown == (facts["unit_mass_g"] is not None):
        raise click.UsageError("say --grams, or --unknown")
    mass = NewUnitMass(valid_from=month, **facts)
    with tenant_in_use(authority) as (connection, tenant):
        of_tenant = {"authority_id": tenant.authority_id}
        unit_mass_id = set_unit_mass(connection, mass, **of_tenant, set_by=person, now=utc_now())
        stored = get_unit_mass(connection, unit_mass_id, **of_tenant)
    if is_json:
        click.echo(as_json(stored))
        return
    weighs = "nobody knows what" if stored.unit_mass_g is None else f"{stored.unit_mass_g:,} g is what"
    click.echo(f"From {stored.valid_from:%Y-%m} on {weighs} an item of {stored.material} weighs ({stored.source}).")
