"""The epoch of receipts: raised after a restore from a backup, so that bins send again what the backup has not.

Source: docs/bin-protocol.md, "Receipt".
"""

import datetime

from sqlalchemy import Connection, text

RAISE_EPOCH = text("""
    UPDATE authorities SET epoch = GREATEST(epoch + 1, :floor) WHERE authority_id = :authority_id RETURNING epoch
""")


def raise_epoch(connection: Connection, *, authority_id: int, now: datetime.datetime) -> int | None:
    """Cancel every receipt the authority's bins have had, and return the new epoch; None for an unknown authority.

    At least the minutes since 1970: a backup restored twice would otherwise be given the same epoch twice, and the
    second one would cancel nothing.
    """
    floor = int(now.timestamp()) // 60
    epoch: int | None = connection.scalar(RAISE_EPOCH, {"authority_id": authority_id, "floor": floor})
    return epoch
