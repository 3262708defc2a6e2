"""``bontri campaigns``: drafts, and what becomes of one that is published."""

from uuid import UUID

import click

from bontri.commands.drafts import make_group
from bontri.commands.tenants import by_somebody, clock_of, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

campaigns = make_group("campaign", "campaigns")


@campaigns.command("publish")
@click.argument("draft_id", metavar="DRAFT", type=click.UUID)
@of_authority
@by_somebody
@AS_JSON
def publish_command(draft_id: UUID, authority: str, person: str, is_json: bool) -> None:
    """Publish a rehearsed campaign; it begins and ends when it says, and is never edited.

    \b
    Example:
      bontri campaigns publish 01920000-0000-7000-8000-000000000000 --authority plaine-commune
    """
    from ingest.worker import utc_now
    from rewards.drafts import publish_draft

    with tenant_in_use(authority) as (connection, tenant):
        campaign_id = publish_draft(
            connection, draft_id, authority_id=tenant.authority_id, published_by=person, now=utc_now()
        )
    click.echo(as_json({"campaign_id": campaign_id}) if is_json else f"{campaign_id}  published.")


@campaigns.command("stop")
@click.argument("campaign_id", metavar="CAMPAIGN", type=click.UUID)
@of_authority
@AS_JSON
def stop_command(campaign_id: UUID, authority: str, is_json: bool) -> None:
    """Stop a campaign now. Deposits made before keep what it added, also those that come late.

    \b
    Example:
      bontri campaigns stop 01920000-0000-7000-8000-000000000000 --authority plaine-commune
    """
    from ingest.worker import utc_now
    from rewards.campaigns import stop_campaign

    with tenant_in_use(authority) as (connection, tenant):
        stop_campaign(connection, campaign_id, authority_id=tenant.authority_id, now=utc_now())
    click.echo(as_json({"campaign_id": campaign_id}) if is_json else "Stopped; workers know it within a second.")


@campaigns.command("list")
@of_authority
@AS_JSON
def list_command(authority: str, is_json: bool) -> None:
    """List published campaigns, with what their budgets have left.

    \b
    Example:
      bontri campaigns list --authority plaine-commune
    """
    from ingest.worker import utc_now
    from rewards.campaigns import list_published_campaigns

    with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
        found = list_published_campaigns(connection, authority_id=tenant.authority_id, now=utc_now())
        clock = clock_of(connection, authority_id=tenant.authority_id)
    if is_json:
        click.echo(as_json(found))
        return
    for each in found:
        gives = f"× {each.multiplier_percent / 100:g}" if each.multiplier_percent else f"+ {each.bonus_points}"
        budget = "" if each.budget_points is None else f", {each.used_points:,} of {each.budget_points:,} points used"
        period = f"{clock(each.valid_from):.16} to {clock(each.valid_until):.16}"
        click.echo(f"{each.campaign_id}  {each.state:11}  {each.name} ({gives}), {period}{budget}")
    if not found:
        click.echo("No campaign is published.")
