"""Removing commands that ended 35 days ago. An open one stays, however old: its bin may still be told, or answer."""

import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.arrays import Columns

KEPT_FOR = datetime.timedelta(days=35)
MOST_AT_ONCE = 1000
BEFORE_ALL = UUID(int=0)

# No row is locked for it: nobody changes a command that has ended.
CHOOSE = text(f"""
    SELECT command_id FROM bin_commands
     WHERE authority_id = :authority_id AND ended_at < :before AND command_id > :after
     ORDER BY command_id LIMIT {MOST_AT_ONCE}
""")
IDS = Columns(command_id="uuid")
DELETE = text(f"""
    DELETE FROM bin_commands c USING (SELECT * FROM {IDS.unnest("u")} ORDER BY command_id) AS t
     WHERE c.authority_id = :authority_id AND c.command_id = t.command_id
""")


def prune_commands(
    connection: Connection, *, authority_id: int, now: datetime.datetime, after: UUID = BEFORE_ALL
) -> tuple[int, UUID | None]:
    """Remove the next commands that ended 35 days ago, by id; return how many, and the last one looked at.

    Go on with ``after`` that one, in a transaction of its own, until it is None. What another run removes at the
    same time is counted there.
    """
    parameters = {"authority_id": authority_id, "before": now - KEPT_FOR, "after": after}
    command_ids = list(connection.scalars(CHOOSE, parameters))
    if not command_ids:
        return 0, None
    removed = connection.execute(DELETE, {"authority_id": authority_id, **IDS.bind(command_id=command_ids)}).rowcount
    return removed, command_ids[-1]
