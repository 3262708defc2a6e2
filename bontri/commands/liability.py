"""``bontri liability``: what the authority owes in points and vouchers, in euros."""

import datetime
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bontri.commands.settle import euros, print_table
from bontri.commands.tenants import Clock, clock_of, instant_of, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.liability import Liability

DAY_OR_INSTANT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])
BASES = {
    "redeemed": "vouchers redeemed in the 12 months before: their cents by their points",
    "published": "the offers published now, since nothing was redeemed: their cents by their points",
    "nothing": "nothing can be had for points",
}


@click.command("liability")
@of_authority
@click.option("--as-of", type=DAY_OR_INSTANT, metavar="DATE", help="Then instead of now; a day means its beginning.")
@AS_JSON
def liability(authority: str, as_of: datetime.datetime | None, is_json: bool) -> None:
    """Say what is owed: points not spent, by age; vouchers not redeemed; what shops are still to be paid.

    A point is worth what points were really spent on in the 12 months before, weighted by points; what shops fund
    themselves costs nothing. Expected is the share of points that was spent and did not expire in these months.

    \b
    Examples:
      bontri liability --authority plaine-commune
      bontri liability --authority plaine-commune --as-of 2026-01-01 --json
    """
    from ingest.worker import utc_now
    from rewards.liability import get_liability

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        instant = instant_of(connection, as_of, authority_id=tenant.authority_id)
        now = utc_now()
        if instant is not None and instant > now:
            raise click.UsageError("--as-of is still to come")
        found = get_liability(connection, authority_id=tenant.authority_id, now=now, as_of=instant)
        clock = clock_of(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(show_liability(found)))
    else:
        print_liability(found, clock)


def show_liability(found: "Liability") -> dict[str, object]:
    """Return a liability as plain values."""
    return {
        **asdict(found),
        "point_value": {
            **asdict(found.point_value),
            "cents_a_point": found.point_value.cents_a_point,
            "definition": BASES[found.point_value.basis],
        },
        "points": found.points,
        "points_cents": found.points_cents,
        "expected_cents": found.expected_cents,
        "vouchers_cents": found.vouchers_cents,
        "total_cents": found.total_cents,
    }


def print_liability(found: "Liability", clock: Clock) -> None:
    """Print points by age, vouchers by age, and the sums."""
    click.echo(f"What is owed at {clock(found.as_of)}\n")
    value = found.point_value
    rows = [
        (
            f"{each.credited_month:%Y-%m}",
            str(each.expires_on),
            f"{each.points:,}",
            euros(value.cost_cents(each.points) or 0),
        )
        for each in found.lots
    ]
    print_table(("points credited in", "spendable before", "points", "cost €"), rows, words=2)
    click.echo("")
    rows = [
        (f"{each.issued_month:%Y-%m}", f"{each.vouchers:,}", f"{each.points:,}", euros(each.payable_cents))
        for each in found.vouchers
    ]
    if rows:
        print_table(("vouchers issued in", "vouchers", "points", "cost €"), rows, words=1)
    else:
        click.echo("No voucher is out.")
    a_point = "unknown" if value.cents_a_point is None else f"{value.cents_a_point:.2f} cents"
    expected = "unknown" if found.expected_share is None else f"{found.expected_share:.0%}"
    click.echo(
        f"\nA point costs {a_point} ({BASES[value.basis]}).\n"
        f"Expected to be spent: {expected} of points (spent, of those spent or expired in the 12 months before).\n"
    )
    sums = (
        (f"{found.points:,} points", found.points_cents or 0),
        ("vouchers not redeemed", found.vouchers_cents),
        ("redeemed, not settled", found.unsettled_cents),
        ("settled, not paid", found.unpaid_cents),
        ("total", found.total_cents),
    )
    print_table(("owed for", "€"), [(words, euros(cents)) for words, cents in sums], words=1)
    if found.expected_cents is not None:
        click.echo(f"\nOf the points, {euros(found.expected_cents)} € are expected to be spent.")
