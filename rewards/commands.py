"""Commands: orders to bins, published until the bin answers or their time is over. How they travel is not known here.

What a bin has executed only the bin knows: a repeat is answered by it, not executed again. Here a command ends once,
by the first answer of its own bin.
"""

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.ids import new_id

CommandKind = Literal["resend", "reboot", "emptying_mode"]
Outcome = Literal["done", "refused", "expired"]

REPEAT_AFTER = datetime.timedelta(seconds=30)
ANSWER_PATIENCE = datetime.timedelta(minutes=2)
"""How long after its expiry an answer still counts: the bin may have executed it in the last second."""


@dataclass(frozen=True, slots=True)
class NewCommand:
    """An order to give."""

    bin_id: str
    kind: CommandKind
    arguments: Mapping[str, Any]


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


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """What a bin says became of a command."""

    bin_id: str
    command_id: UUID
    outcome: Outcome


NEW = Columns(command_id="uuid", bin_id="text", kind="text", arguments="jsonb")
ISSUE = text(f"""
    INSERT INTO bin_commands (authority_id, command_id, bin_id, kind, arguments, issued_at, expires_at)
    SELECT :authority_id, t.command_id, t.bin_id, t.kind, t.arguments, :now, :expires_at
      FROM {NEW.unnest("t")} JOIN bins b ON b.authority_id = :authority_id AND b.bin_id = t.bin_id
     WHERE b.state <> 'revoked' ORDER BY t.command_id
    RETURNING command_id
""")

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

ANSWERS = Columns(bin_id="text", command_id="uuid", outcome="text")
END_ANSWERED = text(f"""
    UPDATE bin_commands c SET outcome = t.outcome, ended_at = :now
      FROM (SELECT * FROM {ANSWERS.unnest("u")} ORDER BY command_id) AS t
     WHERE c.authority_id = :authority_id AND c.command_id = t.command_id AND c.bin_id = t.bin_id
       AND c.outcome IS NULL
""")

END_EXPIRED = text("""
    UPDATE bin_commands SET outcome = 'expired', ended_at = :now
     WHERE authority_id = :authority_id AND outcome IS NULL AND expires_at <= :expired_before
""")


def issue_command(
    connection: Connection, command: NewCommand, *, authority_id: int, now: datetime.datetime, valid: datetime.timedelta
) -> UUID | None:
    """Give an order that holds for ``valid``; return its id, None when the authority has no such bin at work."""
    issued = issue_commands(connection, [command], authority_id=authority_id, now=now, valid=valid)
    return issued[0] if issued else None


def issue_commands(
    connection: Connection,
    commands: Sequence[NewCommand],
    *,
    authority_id: int,
    now: datetime.datetime,
    valid: datetime.timedelta,
) -> list[UUID]:
    """Give orders that hold for ``valid``; return the ids of those given to bins at work."""
    if not commands:
        return []
    columns = NEW.bind(
        command_id=[new_id() for _ in commands],
        bin_id=[command.bin_id for command in commands],
        kind=[command.kind for command in commands],
        arguments=[json.dumps(dict(command.arguments)) for command in commands],
    )
    parameters = {"authority_id": authority_id, "now": now, "expires_at": now + valid, **columns}
    return list(connection.scalars(ISSUE, parameters))


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


def end_answered(
    connection: Connection, answers: Sequence[CommandAnswer], *, authority_id: int, now: datetime.datetime
) -> int:
    """End commands as their bins say; return how many. Only open ones, and only a bin's own."""
    firsts = {(answer.bin_id, answer.command_id): answer for answer in reversed(answers)}
    if not firsts:
        return 0
    columns = ANSWERS.bind_rows(list(firsts.values()))
    return connection.execute(END_ANSWERED, {"authority_id": authority_id, "now": now, **columns}).rowcount


def end_expired(connection: Connection, *, authority_id: int, now: datetime.datetime) -> int:
    """End the commands nobody answered in time; return how many."""
    return connection.execute(
        END_EXPIRED, {"authority_id": authority_id, "now": now, "expired_before": now - ANSWER_PATIENCE}
    ).rowcount


@dataclass(frozen=True, slots=True)
class ListedCommand:
    """A command as an operator looks at it; ``outcome`` is None while it is open."""

    command_id: UUID
    bin_id: str
    kind: CommandKind
    arguments: Mapping[str, Any]
    issued_at: datetime.datetime
    expires_at: datetime.datetime
    sent_at: datetime.datetime | None
    times_sent: int
    outcome: Outcome | None
    ended_at: datetime.datetime | None


LIST = text("""
    SELECT command_id, bin_id, kind, arguments, issued_at, expires_at, sent_at, times_sent, outcome, ended_at
      FROM bin_commands
     WHERE authority_id = :authority_id AND (CAST(:bin_id AS text) IS NULL OR bin_id = :bin_id)
     ORDER BY issued_at DESC, command_id DESC LIMIT :most
""")


def list_commands(
    connection: Connection, *, authority_id: int, bin_id: str | None = None, most: int = 50
) -> list[ListedCommand]:
    """List commands, of one bin or of all, newest first."""
    rows = connection.execute(LIST, {"authority_id": authority_id, "bin_id": bin_id, "most": most})
    return [ListedCommand(*row) for row in rows]
