"""``bontri budgets``: what those who pay for vouchers give in a year, and what is left of it."""

from decimal import Decimal, InvalidOperation
from typing import Any

import click

from bontri.commands.settle import euros, print_table
from bontri.commands.tenants import of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

MOST_EUROS = 1_000_000_000


class Euros(click.ParamType[int]):
    """An amount in euros with at most two decimals, as cents."""

    name = "EUROS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the cents, or fail with a sentence."""
        try:
            cents = Decimal(str(value).replace(",", ".")) * 100
        except InvalidOperation:
            self.fail(f"{value!r} is no amount in euros", param, ctx)
        if not cents.is_finite() or cents != int(cents) or not 0 <= cents <= MOST_EUROS * 100:
            self.fail(f"{value!r} is no amount in euros with at most two decimals", param, ctx)
        return int(cents)


@click.group()
def budgets() -> None:
    """Say what each funder of vouchers gives in a year: no voucher is issued beyond it.

    Works on the database of DATABASE_URL; without it on the demo's.
    """


@budgets.command("set")
@click.argument("funder", metavar="FUNDER")
@of_authority
@click.option("--year", type=click.IntRange(2000, 9999), help="Of the authority's calendar; default: this one.")
@click.option("--euros", "cents", type=Euros(), required=True, help="For the whole year.")
def set_command(funder: str, authority: str, year: int | None, cents: int) -> None:
    """Give a funder, by name or id, a budget for a year, or another one.

    Vouchers bought in that year before count in it. Where they have cost more, it is refused.

    \b
    Example:
      bontri budgets set "Plaine Commune" --authority plaine-commune --year 2026 --euros 50000
    """
    from ingest.worker import utc_now
    from rewards.funders import get_funder_id
    from rewards.offers import change_budget
    from rewards.territory import get_timezone

    with tenant_in_use(authority) as (connection, tenant):
        of_tenant: dict[str, Any] = {"authority_id": tenant.authority_id}
        funder_id = get_funder_id(connection, funder, **of_tenant)
        wanted = year or utc_now().astimezone(get_timezone(connection, **of_tenant)).year
        change_budget(connection, funder_id, **of_tenant, year=wanted, budget_cents=cents)
    click.echo(f"Vouchers of {wanted} may cost {funder} {euros(cents)} €.")


@budgets.command("list")
@of_authority
@AS_JSON
def list_command(authority: str, is_json: bool) -> None:
    """List every funder with its budgets: what is redeemed, what is held by vouchers that are out, what is left.

    \b
    Example:
      bontri budgets list --authority plaine-commune
    """
    from rewards.offers import list_budgets

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        found = list_budgets(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(found))
        return
    rows: list[tuple[str, ...]] = []
    for each in found:
        row = (each.name, each.kind, str(each.year or "no budget"))
        if each.budget_cents is None or each.committed_cents is None or each.redeemed_cents is None:
            rows.append((*row, "", "", "", ""))
            continue
        amounts = (
            each.budget_cents,
            each.redeemed_cents,
            each.committed_cents - each.redeemed_cents,
            each.budget_cents - each.committed_cents,
        )
        rows.append((*row, *map(euros, amounts)))
    print_table(("funder", "kind", "year", "budget €", "redeemed €", "held €", "left €"), rows, words=3)
