"""A citizen's sessions: where one is signed in, and signing out there."""

from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields

from partners_api.citizens.blueprint import citizen_of, citizens
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer
from partners_api.services import keyring, now
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.sessions import (
    ListedSession,
    SessionUnknownError,
    list_sessions,
    revoke_other_sessions,
    revoke_session,
)


class OwnSessionSchema(ma.Schema):
    """A session that is open. No address and no kind of device is kept, only what the caller called itself."""

    session_id = fields.UUID(required=True)
    label = fields.String(required=True, allow_none=True)
    created_at = Instant(required=True)
    used_on = fields.Date(required=True, allow_none=True, metadata={"description": "The last day it was used (UTC)"})
    expires_at = Instant(required=True)
    is_current = fields.Boolean(required=True, metadata={"description": "It is the one that asks"})


class RevokedSessionsSchema(ma.Schema):
    """How many sessions were ended."""

    revoked = Integer(required=True)


@listing(citizens, "/sessions", audience="citizen", item=OwnSessionSchema, key=(UUID,))
def show_sessions(caller: Principal, asked: dict[str, Any]) -> Page[ListedSession]:
    """List where one is signed in, newest first."""
    sessions = list_sessions(
        connection(), keyring(), **holder_of(caller), current_id=caller.credential_id, now=now(), **asked
    )
    return page_of(sessions, asked["limit"], lambda session: (session.session_id,))


@operation(
    citizens,
    "DELETE",
    "/sessions/<uuid:session_id>",
    audience="citizen",
    answers=(204, None),
    refuses=(SessionUnknownError,),
)
def revoke_citizen_session(caller: Principal, session_id: UUID) -> None:
    """End one of one's sessions: it is refused from now on, wherever it is."""
    revoke_session(connection(), session_id, **holder_of(caller), now=now())


@operation(citizens, "POST", "/sessions/revocation", audience="citizen", answers=(200, RevokedSessionsSchema))
def revoke_other_citizen_sessions(caller: Principal) -> dict[str, int]:
    """End all of one's sessions but the one that asks. Safe to repeat."""
    revoked = revoke_other_sessions(connection(), **citizen_of(caller), kept_id=caller.credential_id, now=now())
    return {"revoked": revoked}


def holder_of(caller: Principal) -> dict[str, Any]:
    """Return whose sessions a call is about."""
    return {"authority_id": caller.authority_id, "holder": "citizen", "holder_id": caller.subject_id}
