"""``bontri tariffs``: drafts, and what becomes of one that is published."""

import datetime
from uuid import UUID

import click

from bontri.commands.drafts import make_group
from bontri.commands.tenants import LOCAL, by_somebody, clock_of, instant_of, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

tariffs = make_group("tariff", "tariffs")


@tariffs.command("publish")
@click.argument("draft_id", metavar="DRAFT", type=click.UUID)
@of_authority
@click.option(
    "--valid-from",
    type=LOCAL,
    metavar="DATE",
    required=True,
    help="When it comes into force, by the authority's clock.",
)
@by_somebody
@AS_JSON
def publish_command(draft_id: UUID, authority: str, valid_from: datetime.datetime, person: str, is_json: bool) -> None:
    """Publish a rehearsed tariff: it supersedes the one before it from then on, and is never edited.

    \b
    Example:
      bontri tariffs publish 01920000-0000-7000-8000-000000000000 --authority plaine-commune --valid-from 2027-01-01
    """
    from ingest.worker import utc_now
    from rewards.drafts import publish_draft

    with tenant_in_use(authority) as (connection, tenant):
        tariff_id = publish_draft(
            connection,
            draft_id,
            authority_id=tenant.authority_id,
            published_by=person,
            now=utc_now(),
            valid_from=instant_of(connection, valid_from, authority_id=tenant.authority_id),
        )
    said = f"{tariff_id}  published; in force from {valid_from:%Y-%m-%d %H:%M}. Displays of bins are told."
    click.echo(as_json({"tariff_id": tariff_id}) if is_json else said)


@tariffs.command("list")
@of_authority
@AS_JSON
def list_command(authority: str, is_json: bool) -> None:
    """List published tariffs: superseded, in force, to come.

    \b
    Example:
      bontri tariffs list --authority plaine-commune
    """
    from ingest.worker import utc_now
    from rewards.tariffs import list_published_tariffs

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        found = list_published_tariffs(connection, authority_id=tenant.authority_id, now=utc_now())
        clock = clock_of(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(found))
        return
    for each in found:
        lines = ", ".join(f"{material} {points} per {basis}" for material, (basis, points) in each.lines.items())
        click.echo(f"{clock(each.valid_from):.16}  {each.state:10}  {each.name}: {lines}")
    if not found:
        click.echo("No tariff is published: deposits go to quarantine until one is.")
