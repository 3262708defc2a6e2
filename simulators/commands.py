"""Take commands: execute each id once, and answer it in the status (bin protocol, section "Commands")."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulators.clock import BinClock
from simulators.command_log import CommandLog
from simulators.counts import Tally
from simulators.down_messages import MalformedMessageError, moment_of, number_of, open_message, text_of
from simulators.emptying_mode import EmptyingMode
from simulators.journal import Journal
from simulators.messages import BinIdentity
from simulators.outbox import Outbox
from simulators.signatures import SignatureError
from simulators.status import StatusReport

MINUTES_DEFAULT = 60
MINUTES = range(1, 241)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Command:
    """What all commands have; ``fields`` holds what only some have, unchecked."""

    id: str
    do: str
    expires_at: datetime
    fields: Mapping[str, object]


def read_command(fields: Mapping[str, object]) -> Command:
    """Return the command in the fields of an opened message.

    Raises:
        MalformedMessageError: it cannot be answered, for want of an id, of a time or of something to do.
    """
    command_id = text_of(fields.get("id"))
    if not _ID.fullmatch(command_id):
        raise MalformedMessageError("the id is no UUID")
    moment_of(fields.get("issued_at"))
    return Command(command_id, text_of(fields.get("do")), moment_of(fields.get("expires_at")), fields)


class CommandDesk:
    """Where commands arrive, are executed and answered."""

    def __init__(
        self,
        identity: BinIdentity,
        *,
        journal: Journal,
        outbox: Outbox,
        clock: BinClock,
        status: StatusReport,
        tally: Tally,
    ) -> None:
        """Take commands for this bin."""
        self._identity = identity
        self._journal = journal
        self._log = CommandLog(journal.file)
        self._outbox = outbox
        self._clock = clock
        self._status = status
        self._tally = tally
        self._is_reboot_asked = False
        self.emptying_mode = EmptyingMode(journal.file)
        self.has_new_answer = False
        self.is_reboot_due = False

    def take(self, topic: str, payload: bytes, now: datetime) -> None:
        """Take a message of the command topic; it is answered with the status due now, or has no effect at all.

        Without effect: a wrong signature or topic, a form not understood, another bin, and any command as long as the
        clock is not synced, for it could not tell whether the command has expired.
        """
        command = self._find_command(topic, payload)
        if command is None or self._clock.state(now) != "synced":
            self._tally.commands_ignored += 1
            return
        self._log.forget_expired(self._clock.read(now), now)
        if self._log.find_state(command.id) is not None:
            self._tally.commands_repeated += 1
            self._log.note_repeat(command.id, now)
        elif self._clock.read(now) > command.expires_at:
            self._tally.commands_expired += 1
            self._log.note(command.id, "expired", expires_at=command.expires_at, now=now)
        elif self._execute(command, now):
            self._tally.commands_done += 1
            self._log.note(command.id, "done", expires_at=command.expires_at, now=now)
        else:
            self._tally.commands_refused += 1
            self._log.note(command.id, "refused", expires_at=command.expires_at, now=now)
        self.has_new_answer = True
        self._status.request(now)

    def take_answers(self, now: datetime) -> dict[str, object]:
        """Return the fields that answer commands in the status written now; an accepted reboot is due behind it."""
        self.has_new_answer = False
        self.is_reboot_due = self._is_reboot_asked
        answers = self._log.list_answers(now)
        return {"commands": answers} if answers else {}

    def _find_command(self, topic: str, payload: bytes) -> Command | None:
        if topic != self._identity.topic("down/command"):
            return None
        try:
            return read_command(open_message(topic, payload, self._identity.keys, bin_id=self._identity.bin))
        except (SignatureError, MalformedMessageError):
            return None

    def _execute(self, command: Command, now: datetime) -> bool:
        """Do what is asked and return True, or nothing and False. What it stores is committed with the answer."""
        actions: dict[str, Callable[[Mapping[str, object], datetime], bool]] = {
            "resend": self._resend,
            "reboot": self._reboot,
            "emptying_mode": self._set_emptying_mode,
        }
        action = actions.get(command.do)
        try:
            return action is not None and action(command.fields, now)
        except MalformedMessageError:
            return False

    def _resend(self, fields: Mapping[str, object], _now: datetime) -> bool:
        first, last = number_of(fields.get("first")), number_of(fields.get("last"))
        if fields.get("journal") != self._journal.id or last < 1 or first >= self._journal.next_seq:
            return False
        # Held to what the storage can count: JSON has longer numbers.
        seqs = self._journal.unsettle(first=max(first, 1), last=min(last, self._journal.next_seq - 1))
        self._outbox.order(seqs)
        return bool(seqs)

    def _reboot(self, _fields: Mapping[str, object], _now: datetime) -> bool:
        self._is_reboot_asked = True
        return True

    def _set_emptying_mode(self, fields: Mapping[str, object], now: datetime) -> bool:
        is_on, minutes = fields.get("on"), number_of(fields.get("minutes", MINUTES_DEFAULT))
        if not isinstance(is_on, bool) or minutes not in MINUTES:
            return False
        if is_on:
            self.emptying_mode.start(now + timedelta(minutes=minutes))
        else:
            self.emptying_mode.end()
        return True
