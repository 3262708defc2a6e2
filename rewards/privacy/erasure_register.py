"""Who was erased, in a file outside the database: a backup restored later brings them back, and this takes them out.

It holds ids the database gave and nothing a person is known by. Written before the erasure commits, so that no erasure
is missing in it; one that is in it and did not commit was asked for all the same, and is done when it is applied again.
"""

import datetime
import fcntl
import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from rewards.privacy.refusals import ErasureRegisterFaultyError


@dataclass(frozen=True, slots=True)
class Erasure:
    """One line of the register."""

    authority_id: int
    citizen_id: UUID
    asked_by: str
    erased_at: datetime.datetime

    def as_line(self) -> str:
        """Return the line it is written as."""
        facts = {
            "authority_id": self.authority_id,
            "citizen_id": str(self.citizen_id),
            "asked_by": self.asked_by,
            "erased_at": self.erased_at.isoformat(),
        }
        return json.dumps(facts, ensure_ascii=False) + "\n"


class ErasureRegister:
    """The file; only ever added to, and shared by any number of processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Erasure]:
        """List what it holds, oldest first; nothing while there is no file.

        Raises:
            ErasureRegisterFaultyError: a line of it cannot be read.
        """
        try:
            with self._path.open(encoding="utf-8") as file:
                return list(self._parse(file))
        except FileNotFoundError:
            return []

    def add(
        self, citizen_ids: Collection[UUID], *, authority_id: int, asked_by: str, now: datetime.datetime
    ) -> list[UUID]:
        """Add citizens that it does not hold, and return them; they are on the disk when this returns.

        Raises:
            ErasureRegisterFaultyError: a line of it cannot be read.
            OSError: the file cannot be written.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            known = {(each.authority_id, each.citizen_id) for each in self._parse(file)}
            new = [each for each in citizen_ids if (authority_id, each) not in known]
            file.write("".join(Erasure(authority_id, each, asked_by, now).as_line() for each in new))
            file.flush()
            os.fsync(file.fileno())
        return new

    def holds(self, citizen_id: UUID, *, authority_id: int) -> bool:
        """Tell whether a citizen is in it."""
        return any((each.authority_id, each.citizen_id) == (authority_id, citizen_id) for each in self.read())

    def _parse(self, lines: Iterator[str]) -> Iterator[Erasure]:
        for line_no, line in enumerate(lines, 1):
            try:
                facts = json.loads(line)
                yield Erasure(
                    int(facts["authority_id"]),
                    UUID(facts["citizen_id"]),
                    str(facts["asked_by"]),
                    datetime.datetime.fromisoformat(facts["erased_at"]),
                )
            except (ValueError, KeyError, TypeError):
                raise ErasureRegisterFaultyError(self._path, line_no) from None
