"""What ``bontri bins list`` and ``show`` do: read, and print a table or JSON."""

import datetime

import click

from bontri.fleet_tables import print_list, print_portrait
from bontri.json_output import as_json
from bontri.operating import engine_in_use
from bontri.settings import read_settings
from ingest.worker import utc_now
from rewards.bins import BinState
from rewards.fleet.listing import ListedBin, list_bins
from rewards.fleet.owners import get_owner, list_owners
from rewards.fleet.portraits import describe_bin


def print_fleet(
    *, slug: str | None, state: BinState | None, silent_for: datetime.timedelta | None, is_json: bool
) -> None:
    """Print the bins of one authority or of all, authority by authority."""
    now = utc_now()
    silent_since = None if silent_for is None else now - silent_for
    found: list[ListedBin] = []
    with engine_in_use(read_settings(), role="bontri_operator") as engine:
        with engine.connect() as connection:
            owners = list_owners(connection, slug=slug)
        for owner in owners:
            with engine.connect() as connection:
                found += list_bins(
                    connection,
                    authority_id=owner.authority_id,
                    slug=owner.slug,
                    now=now,
                    state=state,
                    silent_since=silent_since,
                )
    if is_json:
        click.echo(as_json(found))
    else:
        print_list(found, now=now)


def print_bin(bin_id: str, *, is_json: bool) -> None:
    """Print everything known of one bin, under one snapshot."""
    with (
        engine_in_use(read_settings(), role="bontri_operator") as engine,
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
    ):
        owner = get_owner(connection, bin_id)
        facts = describe_bin(connection, bin_id, authority_id=owner.authority_id, slug=owner.slug)
    if is_json:
        click.echo(as_json(facts))
    else:
        print_portrait(facts)
