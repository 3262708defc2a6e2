"""What bins say about what they were told: answers to commands, the configuration they show, that they are back."""

import datetime
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection

from ingest.contract import Hello, Status
from ingest.decoding import DecodedMessage
from rewards.commands import CommandAnswer, end_answered
from rewards.due_commands import make_due
from rewards.due_displays import note_shown


def heed_answers(
    connection: Connection, messages: Sequence[DecodedMessage], *, authority_id: int, now: datetime.datetime
) -> None:
    """End commands that bins answer; have those who say hello told again what is open or out of date with them."""
    answers: list[CommandAnswer] = []
    back: dict[str, int | None] = {}
    for decoded in messages:
        match decoded.content:
            case Status(commands=results) if results:
                answers += [CommandAnswer(decoded.bin_id, UUID(result.id), result.state) for result in results]
            case Hello(config=version):
                back[decoded.bin_id] = version
    if answers:
        end_answered(connection, answers, authority_id=authority_id, now=now)
    if back:
        make_due(connection, sorted(back), authority_id=authority_id)
        versions = {bin_id: version for bin_id, version in sorted(back.items()) if version is not None}
        note_shown(connection, versions, authority_id=authority_id)
