"""After a restore from a backup: the epoch of receipts is raised, so that bins send again what the backup has not.

Source: docs/bin-protocol.md, "Receipt" and "Configuration".
"""

import datetime

from sqlalchemy import Connection, text

RAISE_EPOCH = text("""
    UPDATE authorities
       SET epoch = GREATEST(epoch + 1, :floor), config_version = GREATEST(config_version + :versions, :floor)
     WHERE authority_id = :authority_id RETURNING epoch
""")

VERSIONS_FORGOTTEN = 1000
"""More than a backup can have forgotten of the versions that bins hold."""


def raise_epoch(connection: Connection, *, authority_id: int, now: datetime.datetime) -> int | None:
    """Cancel every receipt the authority's bins have had, and return the new epoch; None for an unknown authority.

    The version of what bins show rises in the same transaction, by 1,000: the backup may have forgotten versions that
    bins already hold, and a bin never takes a lower one than it has.

    Both are at least the minutes since 1970: a backup restored twice would otherwise be given the same numbers twice,
    and the second epoch would cancel nothing.
    """
    floor = int(now.timestamp()) // 60
    parameters = {"authority_id": authority_id, "floor": floor, "versions": VERSIONS_FORGOTTEN}
    epoch: int | None = connection.scalar(RAISE_EPOCH, parameters)
    return epoch
