"""The thread of an API process that sends codes: at once when one is asked for, and again while a code is good.

Codes wait in the outbox like every letter, so a process that starts again finds what another left.
"""

import datetime
import threading

import structlog
from sqlalchemy import Engine

from bontri.letters.sending import PostOffice, send_letters
from ingest.worker import utc_now
from rewards.fleet.owners import list_authorities
from rewards.outbox import find_next_try
from rewards.tenancy import begin_of_tenant

log = structlog.get_logger(__name__)

AGAIN_AFTER = datetime.timedelta(seconds=5)
"""When the database did not answer."""

ALL_AUTHORITIES = 0
"""Stands in the plan for looking at every authority, once, at the start; no authority has this id."""


class CodeSender:
    """Sends the urgent letters of authorities, one after the other, in a thread of its own."""

    def __init__(self, engine: Engine, office: PostOffice) -> None:
        self._engine, self._office = engine, office
        self._changed = threading.Condition()
        self._plan = {ALL_AUTHORITIES: utc_now()}
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="codes", daemon=True)

    def start(self) -> None:
        """Begin with what another process left."""
        self._thread.start()

    def stop(self) -> None:
        """End when the letter in hand has left or not."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        self._thread.join()

    def wake(self, authority_id: int) -> None:
        """Have an authority looked at now; returns at once."""
        self._look_at(authority_id, utc_now())

    def _look_at(self, authority_id: int, at: datetime.datetime) -> None:
        with self._changed:
            self._plan[authority_id] = min(at, self._plan.get(authority_id, at))
            self._changed.notify()

    def _run(self) -> None:
        while (authority_id := self._wait_for_next()) is not None:
            try:
                next_at = self._send(authority_id)
            except Exception as fault:  # noqa: BLE001 (a top: the next code may go through)
                log.error("codes_not_sent", authority_id=authority_id, fault=type(fault).__name__)
                next_at = utc_now() + AGAIN_AFTER
            if next_at is not None:
                self._look_at(authority_id, next_at)

    def _wait_for_next(self) -> int | None:
        """Take the authority that is due first out of the plan; None when we are to stop."""
        with self._changed:
            while not self._is_stopped:
                due = min(self._plan.items(), key=lambda item: item[1], default=None)
                wait_s = None if due is None else (due[1] - utc_now()).total_seconds()
                if due is not None and wait_s is not None and wait_s <= 0:
                    del self._plan[due[0]]
                    return due[0]
                self._changed.wait(wait_s)
            return None

    def _send(self, authority_id: int) -> datetime.datetime | None:
        """Send what is due, or look who has something; return when to look again."""
        if authority_id == ALL_AUTHORITIES:
            with self._engine.connect() as connection:
                owners = list_authorities(connection)
            for owner in owners:
                self.wake(owner.authority_id)
            return None
        send_letters(self._engine, self._office, authority_id=authority_id, only_urgent=True)
        with begin_of_tenant(self._engine, authority_id=authority_id) as connection:
            return find_next_try(connection, authority_id=authority_id)
