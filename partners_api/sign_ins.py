"""What citizens and agents share in signing in: whose installation, how often, and the code sent after the answer."""

import datetime
from http import HTTPStatus
from typing import Any

import marshmallow as ma
import structlog
from flask import Response, after_this_request, g
from marshmallow import fields

from partners_api.languages import find_language_asked_for
from partners_api.networks import network_of_request
from partners_api.refusals import AuthorityUnknownError
from partners_api.services import keyring, now, services
from partners_api.texts import EMAIL, SIGN_IN_CODE, SLUG
from partners_api.transactions import commit, connection
from rewards.outbox import post_code
from rewards.sessions import Holder
from rewards.sign_in_limits import take_asking, take_entering
from rewards.tenancy import enter_tenant_by_slug

log = structlog.get_logger()


class SignInRequestSchema(ma.Schema):
    """Who wants to sign in, and where."""

    authority = fields.String(required=True, validate=SLUG, metadata={"description": "The authority's short name"})
    email = fields.String(required=True, validate=EMAIL)


class SignInSchema(ma.Schema):
    """A sign-in under way; the same whether or not anybody has the address."""

    sign_in_id = fields.UUID(required=True)


class EnteredCodeOfSignInSchema(ma.Schema):
    """The code that came by e-mail."""

    authority = fields.String(required=True, validate=SLUG)
    sign_in_id = fields.UUID(required=True)
    code = fields.String(required=True, validate=SIGN_IN_CODE)


def get_authority_id(slug: str) -> int:
    """Return the authority a slug names, which this request is about from now on, or refuse."""
    authority_id = enter_tenant_by_slug(connection(), slug)
    if authority_id is None:
        raise AuthorityUnknownError
    return authority_id


def limit_asking(authority_id: int, email: str, holder: Holder) -> None:
    """Take a try at asking for a code, for good, before anything is looked up; or refuse."""
    network = network_of_request()
    who: dict[str, Any] = {"authority_id": authority_id, "network": network, "holder": holder}
    take_asking(connection(), keyring(), **who, email=email, now=now())
    commit()


def limit_entering(authority_id: int, holder: Holder) -> str | None:
    """Take a try at entering a code, for good, before the code is looked at; return whose it was, or refuse."""
    network = network_of_request()
    who: dict[str, Any] = {"authority_id": authority_id, "network": network, "holder": holder}
    take_entering(connection(), keyring(), **who, now=now())
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
