"""What ``bontri tariffs`` and ``bontri campaigns`` have in common: drafts from a file, rehearsed on past deposits."""

import datetime
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import click

from bontri.commands.tenants import LOCAL, Clock, by_somebody, clock_of, instant_of, of_authority, tenant_in_use
from bontri.json_output import AS_JSON, as_json

if TYPE_CHECKING:
    from rewards.drafts import Draft

Kind = Literal["tariff", "campaign"]

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
    @AS_JSON
    def draft(file: Path, authority: str, person: str, is_json: bool) -> None:
        from ingest.worker import utc_now
        from rewards.drafts import create_draft

        with tenant_in_use(authority) as (connection, tenant):
            draft_id = create_draft(
                connection, kind, read_file(file), authority_id=tenant.authority_id, made_by=person, now=utc_now()
            )
        said = f"{draft_id}  kept; rehearse it with bontri {plural} rehearse {draft_id} --authority {authority}"
        click.echo(as_json({"draft_id": draft_id}) if is_json else said)

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
    @AS_JSON
    def change(draft_id: UUID, file: Path, authority: str, person: str, is_json: bool) -> None:
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
        click.echo(as_json({"draft_id": draft_id}) if is_json else "Changed; it must be rehearsed again.")

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
    @AS_JSON
    def discard(draft_id: UUID, authority: str, is_json: bool) -> None:
        from rewards.drafts import discard_draft

        with tenant_in_use(authority) as (connection, tenant):
            discard_draft(connection, draft_id, authority_id=tenant.authority_id)
        click.echo(as_json({"draft_id": draft_id}) if is_json else "Discarded.")

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
            click.echo(as_json(found))
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
    @AS_JSON
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
        click.echo(as_json(rehearsal) if is_json else rehearsal_as_text(rehearsal, clock))

    rehearse.help = f"""Credit past deposits once more under a draft: cost, spread, winners and losers, effect of caps.

    Changes nothing but the draft's state, which can then be published.

    \b
    Examples:
      bontri {plural} rehearse 01920000-0000-7000-8000-000000000000 --authority plaine-commune
      bontri {plural} rehearse 01920000-0000-7000-8000-000000000000 --authority plaine-commune \\
        --from 2026-10-01 --until 2026-11-01 --json
    """
    return rehearse
