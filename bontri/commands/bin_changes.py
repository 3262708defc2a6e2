"""What the changing commands of ``bontri bins`` do: one transaction, then the broker's accounts where they changed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console
from rich.progress import Progress

from bontri.commands.desk import SPREADS, Show, operator_desk
from bontri.fleet_csv import InstantFaultyError, parse_instant
from bontri.fleet_import import BinToAdd, add_bin, import_fleet, zone_of
from bontri.hand_over import provisioning_change
from bontri.provisioning import fleet_file
from ingest.worker import utc_now
from rewards.fleet.handing import HandedBin
from rewards.fleet.keys import revoke_key
from rewards.fleet.keys import rotate_key as rotate_key_of
from rewards.fleet.owners import get_owner
from rewards.fleet.placing import move_bin
from rewards.fleet.states import change_state, revoke_for_good


def add_single(
    bin_id: str, *, slug: str, site: str, hand_over: Path | None, broker: str | None, show: Show, **more: Any
) -> None:
    """Provision one bin and show what is handed over, whatever becomes of the broker's accounts afterwards."""
    with operator_desk(changes_accounts=True) as desk:
        new = BinToAdd(bin_id, site, more["capacity_l"], more["placed_at"], more["is_test"])
        with bad_instant_is_usage():
            content = add_bin(desk.engine, new, slug=slug, hand_over=desk.hand_over(hand_over, broker), now=utc_now())
        click.echo(f"{bin_id} is provisioned with key 1. {SPREADS}", err=True)
        show(content)
        desk.refresh_broker()


def add_from_file(file: Path, *, slug: str, hand_over: Path, broker: str | None) -> None:
    """Provision every bin of a CSV file, or none."""
    progress = Progress(console=Console(stderr=True), disable=not sys.stderr.isatty())
    with operator_desk(changes_accounts=True) as desk:
        with progress:
            task = progress.add_task("Bins", total=None)
            count = import_fleet(
                desk.engine,
                file,
                slug=slug,
                hand_over=desk.hand_over(hand_over, broker),
                now=utc_now(),
                on_progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        bins = "1 bin is" if count == 1 else f"{count:,} bins are"
        click.echo(f"{bins} provisioned; keys and passwords are in {hand_over}. {SPREADS}")
        desk.refresh_broker()


def rotate(bin_id: str, *, hand_over: Path | None, broker: str | None) -> dict[str, Any]:
    """Make the next key valid and return what is handed over."""
    with operator_desk(changes_accounts=False) as desk:
        given = desk.hand_over(hand_over, broker)
        with provisioning_change(desk.engine, hand_over) as change:
            owner = get_owner(change.connection, bin_id)
            number = rotate_key_of(change.connection, bin_id, authority_id=owner.authority_id, now=utc_now())
            change.content = fleet_file(
                [bin_id],
                authority=owner.slug,
                mqtt_url=given.mqtt_url,
                keyring=given.keyring,
                handed={bin_id: HandedBin(key_number=number)},
            )
    click.echo(f"Key {number} of {bin_id} is valid beside the one in use; revoke that when it is not.", err=True)
    return change.content


def revoke_bin(bin_id: str) -> str:
    """Revoke a bin for good and shut it out at the broker; return what was done, in words."""
    with operator_desk(changes_accounts=True) as desk:
        with desk.engine.begin() as connection:
            owner = get_owner(connection, bin_id)
            revoke_for_good(connection, bin_id, authority_id=owner.authority_id)
        desk.refresh_broker()
    return f"{bin_id} of {owner.slug} is revoked for good. {SPREADS}"


def revoke_one_key(bin_id: str, key_number: int) -> str:
    """Revoke one key; return what was done, in words."""
    with operator_desk(changes_accounts=False) as desk, desk.engine.begin() as connection:
        owner = get_owner(connection, bin_id)
        revoke_key(connection, bin_id, key_number, authority_id=owner.authority_id)
    return f"Key {key_number} of {bin_id} is revoked. {SPREADS}"


def put_into_state(bin_id: str, state: Literal["test", "live"]) -> str:
    """Change between test and live; return what was done, in words."""
    with operator_desk(changes_accounts=False) as desk, desk.engine.begin() as connection:
        owner = get_owner(connection, bin_id)
        change_state(connection, bin_id, state, authority_id=owner.authority_id)
    return f"{bin_id} of {owner.slug} is in state {state}. {SPREADS}"


def move_within_authority(bin_id: str, *, site: str, at: str | None) -> str:
    """End the bin's placement and begin the next; return what was done, in words."""
    with operator_desk(changes_accounts=False) as desk, desk.engine.begin() as connection:
        owner = get_owner(connection, bin_id)
        with bad_instant_is_usage():
            since = parse_instant(at, zone_of(connection, owner)) if at else utc_now()
        move_bin(connection, bin_id, to=site, at=since, authority_id=owner.authority_id)
    return f"{bin_id} stands at {site} since {since.isoformat(timespec='seconds')}. {SPREADS}"


@contextmanager
def bad_instant_is_usage() -> Iterator[None]:
    """Tell of an instant that is none as of any wrong option."""
    try:
        yield
    except InstantFaultyError as error:
        raise click.UsageError(f"{error}: expected 2026-11-21 or 2026-11-21T09:00+01:00") from None
