"""``bontri tariffs`` and ``bontri campaigns``: drafts from a file, rehearsed on past deposits, published, listed."""

import datetime
import json
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import click

from bontri.commands.tenants import Clock, by_somebody, clock_of, instant_of, of_authority, tenant_in_use

if TYPE_CHECKING:
    from rewards.drafts import Draft

Kind = Literal["tariff", "campaign"]

LOCAL = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
LARGEST_FILE_BYTES = 100_000

EXAMPLES = {
    "tariff": """
      name = "Tarif 2027"
      day_cap_points = 50           # also week_cap_points, bin_hour_cap_points; leave out for none
      welcome_points = 10           # once, with the first deposit
      [lines]
      glass = {points = 1, per = "item"}
      paper = {points = 2, per = "kilogram"}
    """,
    "campaign": """
      name = "Semaine du tri"
      from = 2026-12-01T00:00:00    # by the authority's clock
      until = 2026-12-08T00:00:00
      multiplier_percent = 200      # or bonus_points = 5 a deposit
      weekdays = [6, 7]             # 1 is Monday; leave out for all, as what follows
      from_time = "08:00"
      until_time = "12:00"
      materials = ["glass"]
      communes = ["93066"]          # also sites = ["REFERENCE"]
      first_deposit_only = false
      budget_points = 10000
    """,
}


def read_file(path: Path) -> dict[str, Any]:
    """Read a definition in TOML; raises UsageError with what is wrong."""
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise click.UsageError(f"{path} has more than {LARGEST_FILE_BYTES:,} bytes: this is no definition")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} is not TOML: {error}") from None


def make_group(kind: Kind, plural: str) -> click.Group:
    """Make the commands that are the same for tariffs and campaigns."""
    group = click.Group(
        plural,
        help=(
            f"Write {plural} as drafts, rehearse them on past deposits, publish them; never edit what is published.\n\n"
            f"Works on the database of DATABASE_URL; without it on the demo's.\n\n\b\nA {kind} is a TOML file:"
            f"{EXAMPLES[kind].rstrip()}"
        ),
    )
    for command in (draft_command, change_command, discard_command, drafts_command, rehearse_command):
        group.add_command(command(kind, plural))
    return group


def draft_command(kind: Kind, plural: str) -> click.Command:
    """Make ``draft``."""

    @click.command("draft")
    @click.argument("file", type=FILE)
    @of_authority
    @by_somebody
    def draft(file: Path, authority: str, person: str) -> None:
        from ingest.worker import utc_now
        from rewards.drafts import create_draft

        with tenant_in_use(authority) as (connection, tenant):
            draft_id = create_draft(
                connection, kind, read_file(file), authority_id=tenant.authority_id, made_by=person, now=utc_now()
            )
        click.echo(f"{draft_id}  kept; rehearse it with bontri {plural} rehearse {draft_id} --authority {authority}")

    draft.help = f"""Keep a {kind} of a file as a draft. Nothing is in force before it is rehearsed and published.

    \b
    Example, with a file that "bontri {plural} --help" shows:
      bontri {plural} draft {kind}.toml --authority plaine-commune
    """
    return draft


def change_command(kind: Kind, plural: str) -> click.Command:
    """Make ``change``."""

    @click.command("change")
    @click.argument("draft_id", metavar="DRAFT", type=click.UUID)
    @click.argument("file", type=FILE)
    @of_authority
    @by_somebody
    def change(draft_id: UUID, file: Path, authority: str, person: str) -> None:
        from ingest.worker import utc_now
        from rewards.drafts import change_draft

        with tenant_in_use(authority) as (connection, tenant):
            change_draft(
                connection,
                draft_id,
                read_file(file),
                authority_id=tenant.authority_id,
                changed_by=person,
                now=utc_now(),
            )
        click.echo("Changed; it must be rehearsed again.")

    change.help = f"""Replace what a draft says by a file.

    \b
    Example:
      bontri {plural} change 01920000-0000-7000-8000-000000000000 {kind}.toml --authority plaine-commune
    """
    return change


def discard_command(kind: Kind, plural: str) -> click.Command:
    """Make ``discard``."""

    @click.command("discard")
    @click.argument("draft_id", metavar="DRAFT", type=click.UUID)
    @of_authority
    def discard(draft_id: UUID, authority: str) -> None:
        from rewards.drafts import discard_draft

        with tenant_in_use(authority) as (connection, tenant):
            discard_draft(connection, draft_id, authority_id=tenant.authority_id)
        click.echo("Discarded.")

    discard.help = f"""Give a draft up.

    \b
    Example:
      bontri {plural} discard 01920000-0000-7000-8000-000000000000 --authority plaine-commune
    """
    return discard


def drafts_command(kind: Kind, plural: str) -> click.Command:
    """Make ``drafts``."""

    @click.command("drafts")
    @of_authority
    @click.option("--all", "with_ended", is_flag=True, help="With those published or discarded.")
    @click.option("--json", "is_json", is_flag=True, help="Print JSON, with what each says.")
    def drafts(authority: str, with_ended: bool, is_json: bool) -> None:
        from rewards.drafts import list_drafts

        with tenant_in_use(authority, role="bontri_reader") as (connection, tenant):
            found = list_drafts(connection, kind, authority_id=tenant.authority_id, with_ended=with_ended)
            clock = clock_of(connection, authority_id=tenant.authority_id)
        if is_json:
            click.echo(json.dumps([asdict(each) for each in found], indent=2, default=str))
            return
        for each in found:
            click.echo(draft_as_line(each, clock))
        if not found:
            click.echo("There is no draft.")

    drafts.help = f"""List the drafts of {plural}, newest first.

    \b
    Example:
      bontri {plural} drafts --authority plaine-commune --all
    """
    return drafts


def draft_as_line(draft: "Draft", clock: Clock) -> str:
    """Write a draft in a line."""
    return f"{draft.draft_id}  {draft.state:9}  {draft.name}, by {draft.changed_by} on {clock(draft.changed_at):.10}"


def rehearse_command(kind: Kind, plural: str) -> click.Command:
    """Make ``rehearse``."""

    @click.command("rehearse")
    @click.argument("draft_id", metavar="DRAFT", type=click.UUID)
    @of_authority
    @click.option(
        "--from", "since", type=LOCAL, metavar="DATE", help="Deposits recorded from then on; default: 28 days ago."
    )
    @click.option("--until", type=LOCAL, metavar="DATE", help="Before then; default: now.")
    @click.option("--json", "is_json", is_flag=True, help="Print JSON.")
    def rehearse(
        draft_id: UUID,
        authority: str,
        since: datetime.datetime | None,
        until: datetime.datetime | None,
        is_json: bool,
    ) -> None:
        from bontri.commands.rehearsals import rehearsal_as_text
        from ingest.worker import utc_now
        from rewards.rehearsal import rehearse_draft

        now = utc_now()
        with tenant_in_use(authority) as (connection, tenant):
            ends = instant_of(connection, until, authority_id=tenant.authority_id) or now
            begins = instant_of(connection, since, authority_id=tenant.authority_id) or ends - datetime.timedelta(28)
            if begins >= ends:
                raise click.UsageError("--until is not after --from")
            rehearsal = rehearse_draft(
                connection, draft_id, authority_id=tenant.authority_id, since=begins, until=ends, now=now
            )
            clock = clock_of(connection, authority_id=tenant.authority_id)
        as_json = json.dumps(asdict(rehearsal), indent=2, default=str)
        click.echo(as_json if is_json else rehearsal_as_text(rehearsal, clock))

    rehearse.help = f"""Credit past deposits once more under a draft: cost, spread, winners and losers, effect of caps.

    Changes nothing but the draft's state, which can then be published.

    \b
    Examples:
      bontri {plural} rehearse 01920000-0000-7000-8000-000000000000 --authority plaine-commune
      bontri {plural} rehearse 01920000-0000-7000-8000-000000000000 --authority plaine-commune \\
        --from 2026-10-01 --until 2026-11-01 --json
    """
    return rehearse


tariffs = make_group("tariff", "tariffs")
campaigns = make_group("campaign", "campaigns")


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
def publish_tariff_command(draft_id: UUID, authority: str, valid_from: datetime.datetime, person: str) -> None:
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
    click.echo(f"{tariff_id}  published; in force from {valid_from:%Y-%m-%d %H:%M}. Displays of bins are told.")


@tariffs.command("list")
@of_authority
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
def list_tariffs_command(authority: str, is_json: bool) -> None:
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
        click.echo(json.dumps([asdict(each) for each in found], indent=2, default=str))
        return
    for each in found:
        lines = ", ".join(f"{material} {points} per {basis}" for material, (basis, points) in each.lines.items())
        click.echo(f"{clock(each.valid_from):.16}  {each.state:10}  {each.name}: {lines}")
    if not found:
        click.echo("No tariff is published: deposits go to quarantine until one is.")


@campaigns.command("publish")
@click.argument("draft_id", metavar="DRAFT", type=click.UUID)
@of_authority
@by_somebody
def publish_campaign_command(draft_id: UUID, authority: str, person: str) -> None:
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
    click.echo(f"{campaign_id}  published.")


@campaigns.command("stop")
@click.argument("campaign_id", metavar="CAMPAIGN", type=click.UUID)
@of_authority
def stop_campaign_command(campaign_id: UUID, authority: str) -> None:
    """Stop a campaign now. Deposits made before keep what it added, also those that come late.

    \b
    Example:
      bontri campaigns stop 01920000-0000-7000-8000-000000000000 --authority plaine-commune
    """
    from ingest.worker import utc_now
    from rewards.campaigns import stop_campaign

    with tenant_in_use(authority) as (connection, tenant):
        stop_campaign(connection, campaign_id, authority_id=tenant.authority_id, now=utc_now())
    click.echo("Stopped; workers know it within a second.")


@campaigns.command("list")
@of_authority
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
def list_campaigns_command(authority: str, is_json: bool) -> None:
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
        click.echo(json.dumps([asdict(each) for each in found], indent=2, default=str))
        return
    for each in found:
        gives = f"× {each.multiplier_percent / 100:g}" if each.multiplier_percent else f"+ {each.bonus_points}"
        budget = "" if each.budget_points is None else f", {each.used_points:,} of {each.budget_points:,} points used"
        period = f"{clock(each.valid_from):.16} to {clock(each.valid_until):.16}"
        click.echo(f"{each.campaign_id}  {each.state:11}  {each.name} ({gives}), {period}{budget}")
    if not found:
        click.echo("No campaign is published.")
