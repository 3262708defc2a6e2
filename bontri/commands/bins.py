"""``bontri bins``: provisioning bins, looking at them, changing their keys, states and places."""

import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from bontri.commands.durations import Duration
from bontri.json_output import as_json

AUTHORITY = click.option("--authority", metavar="SLUG", help="The authority, by its slug.")
HAND_OVER = click.option(
    "--hand-over",
    type=click.Path(path_type=Path, dir_okay=False),
    help="New private file for keys and passwords; never an existing one.",
)
BROKER = click.option("--broker", metavar="URL", help="Where bins connect, mqtts://host:port; default: MQTT_URL.")
IS_JSON = click.option("--json", "is_json", is_flag=True, help="Print JSON.")

SHOWN_ONCE = "Keys and passwords are shown this once, and are stored nowhere: hand them over now."


@click.group()
def bins() -> None:
    """Provision bins, look at them, change their keys, states and places.

    Works on the database of DATABASE_URL as role bontri_operator; without DATABASE_URL on the demo's.
    """


@bins.command("add")
@click.argument("bin_id", metavar="[BIN]", required=False)
@AUTHORITY
@click.option("--site", metavar="REF", help="Where the bin stands: the authority's reference of the site.")
@click.option("--capacity-l", type=click.IntRange(1, 100_000), help="Litres it holds.")
@click.option("--placed-at", metavar="ISO", help="Since when it stands there; default: now.")
@click.option("--test", "is_test", is_flag=True, help="Begin in state test: it earns nothing.")
@click.option("--file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A fleet as CSV.")
@HAND_OVER
@BROKER
def add(
    bin_id: str | None, authority: str | None, file: Path | None, hand_over: Path | None, broker: str | None, **new: Any
) -> None:
    """Provision a bin, or every bin of a CSV file, and hand their keys over.

    The columns of the file are bin and site, and if wanted capacity_l, placed_at and state (test or live). When a line
    is faulty nothing is imported, and every fault is told.

    \b
    Examples:
      bontri bins add VAL-00001 --authority val --site SQUARE
      bontri bins add VAL-00002 --authority val --site SQUARE --test --hand-over val-00002.json
      bontri bins add --file fleet.csv --authority val --hand-over keys.json
    """
    from bontri.commands.bin_changes import add_from_file, add_single

    if authority is None:
        raise click.UsageError("--authority SLUG is missing")
    if (bin_id is None) == (file is None):
        raise click.UsageError("name either one BIN or a --file")
    if file is not None:
        if hand_over is None:
            raise click.UsageError("--hand-over FILE is missing: the keys of a fleet are not shown on a terminal")
        if given := [name for name, value in new.items() if value]:
            raise click.UsageError(f"--{given[0].removeprefix('is_').replace('_', '-')} does not go with --file")
        add_from_file(file, slug=authority, hand_over=hand_over, broker=broker)
        return
    if not new["site"]:
        raise click.UsageError("--site REF is missing")
    show = partial(show_once, hand_over=hand_over)
    add_single(str(bin_id), slug=authority, hand_over=hand_over, broker=broker, show=show, **new)


@bins.command("list")
@AUTHORITY
@click.option("--state", type=click.Choice(["test", "live", "revoked"]), help="Only bins in this state.")
@click.option("--silent-for", type=Duration(), help="Only bins not heard for so long: 90s, 30m, 2h, 3d.")
@IS_JSON
def list_command(authority: str | None, state: Any, silent_for: datetime.timedelta | None, is_json: bool) -> None:
    """List bins: state, place, when last heard, firmware, key used and valid, missing events, open alarms.

    \b
    Examples:
      bontri bins list --authority val
      bontri bins list --state live --silent-for 2h --json
    """
    from bontri.commands.bin_views import print_fleet

    print_fleet(slug=authority, state=state, silent_for=silent_for, is_json=is_json)


@bins.command("show")
@click.argument("bin_id", metavar="BIN")
@IS_JSON
def show(bin_id: str, is_json: bool) -> None:
    """Show everything known of a bin: places, keys, journals and gaps, status, counts, alarms, quarantine."""
    from bontri.commands.bin_views import print_bin

    print_bin(bin_id, is_json=is_json)


@bins.command("rotate-key")
@click.argument("bin_id", metavar="BIN")
@HAND_OVER
@BROKER
def rotate_key(bin_id: str, hand_over: Path | None, broker: str | None) -> None:
    """Make the bin's next key valid beside its present one, and hand it over; at most two are valid at once.

    \b
    In this order:
      bontri bins rotate-key VAL-00001 --hand-over new.json
      (give the bin the key; bontri bins list shows when it uses it)
      bontri bins revoke VAL-00001 --key 1
    """
    from bontri.commands.bin_changes import rotate

    show_once(rotate(bin_id, hand_over=hand_over, broker=broker), hand_over)


@bins.command("revoke")
@click.argument("bin_id", metavar="BIN")
@click.option("--key", "key_number", type=click.IntRange(1, 32_767), help="Revoke only this key.")
def revoke(bin_id: str, key_number: int | None) -> None:
    """Revoke a bin for good, or one of its keys; within two seconds nothing signed by it is accepted.

    A revoked bin stays revoked. Points it has given stay.
    """
    from bontri.commands.bin_changes import revoke_bin, revoke_one_key

    click.echo(revoke_bin(bin_id) if key_number is None else revoke_one_key(bin_id, key_number))


@bins.command("move")
@click.argument("bin_id", metavar="BIN")
@click.option("--to", "site", metavar="SITE", required=True, help="The site's reference.")
@click.option("--at", metavar="ISO", help="Since when it stands there; default: now.")
@click.option("--authority", metavar="SLUG", help="Another authority that takes the bin over, with new keys.")
@HAND_OVER
@BROKER
def move(  # noqa: PLR0917 (click passes options by name)
    bin_id: str, site: str, at: str | None, authority: str | None, hand_over: Path | None, broker: str | None
) -> None:
    """Move a bin to another site; its deposits count there from then on.

    With --authority another authority takes the bin over: its events must all have arrived, it is revoked where it
    was, and gets new keys, which are handed over.

    \b
    Examples:
      bontri bins move VAL-00001 --to STATION
      bontri bins move VAL-00001 --to STATION --at 2026-11-21T09:00+01:00
      bontri bins move VAL-00001 --to HARBOUR --authority mont --hand-over val-00001.json
    """
    from bontri.commands.bin_changes import move_within_authority
    from bontri.commands.bin_takeovers import move_between_authorities

    if authority is None:
        click.echo(move_within_authority(bin_id, site=site, at=at))
        return
    if at is not None:
        raise click.UsageError("--at does not go with --authority: the bin is taken over now")
    show = partial(show_once, hand_over=hand_over)
    move_between_authorities(bin_id, slug=authority, site=site, hand_over=hand_over, broker=broker, show=show)


@bins.command("test")
@click.argument("bin_id", metavar="BIN")
def test(bin_id: str) -> None:
    """Put a live bin into state test: answered like any other, it earns nothing and is in no statistics."""
    from bontri.commands.bin_changes import put_into_state

    click.echo(put_into_state(bin_id, "test"))


@bins.command("live")
@click.argument("bin_id", metavar="BIN")
def live(bin_id: str) -> None:
    """Put a bin in state test into service."""
    from bontri.commands.bin_changes import put_into_state

    click.echo(put_into_state(bin_id, "live"))


def show_once(content: dict[str, Any], hand_over: Path | None) -> None:
    """Print what was not kept in a file; only there is it secret output that was asked for."""
    if hand_over is None:
        click.echo(as_json(content))
        click.echo(SHOWN_ONCE, err=True)
    else:
        click.echo(f"Keys and passwords are in {hand_over}, readable by you only.")
