"""``bontri vouchers``: taking back a redemption, for the authority; a shop does it at its till on the same day."""

from typing import Any
from uuid import UUID

import click

from bontri.commands.tenants import by_somebody, of_authority, tenant_in_use

REASONS = ("mistake", "goods_returned", "fraud", "other")


@click.group()
def vouchers() -> None:
    """Take back redemptions that were wrong.

    Works on the database of DATABASE_URL; without it on the demo's.
    """


@vouchers.command("reverse")
@click.argument("voucher_id", metavar="VOUCHER", type=click.UUID)
@of_authority
@click.option("--reason", type=click.Choice(REASONS), required=True, help="Why.")
@by_somebody
def reverse_command(voucher_id: UUID, authority: str, reason: Any, person: str) -> None:
    """Give the points of a redeemed voucher back to the lots they came from. The voucher stays spent.

    What is on a statement already is deducted from the shop's next one. VOUCHER is its id, as bontri settle --json
    shows it.

    \b
    Example:
      bontri vouchers reverse 01920000-0000-7000-8000-000000000000 --authority plaine-commune --reason goods_returned
    """
    from ingest.worker import utc_now
    from rewards.vouchers import reverse_redemption

    # Tills and citizens move vouchers, by the rights of the API; so does who stands in for them.
    with tenant_in_use(authority, role="bontri_api") as (connection, tenant):
        reverse_redemption(
            connection,
            voucher_id,
            authority_id=tenant.authority_id,
            reason=reason,
            reversed_by=person,
            now=utc_now(),
        )
    click.echo("Taken back; the points are the citizen's again.")
