"""What ``bontri bins move --authority`` does: a bin passes to another authority, a transaction for each side."""

from pathlib import Path

import click

from bontri.commands.desk import SPREADS, Desk, Show, operator_desk
from bontri.fleet_import import HandOver, content_of
from bontri.hand_over import provisioning_change
from ingest.worker import utc_now
from rewards.bins import NewBin
from rewards.fleet.owners import get_authority, get_owner
from rewards.fleet.refusals import BinAlreadyThereError, SiteMissingError
from rewards.fleet.takeovers import assert_drained, find_former_owner, let_go, take_over
from rewards.territory import find_sites


def move_between_authorities(
    bin_id: str, *, slug: str, site: str, hand_over: Path | None, broker: str | None, show: Show
) -> None:
    """Pass a drained bin on to another authority; show what is handed over, unless that was done before."""
    with operator_desk(changes_accounts=True) as desk:
        take_bin_over(desk, bin_id, slug=slug, site=site, given=desk.hand_over(hand_over, broker), show=show)
        desk.refresh_broker()


def take_bin_over(desk: Desk, bin_id: str, *, slug: str, site: str, given: HandOver, show: Show) -> None:
    """Run the three transactions of a take-over, or the last of them when it was broken off before."""
    now = utc_now()
    with desk.engine.connect() as connection:
        to, former = get_authority(connection, slug), get_owner(connection, bin_id)
        unfinished = find_former_owner(connection, bin_id, owner=to) if to == former else None
    if to == former and unfinished is None:
        raise BinAlreadyThereError(bin_id, slug)
    if unfinished is None:
        with desk.engine.begin() as connection:
            assert_drained(connection, bin_id, authority_id=former.authority_id)
        with provisioning_change(desk.engine, given.path) as change:
            sites = find_sites(change.connection, [site], authority_id=to.authority_id)
            if site not in sites:
                raise SiteMissingError(site)
            take_over(change.connection, NewBin(bin_id, sites[site], now), to=to, former=former, now=now)
            change.content = content_of([(bin_id, None)], slug=slug, hand_over=given)
        show(change.content)
    with desk.engine.begin() as connection:
        let_go(connection, bin_id, former=unfinished or former, now=now)
    click.echo(f"{bin_id} is with {slug} now, at {site}, and revoked where it was. {SPREADS}", err=True)
