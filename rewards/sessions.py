"""Sessions: listed, revoked, and noted as used, to the day and no finer. How they are opened: ``rewards/sign_ins.py``.

A revoked session is refused from the next request on.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from rewards.errors import RewardsError
from rewards.keyring import Keyring

LABEL_PURPOSE = "label"

LIST = text("""
    SELECT session_id, label_encrypted, created_at, used_on, expires_at FROM sessions
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND revoked_at IS NULL AND expires_at > :now
       AND (CAST(:before AS uuid) IS NULL OR session_id < :before)
     ORDER BY session_id DESC LIMIT :limit
""")
REVOKE_OWN = text("""
    UPDATE sessions SET revoked_at = :now
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND session_id = :session_id
       AND revoked_at IS NULL AND expires_at > :now
""")
REVOKE_OTHERS = text("""
    UPDATE sessions SET revoked_at = :now
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND session_id <> :session_id
       AND revoked_at IS NULL AND expires_at > :now
""")
# At most once a day: who reads a wallet writes nothing else.
NOTE_USE = text("""
    UPDATE sessions SET used_on = :today
     WHERE authority_id = :authority_id AND session_id = :session_id AND (used_on IS NULL OR used_on < :today)
""")


class SessionUnknownError(RewardsError):
    """The citizen has no such session, or it has ended."""

    code = "session_unknown"


@dataclass(frozen=True, slots=True)
class ListedSession:
    """An open session; ``label`` is what the device called itself, ``is_current`` the one that asks."""

    session_id: UUID
    label: str | None
    created_at: datetime.datetime
    used_on: datetime.date | None
    expires_at: datetime.datetime
    is_current: bool


def list_sessions(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    citizen_id: UUID,
    current_id: UUID,
    now: datetime.datetime,
    after: tuple[UUID] | None = None,
    limit: int = 50,
) -> list[ListedSession]:
    """List a citizen's open sessions, newest first, behind the id of ``after``."""
    values = {"authority_id": authority_id, "citizen_id": citizen_id, "now": now, "limit": limit}
    rows = connection.execute(LIST, {**values, "before": after[0] if after else None})
    return [
        ListedSession(
            row.session_id,
            open_label(keyring, row.label_encrypted),
            row.created_at,
            row.used_on,
            row.expires_at,
            row.session_id == current_id,
        )
        for row in rows
    ]


def revoke_own_session(
    connection: Connection, session_id: UUID, *, authority_id: int, citizen_id: UUID, now: datetime.datetime
) -> None:
    """Refuse one of a citizen's sessions from now on.

    Raises:
        SessionUnknownError: it is not theirs, or has ended.
    """
    values = {"authority_id": authority_id, "citizen_id": citizen_id, "session_id": session_id, "now": now}
    if connection.execute(REVOKE_OWN, values).rowcount == 0:
        raise SessionUnknownError


def revoke_other_sessions(
    connection: Connection, *, authority_id: int, citizen_id: UUID, kept_id: UUID, now: datetime.datetime
) -> int:
    """Refuse all of a citizen's sessions but one; return how many."""
    values = {"authority_id": authority_id, "citizen_id": citizen_id, "session_id": kept_id, "now": now}
    return connection.execute(REVOKE_OTHERS, values).rowcount


def note_use(connection: Connection, *, authority_id: int, session_id: UUID, today: datetime.date) -> None:
    """Note that a session is used today."""
    connection.execute(NOTE_USE, {"authority_id": authority_id, "session_id": session_id, "today": today})


def seal_label(keyring: Keyring, label: str | None) -> bytes | None:
    """Return what a label is stored as: people name devices and cards after persons."""
    return None if label is None else keyring.encrypt(label.encode(), purpose=LABEL_PURPOSE)


def open_label(keyring: Keyring, sealed: Collection[int] | None) -> str | None:
    """Return the label again."""
    return None if sealed is None else keyring.decrypt(bytes(sealed), purpose=LABEL_PURPOSE).decode()
