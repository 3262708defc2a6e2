"""``bontri bins add``: one bin, or a whole file of them in one transaction."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text

from bontri.fleet_csv import CsvBin, parse_instant, read_fleet_csv
from bontri.hand_over import provisioning_change
from bontri.provisioning import fleet_file
from rewards.bins import NewBin
from rewards.csv_files import CsvFault, CsvFaultyError
from rewards.fleet.handing import HandedBin
from rewards.fleet.owners import Owner, find_owners, get_authority, list_authorities
from rewards.fleet.provisioning import provision_bins
from rewards.fleet.refusals import SiteMissingError
from rewards.keyring import Keyring
from rewards.territory import find_sites

AT_ONCE = 1000
"""Bins per statement: enough that its cost does not count, few enough that the progress bar moves."""

READ_TIMEZONE = text("SELECT timezone FROM authorities WHERE authority_id = :authority_id")


@dataclass(frozen=True, slots=True)
class HandOver:
    """Where keys go: into the file, else back to the caller, for bins that connect to ``mqtt_url``."""

    path: Path | None
    mqtt_url: str
    keyring: Keyring


@dataclass(frozen=True, slots=True)
class BinToAdd:
    """A bin as the command line names it."""

    bin_id: str
    site: str
    capacity_l: int | None
    placed_at: str | None
    is_test: bool


def add_bin(engine: Engine, new: BinToAdd, *, slug: str, hand_over: HandOver, now: datetime.datetime) -> dict[str, Any]:
    """Provision one bin and return what is handed over.

    Raises:
        OperatorRefusedError, HandOverError: nothing was changed.
        ValueError: ``placed_at`` is no instant.
    """
    with provisioning_change(engine, hand_over.path) as change:
        owner = get_authority(change.connection, slug)
        zone = zone_of(change.connection, owner)
        placed_at = parse_instant(new.placed_at, zone) if new.placed_at else now
        sites = find_sites(change.connection, [new.site], authority_id=owner.authority_id)
        if new.site not in sites:
            raise SiteMissingError(new.site)
        state: Literal["test", "live"] = "test" if new.is_test else "live"
        provision_bins(
            change.connection,
            [NewBin(new.bin_id, sites[new.site], placed_at, new.capacity_l, state)],
            authority_id=owner.authority_id,
            now=now,
        )
        change.content = content_of([(new.bin_id, new.capacity_l)], slug=slug, hand_over=hand_over)
    return change.content


def import_fleet(
    engine: Engine,
    file: Path,
    *,
    slug: str,
    hand_over: HandOver,
    now: datetime.datetime,
    on_progress: Callable[[int, int], object],
) -> int:
    """Provision every bin of a CSV file, or none; return how many there are.

    Args:
        on_progress: Told how many bins are written, of how many.

    Raises:
        CsvFaultyError: the file has faults, all of them named.
        OperatorRefusedError, HandOverError: nothing was changed either.
    """
    with provisioning_change(engine, hand_over.path) as change:
        owner = get_authority(change.connection, slug)
        bins, faults = read_fleet_csv(file.read_bytes(), zone=zone_of(change.connection, owner), now=now)
        sites = find_sites(change.connection, {each.site for each in bins}, authority_id=owner.authority_id)
        faults += list_faults(change.connection, bins, sites, owner=owner)
        if faults:
            raise CsvFaultyError(str(file), faults)
        new = [NewBin(each.bin_id, sites[each.site], each.placed_at, each.capacity_l, each.state) for each in bins]
        on_progress(0, len(new))
        for start in range(0, len(new), AT_ONCE):
            part = new[start : start + AT_ONCE]
            provision_bins(change.connection, part, authority_id=owner.authority_id, now=now)
            on_progress(start + len(part), len(new))
        change.content = content_of([(each.bin_id, each.capacity_l) for each in bins], slug=slug, hand_over=hand_over)
    return len(new)


def list_faults(
    connection: Connection, bins: Sequence[CsvBin], sites: dict[str, UUID], *, owner: Owner
) -> list[CsvFault]:
    """List what only the database knows to be wrong: sites that are not there, ids that are taken."""
    slugs = {each.authority_id: each.slug for each in list_authorities(connection)}
    taken = find_owners(connection, [each.bin_id for each in bins])
    faults = []
    for each in bins:
        if each.site and each.site not in sites:
            faults.append(CsvFault(each.line, "site", f"{owner.slug} has no site {each.site!r}"))
        if each.bin_id in taken:
            faults.append(CsvFault(each.line, "bin", f"{each.bin_id} is taken already, by {slugs[taken[each.bin_id]]}"))
    return faults


def content_of(bins: Sequence[tuple[str, int | None]], *, slug: str, hand_over: HandOver) -> dict[str, Any]:
    """Return what is handed over of new bins."""
    return fleet_file(
        [bin_id for bin_id, _ in bins],
        authority=slug,
        mqtt_url=hand_over.mqtt_url,
        keyring=hand_over.keyring,
        handed={bin_id: HandedBin(capacity_l=capacity_l) for bin_id, capacity_l in bins},
    )


def zone_of(connection: Connection, owner: Owner) -> ZoneInfo:
    """Return the time zone of an authority."""
    return ZoneInfo(str(connection.scalar(READ_TIMEZONE, {"authority_id": owner.authority_id})))
