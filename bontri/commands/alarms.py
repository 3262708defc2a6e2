"""``bontri alarms``: what an operator should look at, and ending what has been looked at."""

from typing import Any, cast, get_args

import click

from bontri.commands.tenants import owners_in_use
from bontri.json_output import AS_JSON, as_json


@click.group()
def alarms() -> None:
    """See what bins need looking at, and end what has been looked at.

    Works on the database of DATABASE_URL; without it on the demo's.
    """


@alarms.command("list")
@click.option("--authority", metavar="SLUG", help="Only of this authority.")
@click.option("--bin", "bin_id", metavar="BIN", help="Only of this bin.")
@click.option("--all", "with_ended", is_flag=True, help="Those that ended too.")
@AS_JSON
def list_command(authority: str | None, bin_id: str | None, with_ended: bool, is_json: bool) -> None:
    """List the alarms that are up, newest first.

    \b
    Examples:
      bontri alarms list
      bontri alarms list --authority plaine-commune --all --json
    """
    from rewards.alarms import list_alarms

    rows: list[dict[str, Any]] = []
    for connection, owner in owners_in_use(authority, bin_id=bin_id):
        found = list_alarms(connection, authority_id=owner.authority_id, bin_id=bin_id, with_ended=with_ended)
        rows += [
            {
                "authority": owner.slug,
                "bin": alarm.bin_id,
                "kind": alarm.kind,
                "raised_at": alarm.raised_at,
                "last_seen_at": alarm.last_seen_at,
                "ended_at": alarm.ended_at,
                "times": alarm.times,
                "detail": dict(alarm.detail),
            }
            for alarm in found
        ]
    rows.sort(key=lambda row: row["raised_at"], reverse=True)
    if is_json:
        click.echo(as_json(rows))
        return
    for row in rows:
        detail = ", ".join(f"{name} {value}" for name, value in row["detail"].items())
        ended = f", ended {row['ended_at']:%Y-%m-%dT%H:%M:%S}" if row["ended_at"] else ""
        raised = f"{row['raised_at']:%Y-%m-%dT%H:%M:%S}  {row['authority']}  {row['bin']}"
        click.echo(f"{raised}  {row['kind']}: {detail}{ended}")
    if not rows:
        click.echo("No alarm was ever raised." if with_ended else "No alarm is up.")


@alarms.command("end")
@click.argument("bin_id", metavar="BIN")
@click.argument("kind")
def end_command(bin_id: str, kind: str) -> None:
    """End an alarm that has been looked at; it is raised again when there is more of its cause.

    \b
    Example:
      bontri alarms end PLC-00042 clone
    """
    from bontri.operating import engine_in_use
    from bontri.settings import read_settings
    from ingest.worker import utc_now
    from rewards.alarms import AlarmKind, end_alarm
    from rewards.fleet.owners import get_owner

    if kind not in get_args(AlarmKind):
        raise click.UsageError(f"{kind!r} is no kind of alarm: one of {', '.join(get_args(AlarmKind))}")
    with engine_in_use(read_settings(), role="bontri_operator") as engine, engine.begin() as connection:
        owner = get_owner(connection, bin_id)
        end_alarm(connection, bin_id, cast(AlarmKind, kind), authority_id=owner.authority_id, now=utc_now())
    click.echo(f"The alarm {kind} of {bin_id} has ended.")
