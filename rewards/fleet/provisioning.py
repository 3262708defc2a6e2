"""New bins at known sites: ids of the protocol, free everywhere; all or none."""

import datetime
import re
from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from rewards.bins import NewBin, add_bins
from rewards.errors import violates
from rewards.fleet.owners import find_owners
from rewards.fleet.refusals import BinIdInvalidError, BinTakenError

BIN_ID = re.compile(r"[A-Z0-9-]{4,32}", re.ASCII)
TAKEN_ID = re.compile(r"=\(([A-Z0-9-]+)\)")
"""How PostgreSQL names the key that exists already."""


def provision_bins(
    connection: Connection, bins: Sequence[NewBin], *, authority_id: int, now: datetime.datetime
) -> None:
    """Provision bins with key number 1.

    Raises:
        BinIdInvalidError: the protocol knows no such id.
        BinTakenError: an id is another bin's; the first one found is named.
    """
    for new in bins:
        if not BIN_ID.fullmatch(new.bin_id):
            raise BinIdInvalidError(new.bin_id)
    bin_ids = [new.bin_id for new in bins]
    if taken := find_owners(connection, bin_ids):
        raise BinTakenError(min(taken))
    try:
        add_bins(connection, bins, authority_id=authority_id, now=now)
    except IntegrityError as error:
        # Taken at this very moment by somebody else.
        if violates(error, "pk_bin_directory"):
            detail = getattr(error.orig, "diag", None)
            named = TAKEN_ID.search(getattr(detail, "message_detail", None) or "")
            raise BinTakenError(named[1] if named else bin_ids[0]) from None
        raise
