"""Signing in with a code sent by e-mail, and signing out."""

from http import HTTPStatus
from typing import Any

import structlog
from flask import Response, after_this_request, g

from partners_api.citizens.blueprint import citizens
from partners_api.citizens.schemas import SessionRequestSchema, SessionSchema, SignInRequestSchema, SignInSchema
from partners_api.languages import language_of_request
from partners_api.operations import operation
from partners_api.refusals import AuthorityUnknownError
from partners_api.services import keyring, now, services
from partners_api.transactions import commit, connection
from rewards.access import Principal
from rewards.sign_ins import NewSession, SignIn, SignInCodeRefusedError, begin_sign_in, open_session, revoke_session
from rewards.territory import find_authority_id

log = structlog.get_logger()


@operation(
    citizens,
    "POST",
    "/sign-ins",
    audience=None,
    body=SignInRequestSchema,
    answers=(202, SignInSchema),
    refuses=(AuthorityUnknownError,),
)
def begin_citizen_sign_in(asked: dict[str, Any]) -> SignIn:
    """Ask for a sign-in code by e-mail.

    The answer is the same whether or not a citizen has this address. The code has 8 digits and is good for ten
    minutes and five tries.
    """
    authority_id = get_authority_id(asked["authority"])
    sign_in = begin_sign_in(connection(), keyring(), authority_id=authority_id, email=asked["email"], now=now())
    if sign_in.email is not None:
        send_when_answered(sign_in.email, sign_in.code)
    return sign_in


@operation(
    citizens,
    "POST",
    "/sessions",
    audience=None,
    body=SessionRequestSchema,
    answers=(201, SessionSchema),
    refuses=(AuthorityUnknownError, SignInCodeRefusedError),
)
def open_citizen_session(asked: dict[str, Any]) -> NewSession:
    """Exchange a sign-in code for a session.

    Send the token of the answer as `Authorization: Bearer`. It is shown this once.
    """
    authority_id = get_authority_id(asked.pop("authority"))
    session = open_session(connection(), keyring(), authority_id=authority_id, now=now(), **asked)
    if session is None:
        commit()
        raise SignInCodeRefusedError
    return session


@operation(citizens, "DELETE", "/session", audience="citizen", answers=(204, None))
def close_citizen_session(caller: Principal) -> None:
    """Sign out: the session is refused from now on."""
    revoke_session(connection(), authority_id=caller.authority_id, session_id=caller.credential_id, now=now())


def get_authority_id(slug: str) -> int:
    """Return the authority a slug names, or refuse."""
    authority_id = find_authority_id(connection(), slug)
    if authority_id is None:
        raise AuthorityUnknownError
    return authority_id


def send_when_answered(email: str, code: str) -> None:
    """Send the code once the transaction is committed and the answer is out.

    Only known addresses get one, so sending it before would tell by the delay which are known.
    """
    send, language = services().send_sign_in_code, language_of_request()
    request_id = g.get("request_id")

    def send_or_log() -> None:
        try:
            send(email, code, language)
        except Exception as error:  # noqa: BLE001 (nobody is above: the answer is out)
            # The type alone: what SMTP raises holds the address.
            log.error("sign_in_code_not_sent", request_id=request_id, error=type(error).__name__)

    @after_this_request
    def sending(answer: Response) -> Response:
        if answer.status_code == HTTPStatus.ACCEPTED:
            answer.call_on_close(send_or_log)
        return answer
