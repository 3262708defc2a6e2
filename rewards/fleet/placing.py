"""A bin moves to another site of its authority: one placement ends, the next begins, never two at once.

Events are placed by when they occurred; what is recorded already stays where it was recorded.
"""

import datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from rewards.bins import announce_change
from rewards.errors import violates
from rewards.fleet.owners import lock_bin
from rewards.fleet.refusals import (
    BinAlreadyThereError,
    BinRevokedError,
    PlacementOverlapsError,
    SiteMissingError,
)
from rewards.ids import new_id
from rewards.territory import find_sites

OPEN_SITE = text("""
    SELECT site_id FROM placements
     WHERE authority_id = :authority_id AND bin_id = :bin_id AND removed_at IS NULL
""")
END_PLACEMENT = text("""
    UPDATE placements SET removed_at = :at
     WHERE authority_id = :authority_id AND bin_id = :bin_id AND removed_at IS NULL AND placed_at < :at
""")
BEGIN_PLACEMENT = text("""
    INSERT INTO placements (authority_id, placement_id, bin_id, site_id, placed_at)
    VALUES (:authority_id, :placement_id, :bin_id, :site_id, :at)
""")


def move_bin(connection: Connection, bin_id: str, *, to: str, at: datetime.datetime, authority_id: int) -> None:
    """Let a bin stand at site ``to`` (its reference) from ``at`` on.

    Raises:
        BinMissingError, BinRevokedError, SiteMissingError, BinAlreadyThereError: nothing was changed.
        PlacementOverlapsError: the bin was placed somewhere after ``at``.
    """
    if lock_bin(connection, bin_id, authority_id=authority_id) == "revoked":
        raise BinRevokedError(bin_id)
    site_id = find_sites(connection, [to], authority_id=authority_id).get(to)
    if site_id is None:
        raise SiteMissingError(to)
    bin_named = {"authority_id": authority_id, "bin_id": bin_id}
    if connection.scalar(OPEN_SITE, bin_named) == site_id:
        raise BinAlreadyThereError(bin_id, to)
    connection.execute(END_PLACEMENT, {**bin_named, "at": at})
    try:
        connection.execute(BEGIN_PLACEMENT, {**bin_named, "placement_id": new_id(), "site_id": site_id, "at": at})
    except IntegrityError as error:
        if violates(error, "ex_placements_one_at_a_time"):
            raise PlacementOverlapsError(bin_id, at) from None
        raise
    announce_change(connection, authority_id=authority_id)
