"""Signing in with a code sent by e-mail, and signing out."""

from typing import Any

from partners_api.citizens.blueprint import citizens
from partners_api.citizens.schemas import SessionRequestSchema, SessionSchema
from partners_api.languages import find_language_asked_for
from partners_api.operations import operation
from partners_api.refusals import AuthorityUnknownError
from partners_api.services import keyring, now
from partners_api.sign_ins import (
    SignInRequestSchema,
    SignInSchema,
    get_authority_id,
    limit_asking,
    limit_entering,
    post_code_of_request,
)
from partners_api.transactions import commit, connection
from rewards.access import Principal
from rewards.limits import TooManyTriesError
from rewards.sessions import NewSession, close_session
from rewards.sign_in_limits import give_back_entering
from rewards.sign_ins import (
    CODE_VALID,
    SignIn,
    SignInCodeRefusedError,
    begin_sign_in,
    open_session,
)


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
    limit_asking(authority_id, asked["email"], "citizen")
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
    network = limit_entering(authority_id, "citizen")
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
    give_back_entering(connection(), keyring(), authority_id=authority_id, network=network, holder="citizen")
    return session


@operation(citizens, "DELETE", "/session", audience="citizen", answers=(204, None))
def close_citizen_session(caller: Principal) -> None:
    """Sign out: the session is refused from now on."""
    close_session(connection(), caller.credential_id, authority_id=caller.authority_id, now=now())
