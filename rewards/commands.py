"""Commands: orders to bins, from being given to their end. Which are due to be sent is in ``rewards/due_commands.py``.

What a bin has executed only the bin knows: a repeat is answered by it, not executed again. Here a command ends once,
by the first answer of its own bin.
"""

import datetime
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.arrays import Columns
from rewards.ids import new_id

CommandKind = Literal["resend", "reboot", "emptying_mode"]
Outcome = Literal["done", "refused", "expired"]

ARGUMENTS: Mapping[CommandKind, Set[str]] = {
    "resend": {"journal", "first", "last"},
    "reboot": set(),
    "emptying_mode": {"on", "minutes"},
}

ANSWER_PATIENCE = datetime.timedelta(minutes=2)
"""How long after its expiry an answer still counts: the bin may have executed it in the last second."""


@dataclass(frozen=True, slots=True)
class NewCommand:
    """An order to give."""

    bin_id: str
    kind: CommandKind
    arguments: Mapping[str, Any]

    def __post_init__(self) -> None:
        # One that cannot be written would keep the others of its authority from being sent.
        if self.arguments.keys() != ARGUMENTS[self.kind]:
            raise ValueError(f"{self.kind} takes {sorted(ARGUMENTS[self.kind])}")


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
       AND (CAST(:issued_at AS timestamptz) IS NULL OR (issued_at, command_id) < (:issued_at, :command_id))
     ORDER BY issued_at DESC, command_id DESC LIMIT :limit
""")


def list_commands(
    connection: Connection,
    *,
    authority_id: int,
    bin_id: str | None = None,
    after: tuple[datetime.datetime, UUID] | None = None,
    limit: int = 50,
) -> list[ListedCommand]:
    """List commands, of one bin or of all, newest first; ``after`` is (issued at, id) of the last one seen."""
    issued_at, command_id = after or (None, None)
    values = {"issued_at": issued_at, "command_id": command_id, "limit": limit}
    rows = connection.execute(LIST, {"authority_id": authority_id, "bin_id": bin_id, **values})
    return [ListedCommand(*row) for row in rows]
