"""Sessions of citizens and agents: opened, listed, revoked, noted as used. What opens them: ``rewards/sign_ins.py``.

A session is a row, so that it can be listed and revoked; a revoked one is refused from the next request on.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, TextClause, insert, text

from rewards.access import new_token
from rewards.errors import RewardsError
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.schema.access import Session as SessionRow

Holder = Literal["citizen", "agent"]

VALID: dict[Holder, datetime.timedelta] = {
    "citizen": datetime.timedelta(days=90),
    "agent": datetime.timedelta(days=14),
}
AGENT_IDLE = datetime.timedelta(hours=12)
"""So long an agent's session goes on without being used: a night, not a weekend."""
LABEL_PURPOSE = "label"


def for_each_holder(statement: str) -> dict[Holder, TextClause]:
    """Return a statement for citizens and the same for agents; ``{holder}`` stands for either."""
    holders: tuple[Holder, ...] = ("citizen", "agent")
    return {holder: text(statement.replace("{holder}", holder)) for holder in holders}


GOOD = "revoked_at IS NULL AND expires_at > :now AND (idle_until IS NULL OR idle_until > :now)"

LIST = for_each_holder(f"""
    SELECT session_id, label_encrypted, created_at, used_on, expires_at, idle_until FROM sessions
     WHERE authority_id = :authority_id AND {{holder}}_id = :holder_id AND {GOOD}
       AND (CAST(:before AS uuid) IS NULL OR session_id < :before)
     ORDER BY session_id DESC LIMIT :limit
""")
REVOKE = for_each_holder(f"""
    UPDATE sessions SET revoked_at = :now
     WHERE authority_id = :authority_id AND {{holder}}_id = :holder_id AND session_id = :session_id AND {GOOD}
""")
REVOKE_OTHERS = text(f"""
    UPDATE sessions SET revoked_at = :now
     WHERE authority_id = :authority_id AND citizen_id = :citizen_id AND session_id <> :kept_id AND {GOOD}
""")
CLOSE = text("""
    UPDATE sessions SET revoked_at = :now
     WHERE authority_id = :authority_id AND session_id = :session_id AND revoked_at IS NULL
""")
# At most once a day, and to the day: who reads a wallet writes nothing else.
NOTE_USE = text("""
    UPDATE sessions SET used_on = :today
     WHERE authority_id = :authority_id AND session_id = :session_id AND (used_on IS NULL OR used_on < :today)
""")
# Written at most every few minutes, however much somebody clicks.
KEEP_AWAKE = text("""
    UPDATE sessions SET idle_until = :idle_until
     WHERE authority_id = :authority_id AND session_id = :session_id AND revoked_at IS NULL
       AND idle_until < CAST(:idle_until AS timestamptz) - interval '5 minutes'
""")


class SessionUnknownError(RewardsError):
    """The caller has no such session, or it has ended."""

    code = "session_unknown"


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just opened; ``token`` is stored nowhere and shown this once."""

    session_id: UUID
    token: str
    expires_at: datetime.datetime


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session that is good; ``label`` is what the device called itself, ``is_current`` the one that asks.

    ``idle_until`` is an agent's alone.
    """

    session_id: UUID
    label: str | None
    created_at: datetime.datetime
    used_on: datetime.date | None
    expires_at: datetime.datetime
    idle_until: datetime.datetime | None
    is_current: bool


def add_session(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    holder: Holder,
    holder_id: UUID,
    label: str | None,
    now: datetime.datetime,
) -> NewSession:
    """Open a session for somebody who has shown who they are."""
    session = NewSession(new_id(), new_token(connection, authority_id=authority_id), now + VALID[holder])
    connection.execute(
        insert(SessionRow).values(
            **{f"{holder}_id": holder_id},
            authority_id=authority_id,
            session_id=session.session_id,
            token_digest=keyring.secret_digest("session", session.token),
            created_at=now,
            expires_at=session.expires_at,
            label_encrypted=seal_label(keyring, label),
            used_on=now.date(),
            idle_until=now + AGENT_IDLE if holder == "agent" else None,
        )
    )
    return session


def list_sessions(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    holder: Holder,
    holder_id: UUID,
    current_id: UUID,
    now: datetime.datetime,
    after: tuple[UUID] | None = None,
    limit: int = 50,
) -> list[ListedSession]:
    """List the sessions of somebody that are good, newest first, behind the id of ``after``."""
    values = {"authority_id": authority_id, "holder_id": holder_id, "now": now, "limit": limit}
    rows = connection.execute(LIST[holder], {**values, "before": after[0] if after else None})
    return [
        ListedSession(
            session_id=row.session_id,
            label=open_label(keyring, row.label_encrypted),
            created_at=row.created_at,
            used_on=row.used_on,
            expires_at=row.expires_at,
            idle_until=row.idle_until,
            is_current=row.session_id == current_id,
        )
        for row in rows
    ]


def revoke_session(
    connection: Connection,
    session_id: UUID,
    *,
    authority_id: int,
    holder: Holder,
    holder_id: UUID,
    now: datetime.datetime,
) -> None:
    """Refuse one of somebody's sessions from now on.

    Raises:
        SessionUnknownError: it is not theirs, or has ended.
    """
    values = {"authority_id": authority_id, "holder_id": holder_id, "session_id": session_id, "now": now}
    if connection.execute(REVOKE[holder], values).rowcount == 0:
        raise SessionUnknownError


def revoke_other_sessions(
    connection: Connection, *, authority_id: int, citizen_id: UUID, kept_id: UUID, now: datetime.datetime
) -> int:
    """Refuse all of a citizen's sessions but one; return how many."""
    values = {"authority_id": authority_id, "citizen_id": citizen_id, "kept_id": kept_id, "now": now}
    return connection.execute(REVOKE_OTHERS, values).rowcount


def close_session(connection: Connection, session_id: UUID, *, authority_id: int, now: datetime.datetime) -> bool:
    """Refuse the session that asks from now on; False: it was closed already, by the same button pressed twice."""
    values = {"authority_id": authority_id, "session_id": session_id, "now": now}
    return connection.execute(CLOSE, values).rowcount == 1


def note_use(connection: Connection, *, authority_id: int, session_id: UUID, today: datetime.date) -> None:
    """Note that a session is used today."""
    connection.execute(NOTE_USE, {"authority_id": authority_id, "session_id": session_id, "today": today})


def keep_awake(connection: Connection, *, authority_id: int, session_id: UUID, now: datetime.datetime) -> None:
    """Put off the end of an agent's session that is being used."""
    values = {"authority_id": authority_id, "session_id": session_id, "idle_until": now + AGENT_IDLE}
    connection.execute(KEEP_AWAKE, values)


def seal_label(keyring: Keyring, label: str | None) -> bytes | None:
    """Return what a label is stored as: people name devices and cards after persons."""
    return None if label is None else keyring.encrypt(label.encode(), purpose=LABEL_PURPOSE)


def open_label(keyring: Keyring, sealed: Collection[int] | None) -> str | None:
    """Return the label again."""
    return None if sealed is None else keyring.decrypt(bytes(sealed), purpose=LABEL_PURPOSE).decode()
