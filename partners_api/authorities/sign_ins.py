"""Agents sign in with a code sent by e-mail; a session ends after 12 hours without use, or 14 days."""

from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import Response, after_this_request
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import require_agent, tenant_of
from partners_api.cookies import give_cookie, require_own_origin, take_cookie
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.refusals import (
    AgentRequiredError,
    AuthorityUnknownError,
    CrossSiteRequestError,
)
from partners_api.schemas import Boolean, Instant
from partners_api.services import keyring, now
from partners_api.sign_ins import (
    EnteredCodeOfSignInSchema,
    SignInRequestSchema,
    SignInSchema,
    get_authority_id,
    limit_asking,
    limit_entering,
    post_code_of_request,
)
from partners_api.transactions import commit, connection
from rewards.access import Principal
from rewards.agents import get_name_of_caller
from rewards.limits import TooManyTriesError
from rewards.schema.access import ROLES
from rewards.sessions import ListedSession, SessionUnknownError, close_session, list_sessions, revoke_session
from rewards.sign_in_limits import give_back_entering
from rewards.sign_ins import (
    CODE_VALID,
    SignIn,
    SignInCodeRefusedError,
    begin_sign_in,
    open_session,
)


class AgentSessionRequestSchema(EnteredCodeOfSignInSchema):
    """The code, and whether a browser keeps the token."""

    as_cookie = Boolean(
        load_default=False,
        metadata={"description": "For pages: the token comes as the cookie `__Host-bontri`, and is not shown"},
    )


class AgentSessionSchema(ma.Schema):
    """An open session; the token is shown this once, and not at all when it came as a cookie."""

    token = fields.String(required=True, allow_none=True)
    expires_at = Instant(required=True)


class ListedSessionSchema(ma.Schema):
    """A session of the caller that is good."""

    session_id = fields.UUID(required=True)
    created_at = Instant(required=True)
    idle_until = Instant(required=True, metadata={"description": "Put off while it is used"})
    expires_at = Instant(required=True)


class CallerSchema(ma.Schema):
    """Who calls."""

    authority = fields.String(required=True)
    name = fields.String(required=True)
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    is_agent = fields.Boolean(required=True, metadata={"description": "False: a program with a key"})
    timezone = fields.String(required=True)


@operation(
    authorities,
    "POST",
    "/sign-ins",
    audience=None,
    body=SignInRequestSchema,
    answers=(202, SignInSchema),
    refuses=(AuthorityUnknownError, TooManyTriesError),
)
def begin_agent_sign_in(asked: dict[str, Any]) -> SignIn:
    """Ask for a sign-in code by e-mail.

    The answer is the same whether or not an agent has this address. The code has 8 digits and is good for ten minutes
    and five tries.
    """
    authority_id = get_authority_id(asked["authority"])
    limit_asking(authority_id, asked["email"], "agent")
    sign_in = begin_sign_in(
        connection(), keyring(), authority_id=authority_id, email=asked["email"], holder="agent", now=now()
    )
    post_code_of_request("sign_in_code", sign_in.email, sign_in.code, authority_id=authority_id, good_for=CODE_VALID)
    return sign_in


@operation(
    authorities,
    "POST",
    "/sessions",
    audience=None,
    body=AgentSessionRequestSchema,
    answers=(201, AgentSessionSchema),
    refuses=(AuthorityUnknownError, SignInCodeRefusedError, CrossSiteRequestError, TooManyTriesError),
)
def open_agent_session(asked: dict[str, Any]) -> dict[str, Any]:
    """Exchange a sign-in code for a session, good for 14 days and 12 hours without use.

    Send the token as `Authorization: Bearer`. With `as_cookie` the browser keeps it.
    """
    as_cookie = asked.pop("as_cookie")
    if as_cookie:
        require_own_origin()
    authority_id = get_authority_id(asked.pop("authority"))
    network = limit_entering(authority_id, "agent")
    session = open_session(connection(), keyring(), authority_id=authority_id, holder="agent", now=now(), **asked)
    if session is None:
        commit()
        raise SignInCodeRefusedError
    give_back_entering(connection(), keyring(), authority_id=authority_id, network=network, holder="agent")
    if as_cookie:
        hand_over(session.token, session.expires_at)
    return {"token": None if as_cookie else session.token, "expires_at": session.expires_at}


def hand_over(token: str, expires_at: Any) -> None:
    """Let the answer set the cookie."""

    @after_this_request
    def giving(answer: Response) -> Response:
        return give_cookie(answer, token, expires_at)


@operation(
    authorities,
    "DELETE",
    "/session",
    audience="authority",
    role="viewer",
    answers=(204, None),
    refuses=(AgentRequiredError,),
)
def close_agent_session(caller: Principal) -> None:
    """Sign out: the session is refused from now on, and the browser forgets its cookie."""
    require_agent(caller)
    close_session(connection(), caller.credential_id, **tenant_of(caller), now=now())
    after_this_request(take_cookie)


@listing(
    authorities,
    "/sessions",
    audience="authority",
    role="viewer",
    item=ListedSessionSchema,
    key=(UUID,),
    refuses=(AgentRequiredError,),
)
def show_agent_sessions(caller: Principal, asked: dict[str, Any]) -> Page[ListedSession]:
    """List one's own sessions that are good, newest first."""
    require_agent(caller)
    sessions = list_sessions(
        connection(), keyring(), **holder_of(caller), current_id=caller.credential_id, now=now(), **asked
    )
    return page_of(sessions, asked["limit"], lambda session: (session.session_id,))


@operation(
    authorities,
    "DELETE",
    "/sessions/<uuid:session_id>",
    audience="authority",
    role="viewer",
    answers=(204, None),
    refuses=(AgentRequiredError, SessionUnknownError),
)
def revoke_agent_session(caller: Principal, session_id: UUID) -> None:
    """End one of one's own sessions, on whatever device it is."""
    require_agent(caller)
    revoke_session(connection(), session_id, **holder_of(caller), now=now())


def holder_of(caller: Principal) -> dict[str, Any]:
    """Return whose sessions a call is about."""
    return {**tenant_of(caller), "holder": "agent", "holder_id": caller.subject_id}


@operation(authorities, "GET", "/me", audience="authority", role="viewer", answers=(200, CallerSchema))
def show_caller(caller: Principal) -> dict[str, Any]:
    """Show who one is here, and what one may do."""
    return {
        "authority": caller.authority,
        "name": get_name_of_caller(connection(), caller),
        "role": caller.role,
        "is_agent": caller.is_agent,
        "timezone": caller.timezone,
    }
