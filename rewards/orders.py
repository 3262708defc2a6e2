"""Giving a bin an order, as people ask for it: what is left out is filled in, and what cannot be given is refused."""

import datetime
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from rewards.commands import CommandKind, NewCommand, issue_command
from rewards.fleet.refusals import BinMissingError, BinNeverHeardError, BinRevokedError
from rewards.fleet.states import READ_STATE
from rewards.journals import find_newest_journal

LONGEST_VALID = datetime.timedelta(days=7)
LARGEST_SEQ = 2**63 - 2
USUAL_MINUTES = 60
"""After which emptying mode ends by itself, unless told otherwise."""


def give_order(
    connection: Connection,
    bin_id: str,
    kind: CommandKind,
    given: Mapping[str, Any],
    *,
    authority_id: int,
    now: datetime.datetime,
    valid: datetime.timedelta,
) -> UUID:
    """Give a bin an order that holds for ``valid``; return its id.

    ``given`` has ``first`` and ``last`` of numbers to be sent again, of the bin's newest journal unless it names a
    ``journal``; or whether emptying mode is ``on``, and for how many ``minutes``.

    Raises:
        BinMissingError, BinRevokedError: there is no such bin at work.
        BinNeverHeardError: it has no journal yet.
    """
    arguments: dict[str, Any] = {}
    if kind == "resend":
        journal = given.get("journal") or find_newest_journal(connection, bin_id, authority_id=authority_id)
        arguments = {"journal": journal, "first": given["first"], "last": given["last"]}
    elif kind == "emptying_mode":
        arguments = {"on": given["on"], "minutes": given.get("minutes") or USUAL_MINUTES}
    if kind == "resend" and arguments["journal"] is None:
        raise why_not(connection, bin_id, authority_id=authority_id) or BinNeverHeardError(bin_id)
    command = NewCommand(bin_id, kind, arguments)
    command_id = issue_command(connection, command, authority_id=authority_id, now=now, valid=valid)
    if command_id is None:
        raise why_not(connection, bin_id, authority_id=authority_id) or BinRevokedError(bin_id)
    return command_id


def why_not(connection: Connection, bin_id: str, *, authority_id: int) -> BinMissingError | BinRevokedError | None:
    """Return why a bin cannot be given any order; None when it can."""
    state: str | None = connection.scalar(READ_STATE, {"authority_id": authority_id, "bin_id": bin_id})
    if state is None:
        return BinMissingError(bin_id)
    return BinRevokedError(bin_id) if state == "revoked" else None
