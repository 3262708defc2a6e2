"""``bontri alarms``: what an operator should look at, and ending what has been looked at."""

from collections.abc import Mapping
from typing import Any, cast, get_args

import click

from bontri.commands.tenants import Clock, clock_of, owners_in_use
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
    clocks: dict[str, Clock] = {}
    for connection, owner in owners_in_use(authority, bin_id=bin_id):
        found = list_alarms(connection, authority_id=owner.authority_id, bin_id=bin_id, with_ended=with_ended)
        clocks[owner.slug] = clock_of(connection, authority_id=owner.authority_id)
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
        clock = clocks[row["authority"]]
        ended = f", ended {clock(row['ended_at'])}" if row["ended_at"] else ""
        raised = f"{clock(row['raised_at'])}  {row['authority']}  {row['bin']}"
        click.echo(f"{raised}  {row['kind']}: {describe(row['kind'], row['detail'])}{ended}")
    if not rows:
        click.echo("No alarm was ever raised." if with_ended else "No alarm is up.")


def describe(kind: str, detail: Mapping[str, Any]) -> str:
    """Say in words what an alarm is about; its rounds are counted, ``--json`` has each."""
    if kind != "mass_balance":
        return ", ".join(f"{name} {value}" for name, value in detail.items())
    direction = "counted too much" if detail["direction"] == "counted_more" else "counted too little"
    drift = "nothing was counted" if detail["drift"] is None else f"drift {detail['drift']:.2f}"
    rounds = len(detail["rounds"])
    of = "in its newest round" if rounds == 1 else f"in its newest {rounds} rounds"
    return f"{detail['material']} {direction} {of}: {drift}, where up to {detail['over_percent']} % off is allowed"


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
