"""Which commands are to be sent now: new ones, those not answered for a while, those of a bin that has just come back.

How they travel is not known here.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.commands import CommandKind

REPEAT_AFTER = datetime.timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class DueCommand:
    """An order to publish now, signed with ``key_number``."""

    command_id: UUID
    bin_id: str
    key_number: int
    kind: CommandKind
    arguments: Mapping[str, Any]
    issued_at: datetime.datetime
    expires_at: datetime.datetime


# Rows another worker has in hand are its own; not the key, so that new rows that refer to it need not wait.
TAKE_DUE = text("""
    SELECT c.command_id, c.bin_id, b.newest_key_number AS key_number, c.kind, c.arguments, c.issued_at, c.expires_at
      FROM bin_commands c JOIN bins b ON b.authority_id = :authority_id AND b.bin_id = c.bin_id
     WHERE c.authority_id = :authority_id AND c.outcome IS NULL AND c.expires_at > :now
       AND (c.sent_at IS NULL OR c.sent_at <= :sent_before) AND b.state <> 'revoked'
     ORDER BY c.issued_at, c.command_id LIMIT :most
       FOR NO KEY UPDATE OF c SKIP LOCKED
""")

IDS = Columns(command_id="uuid")
NOTE_SENT = text(f"""
    UPDATE bin_commands c SET sent_at = :now, times_sent = c.times_sent + 1
      FROM (SELECT * FROM {IDS.unnest("u")} ORDER BY command_id) AS t
     WHERE c.authority_id = :authority_id AND c.command_id = t.command_id
""")

BIN_IDS = Columns(bin_id="text")
MAKE_DUE = text(f"""
    UPDATE bin_commands c SET sent_at = NULL
      FROM (SELECT o.command_id FROM {BIN_IDS.unnest("u")}
              JOIN bin_commands o ON o.authority_id = :authority_id AND o.bin_id = u.bin_id AND o.outcome IS NULL
             WHERE o.sent_at IS NOT NULL ORDER BY o.command_id FOR NO KEY UPDATE OF o) AS t
     WHERE c.authority_id = :authority_id AND c.command_id = t.command_id AND c.outcome IS NULL
""")


def take_due_commands(
    connection: Connection, *, authority_id: int, now: datetime.datetime, most: int
) -> list[DueCommand]:
    """Take the commands to publish now, oldest first, and note them as sent; publish them after the commit.

    Due is what was not sent yet, or last sent :data:`REPEAT_AFTER` ago. What another worker has in hand is left to it.
    """
    rows = connection.execute(
        TAKE_DUE, {"authority_id": authority_id, "now": now, "sent_before": now - REPEAT_AFTER, "most": most}
    )
    due = [DueCommand(*row) for row in rows]
    if due:
        columns = IDS.bind(command_id=[command.command_id for command in due])
        connection.execute(NOTE_SENT, {"authority_id": authority_id, "now": now, **columns})
    return due


def make_due(connection: Connection, bin_ids: Sequence[str], *, authority_id: int) -> None:
    """Have the open commands of these bins published again at once: they have just come back."""
    if bin_ids:
        connection.execute(MAKE_DUE, {"authority_id": authority_id, **BIN_IDS.bind(bin_id=bin_ids)})
