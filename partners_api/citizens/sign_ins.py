"""Signing in with a code sent by e-mail, and signing out."""

import datetime
from http import HTTPStatus
from typing import Any

import structlog
from flask import Response, after_this_request, g

from partners_api.citizens.blueprint import citizens
from partners_api.citizens.schemas import SessionRequestSchema, SessionSchema, SignInRequestSchema, SignInSchema
from partners_api.languages import find_language_asked_for
from partners_api.networks import network_of_request
from partners_api.operations import operation
from partners_api.refusals import AuthorityUnknownError
from partners_api.services import keyring, now, services
from partners_api.transactions import commit, connection
from rewards.access import Principal
from rewards.limits import TooManyTriesError
from rewards.outbox import post_code
from rewards.sign_in_limits import give_back_entering, take_asking, take_entering
from rewards.sign_ins import (
    CODE_VALID,
    NewSession,
    SignIn,
    SignInCodeRefusedError,
    begin_sign_in,
    open_session,
    revoke_session,
)
from rewards.tenancy import enter_tenant_by_slug

log = structlog.get_logger()


@operation(
    citizens,
    "POST",
    "/sign-ins",
    audience=None,
    body=SignInRequestSchema,
    answers=(202, SignInSchema),
    refuses=(AuthorityUnknownError, TooManyTriesError),
)
def begin_citizen_sign_in(asked: dict[str, Any]) -> SignIn:
    """Ask for a sign-in code by e-mail.

    The answer is the same whether or not a citizen has this address. The code has 8 digits and is good for ten
    minutes and five tries.
    """
    authority_id = get_authority_id(asked["authority"])
    limit_asking(authority_id, asked["email"])
    sign_in = begin_sign_in(connection(), keyring(), authority_id=authority_id, email=asked["email"], now=now())
    post_code_of_request("sign_in_code", sign_in.email, sign_in.code, authority_id=authority_id, good_for=CODE_VALID)
    return sign_in


@operation(
    citizens,
    "POST",
    "/sessions",
    audience=None,
    body=SessionRequestSchema,
    answers=(201, SessionSchema),
    refuses=(AuthorityUnknownError, SignInCodeRefusedError, TooManyTriesError),
)
def open_citizen_session(asked: dict[str, Any]) -> NewSession:
    """Exchange a code for a session, and become a citizen if the code was for signing up.

    Send the token of the answer as `Authorization: Bearer`. It is shown this once. Letters are written in the language
    of `Accept-Language` from then on, unless one was chosen before.
    """
    authority_id = get_authority_id(asked.pop("authority"))
    network = limit_entering(authority_id)
    session = open_session(
        connection(),
        keyring(),
        authority_id=authority_id,
        language=find_language_asked_for(),
        now=now(),
        **asked,
    )
    if session is None:
        commit()
        raise SignInCodeRefusedError
    give_back_entering(connection(), keyring(), authority_id=authority_id, network=network)
    return session


@operation(citizens, "DELETE", "/session", audience="citizen", answers=(204, None))
def close_citizen_session(caller: Principal) -> None:
    """Sign out: the session is refused from now on."""
    revoke_session(connection(), authority_id=caller.authority_id, session_id=caller.credential_id, now=now())


def get_authority_id(slug: str) -> int:
    """Return the authority a slug names, which this request is about from now on, or refuse."""
    authority_id = enter_tenant_by_slug(connection(), slug)
    if authority_id is None:
        raise AuthorityUnknownError
    return authority_id


def limit_asking(authority_id: int, email: str) -> None:
    """Take a try at asking for a code, for good, before anything is looked up; or refuse."""
    network = network_of_request()
    take_asking(connection(), keyring(), authority_id=authority_id, email=email, network=network, now=now())
    commit()


def limit_entering(authority_id: int) -> str | None:
    """Take a try at entering a code, for good, before the code is looked at; return whose it was, or refuse."""
    network = network_of_request()
    take_entering(connection(), keyring(), authority_id=authority_id, network=network, now=now())
    commit()
    return network


def post_code_of_request(
    kind: str, address: str | None, code: str, *, authority_id: int, good_for: datetime.timedelta
) -> None:
    """Put a code into the outbox, in this request's transaction, and have it sent once the answer is out.

    For an address nobody is to be written to (None) the same is done, before the answer and after it: what takes longer
    then, which is to speak to the mail server, nobody can time.
    """
    post_code(
        connection(),
        keyring(),
        kind,
        address,
        code,
        authority_id=authority_id,
        language=find_language_asked_for(),
        good_for=good_for,
        now=now(),
    )
    send, request_id = services().send_codes, g.get("request_id")

    def send_or_log() -> None:
        try:
            send(authority_id)
        except Exception as error:  # noqa: BLE001 (nobody is above: the answer is out)
            # The type alone: what SMTP raises holds the address.
            log.error("codes_not_sent", request_id=request_id, fault=type(error).__name__)

    @after_this_request
    def sending(answer: Response) -> Response:
        if answer.status_code < HTTPStatus.BAD_REQUEST:
            answer.call_on_close(send_or_log)
        return answer
