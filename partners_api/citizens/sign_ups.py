"""Signing up: a code by e-mail to whatever address is given; who enters it is a citizen."""

from typing import Any

from partners_api.citizens.blueprint import citizens
from partners_api.operations import operation
from partners_api.refusals import AuthorityUnknownError
from partners_api.services import keyring, now
from partners_api.sign_ins import (
    SignInRequestSchema,
    SignInSchema,
    get_authority_id,
    limit_asking,
    post_code_of_request,
)
from partners_api.transactions import connection
from rewards.limits import TooManyTriesError
from rewards.sign_ins import CODE_VALID, SignIn, SignUpClosedError, begin_sign_up


@operation(
    citizens,
    "POST",
    "/sign-ups",
    audience=None,
    body=SignInRequestSchema,
    answers=(202, SignInSchema),
    refuses=(AuthorityUnknownError, SignUpClosedError, TooManyTriesError),
)
def begin_citizen_sign_up(asked: dict[str, Any]) -> SignIn:
    """Ask for a code by e-mail to become a citizen.

    The answer is the same whether or not a citizen has this address already: then the code signs in. Exchange it for a
    session like any other; the citizen is made at that moment. An authority may take no new citizens here.
    """
    authority_id = get_authority_id(asked["authority"])
    limit_asking(authority_id, asked["email"], "citizen")
    sign_up = begin_sign_up(connection(), keyring(), authority_id=authority_id, email=asked["email"], now=now())
    kind = "sign_up_code" if sign_up.is_sign_up else "sign_in_code"
    post_code_of_request(kind, sign_up.email, sign_up.code, authority_id=authority_id, good_for=CODE_VALID)
    return sign_up
