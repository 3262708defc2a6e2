"""Erasing citizens as operators and jobs do: the right role, the register beside the database, a transaction each."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

import structlog
from sqlalchemy import Engine

from bontri.commands.holders import Holder
from bontri.operating import engine_in_use, keyring_in_use, register_in_use
from bontri.settings import read_settings
from ingest.worker import describe_fault, utc_now
from rewards.fleet.owners import get_authority
from rewards.households import WalletChangedError
from rewards.keyring import Keyring
from rewards.privacy import (
    BEFORE_ALL,
    Erased,
    ErasureRegister,
    erase_citizen,
    finish_erasure,
    list_unfinished,
    list_unknown_erasures,
)
from rewards.privacy.refusals import ErasureRegisterFaultyError
from rewards.privacy.requesting import ErasureAsked

log = structlog.get_logger(__name__)

MOST_TRIES = 5
OVERDUE_AFTER = datetime.timedelta(hours=1)
REAPPLIED_AT_ONCE = 1000


class ErasuresFailedError(Exception):
    """It went wrong with some citizens; everybody else had their turn."""

    def __init__(self, failed: int) -> None:
        super().__init__(f"erasures that failed: {failed}, see erasure_failed in the log; all others are done")


class OneByOne:
    """Turns of citizens: what goes wrong with one keeps nobody behind them waiting, and is told at the end."""

    def __init__(self, *, authority_id: int) -> None:
        self._authority_id, self._failed = authority_id, 0

    @contextmanager
    def turn(self, citizen_id: UUID) -> Iterator[None]:
        """Log what goes wrong within the block, and let it pass; but not what would go wrong with everybody."""
        try:
            yield
        except (ErasureRegisterFaultyError, OSError):
            raise
        except Exception as fault:  # noqa: BLE001 (a citizen who cannot be erased must not stop the others)
            of_whom = {"authority_id": self._authority_id, "citizen_id": str(citizen_id)}
            log.error("erasure_failed", **of_whom, **describe_fault(fault))
            self._failed += 1

    def end(self) -> None:
        """Tell how it went.

        Raises:
            ErasuresFailedError: with anybody it went wrong.
        """
        if self._failed:
            raise ErasuresFailedError(self._failed)


@dataclass(frozen=True, slots=True)
class Applied:
    """How many erasures the register holds, and how many citizens had come back."""

    erasures: int
    again: int


@dataclass(frozen=True, slots=True)
class Eraser:
    """What it takes to erase citizens of one authority."""

    engine: Engine
    keyring: Keyring
    register: ErasureRegister
    authority_id: int

    @classmethod
    @contextmanager
    def of(cls, slug: str) -> "Iterator[Eraser]":
        """Give it for the authority of a slug, for the time of the block."""
        settings = read_settings()
        register, keyring = register_in_use(settings), keyring_in_use(settings)
        with engine_in_use(settings, role="bontri_privacy") as engine:
            with engine.connect() as connection:
                authority_id = get_authority(connection, slug).authority_id
            yield cls(engine, keyring, register, authority_id)

    def find(self, holder: Holder) -> UUID:
        """Return the citizen somebody named; an id is taken as it is, since who is erased is found no more."""
        if holder.kind == "citizen":
            return UUID(holder.said)
        with self.engine.connect() as connection:
            return holder.find(connection, self.keyring, authority_id=self.authority_id).citizen_id

    def erase(self, citizen_id: UUID, *, asked_by: str) -> Erased:
        """Erase a citizen, in a transaction of its own."""
        return erase(
            self.engine, self.keyring, self.register, citizen_id, authority_id=self.authority_id, asked_by=asked_by
        )


def erase(
    engine: Engine,
    keyring: Keyring | None,
    register: ErasureRegister,
    citizen_id: UUID,
    *,
    authority_id: int,
    asked_by: str,
) -> Erased:
    """Erase a citizen in a transaction of its own; asked again when their wallet changed at the same moment.

    Without a ``keyring`` no letter is written.

    Raises:
        WalletChangedError: it changed each time.
    """
    for tries_left in reversed(range(MOST_TRIES)):
        try:
            with engine.begin() as connection:
                return erase_citizen(
                    connection,
                    keyring,
                    register,
                    citizen_id,
                    authority_id=authority_id,
                    asked_by=asked_by,
                    now=utc_now(),
                )
        except WalletChangedError:
            if not tries_left:
                raise
    raise AssertionError


def is_overdue(asked: ErasureAsked) -> bool:
    """Tell whether a request should have been done long ago: the job does not run, or has no register."""
    return asked.due_at < utc_now() - OVERDUE_AFTER


def reapply_register() -> Applied:
    """Erase whom the register names and the database does not know as erased, without a letter: they had one."""
    settings = read_settings()
    register = register_in_use(settings)
    registered = sorted(register.read(), key=lambda each: each.authority_id)
    again = 0
    with engine_in_use(settings, role="bontri_privacy") as engine:
        for authority_id, erasures in groupby(registered, key=lambda each: each.authority_id):
            asked_by = {each.citizen_id: each.asked_by for each in erasures}
            for citizen_id in list_back(engine, list(asked_by), authority_id=authority_id):
                again += erase(
                    engine, None, register, citizen_id, authority_id=authority_id, asked_by=asked_by[citizen_id]
                ).citizens
    return Applied(len(registered), again)


def list_back(engine: Engine, citizen_ids: list[UUID], *, authority_id: int) -> list[UUID]:
    """List registered citizens whom the database does not know as erased, asked for so many at once."""
    back: list[UUID] = []
    for first in range(0, len(citizen_ids), REAPPLIED_AT_ONCE):
        with engine.connect() as connection:
            asked = citizen_ids[first : first + REAPPLIED_AT_ONCE]
            back += list_unknown_erasures(connection, asked, authority_id=authority_id)
    return back


def finish_erasures_of(engine: Engine, authority_id: int) -> int:
    """Finish every erasure that is a day old and can be; return how many.

    Raises:
        ErasuresFailedError: it went wrong with some.
    """
    finished, after, one_by_one = 0, BEFORE_ALL, OneByOne(authority_id=authority_id)
    while True:
        with engine.connect() as connection:
            left = list_unfinished(connection, authority_id=authority_id, now=utc_now(), after=after)
        if not left:
            one_by_one.end()
            return finished
        after = left[-1]
        for citizen_id in left:
            with one_by_one.turn(citizen_id), engine.begin() as connection:
                finished += finish_erasure(connection, citizen_id, authority_id=authority_id, now=utc_now())
