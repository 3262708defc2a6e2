"""``bontri commands``: giving bins orders, seeing what became of them, removing old ones."""

import datetime
import re
from typing import Any
from uuid import UUID

import click

from bontri.commands.durations import Duration
from bontri.commands.tenants import owners_in_use
from bontri.json_output import AS_JSON, as_json

LONGEST_VALID = datetime.timedelta(days=7)
LARGEST_SEQ = 2**63 - 2

KINDS: dict[str, Any] = {"resend": "resend", "reboot": "reboot", "emptying-mode": "emptying_mode"}
"""How the protocol calls what is ordered."""


@click.group()
def commands() -> None:
    """Give bins orders, see what became of them, remove old ones.

    Works on the database of DATABASE_URL; without it on the demo's. A running worker publishes the orders.
    """


@commands.command("send")
@click.argument("bin_id", metavar="BIN")
@click.argument("order", type=click.Choice(["resend", "reboot", "emptying-mode"]))
@click.option("--first", type=click.IntRange(1, LARGEST_SEQ), help="resend: from this number.")
@click.option("--last", type=click.IntRange(1, LARGEST_SEQ), help="resend: up to this number.")
@click.option("--journal", metavar="HEX", help="resend: of this journal; default: the bin's newest.")
@click.option("--on/--off", "is_on", default=None, help="emptying-mode: begin or end.")
@click.option("--minutes", type=click.IntRange(1, 240), help="emptying-mode: ends by itself after so long; default 60.")
@click.option(
    "--expires-in",
    "valid",
    type=Duration(LONGEST_VALID),
    default="1h",
    show_default=True,
    help="A bin heard later is not told.",
)
def send_command(bin_id: str, order: str, valid: datetime.timedelta, **given: Any) -> None:
    """Give a bin an order. It is published until the bin answers or the time is over; the bin executes it once.

    \b
    Examples:
      bontri commands send PLC-00042 reboot
      bontri commands send PLC-00042 resend --first 1040 --last 1062
      bontri commands send PLC-00042 emptying-mode --on --minutes 30 --expires-in 10m
    """
    from bontri.operating import engine_in_use
    from bontri.settings import read_settings
    from ingest.worker import utc_now
    from rewards.fleet.owners import get_owner
    from rewards.orders import give_order

    require_options_of(order, given)
    with engine_in_use(read_settings(), role="bontri_operator") as engine, engine.begin() as connection:
        owner = get_owner(connection, bin_id)
        command_id = give_order(
            connection,
            bin_id,
            KINDS[order],
            {**given, "on": given["is_on"]},
            authority_id=owner.authority_id,
            now=utc_now(),
            valid=valid,
        )
    click.echo(f"{command_id}  {order} for {bin_id}; see bontri commands list --bin {bin_id}")


def require_options_of(order: str, given: dict[str, Any]) -> None:
    """Raise UsageError unless the options are those of the order."""
    wanted = {"resend": {"first", "last"}, "emptying-mode": {"is_on"}, "reboot": set[str]()}[order]
    allowed = wanted | {"resend": {"journal"}, "emptying-mode": {"minutes"}}.get(order, set())
    names = {"is_on": "on/--off"}
    for name, value in given.items():
        if value is None and name in wanted:
            raise click.UsageError(f"{order} needs --{names.get(name, name)}")
        if value is not None and name not in allowed:
            raise click.UsageError(f"--{names.get(name, name)} does not belong to {order}")
    if order == "resend" and given["first"] > given["last"]:
        raise click.UsageError("--first is above --last")
    if given["journal"] is not None and not re.fullmatch("[0-9a-f]{32}", given["journal"]):
        raise click.UsageError("--journal is no journal: 32 hexadecimal digits, as bontri alarms list shows them")


@commands.command("list")
@click.option("--authority", metavar="SLUG", help="Only of this authority.")
@click.option("--bin", "bin_id", metavar="BIN", help="Only of this bin.")
@click.option("--most", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Of each authority.")
@AS_JSON
def list_command(authority: str | None, bin_id: str | None, most: int, is_json: bool) -> None:
    """List orders to bins and what became of them, newest first.

    \b
    Examples:
      bontri commands list --bin PLC-00042
      bontri commands list --json
    """
    from rewards.commands import list_commands

    rows: list[dict[str, Any]] = []
    for connection, owner in owners_in_use(authority, bin_id=bin_id):
        found = list_commands(connection, authority_id=owner.authority_id, bin_id=bin_id, limit=most)
        rows += [
            {
                "authority": owner.slug,
                "id": each.command_id,
                "bin": each.bin_id,
                "kind": each.kind,
                "arguments": dict(each.arguments),
                "issued_at": each.issued_at,
                "expires_at": each.expires_at,
                "times_sent": each.times_sent,
                "outcome": each.outcome,
                "ended_at": each.ended_at,
            }
            for each in found
        ]
    rows.sort(key=lambda row: row["issued_at"], reverse=True)
    if is_json:
        click.echo(as_json(rows))
        return
    for row in rows:
        arguments = "".join(f" {name} {value}" for name, value in row["arguments"].items())
        state = row["outcome"] or f"open, sent {row['times_sent']} times"
        issued = f"{row['issued_at']:%Y-%m-%dT%H:%M:%S}  {row['id']}  {row['bin']}"
        click.echo(f"{issued}  {row['kind']}{arguments}: {state}")
    if not rows:
        click.echo("No order was given.")


@commands.command("prune")
@AS_JSON
def prune_command(is_json: bool) -> None:
    """Remove orders that ended more than 35 days ago; for cron, safe to run twice and at once.

    \b
    Example:
      bontri commands prune
    """
    from bontri.embedded.processes import stop_on_signals
    from bontri.operating import engine_in_use
    from bontri.settings import read_settings
    from ingest.worker import utc_now
    from rewards.command_retention import BEFORE_ALL, prune_commands
    from rewards.fleet.owners import list_authorities

    removed, now = 0, utc_now()
    with stop_on_signals(), engine_in_use(read_settings(), role="bontri_operator") as engine:
        with engine.connect() as connection:
            owners = list_authorities(connection)
        for owner in owners:
            after: UUID | None = BEFORE_ALL
            while after is not None:
                with engine.begin() as connection:
                    count, after = prune_commands(connection, authority_id=owner.authority_id, now=now, after=after)
                removed += count
    click.echo(as_json({"commands": removed}) if is_json else f"{removed:,} orders removed.")
