"""Asking to be erased, confirmed by a code; and thinking better of it. A job does it: the API has no right to."""

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.citizens.blueprint import citizen_of, citizens
from partners_api.operations import operation
from partners_api.schemas import Instant
from partners_api.services import keyring, now
from partners_api.sign_ins import post_code_of_request
from partners_api.texts import SIGN_IN_CODE
from partners_api.transactions import commit, connection
from rewards.access import Principal
from rewards.confirmations import Confirmation, begin_confirmation, confirm, take_confirmation_try
from rewards.limits import TooManyTriesError
from rewards.privacy.requesting import (
    ErasureAsked,
    ErasureBegunError,
    ErasureNotAskedError,
    ask_erasure,
    find_erasure_request,
    get_erasure_request,
    take_back_erasure,
)
from rewards.sessions import revoke_other_sessions
from rewards.sign_ins import CODE_VALID, SignInCodeRefusedError


class ConfirmationSchema(ma.Schema):
    """A code on its way to the citizen's address."""

    confirmation_id = fields.UUID(required=True)


class ErasureOrderSchema(ma.Schema):
    """The code that came by e-mail."""

    confirmation_id = fields.UUID(required=True)
    code = fields.String(required=True, validate=SIGN_IN_CODE)


class ErasureSchema(ma.Schema):
    """What became of a request to be erased."""

    state = fields.String(
        required=True,
        validate=validate.OneOf(["asked", "begun"]),
        metadata={"description": "Once it has `begun` it cannot be taken back; then the session is refused"},
    )
    asked_at = Instant(required=True)
    due_at = Instant(required=True, metadata={"description": "Until then it can be taken back"})


@operation(
    citizens,
    "POST",
    "/erasure/codes",
    audience="citizen",
    answers=(202, ConfirmationSchema),
    refuses=(TooManyTriesError,),
)
def begin_citizen_erasure(caller: Principal) -> Confirmation:
    """Ask for the code by e-mail that confirms an erasure: 8 digits, good for ten minutes and five tries."""
    take_confirmation_try(connection(), keyring(), **citizen_of(caller), now=now())
    commit()
    confirmation = begin_confirmation(connection(), keyring(), **citizen_of(caller), now=now())
    post_code_of_request(
        "erasure_code",
        confirmation.email,
        confirmation.code,
        authority_id=caller.authority_id,
        good_for=CODE_VALID,
    )
    return confirmation


@operation(
    citizens,
    "POST",
    "/erasure",
    audience="citizen",
    body=ErasureOrderSchema,
    answers=(200, ErasureSchema),
    refuses=(SignInCodeRefusedError,),
)
def ask_citizen_erasure(caller: Principal, order: dict[str, Any]) -> ErasureAsked:
    """Ask to be erased for ever, with all points and vouchers; a household keeps the wallet.

    All other sessions end at once, this one when it is done: some minutes after `due_at`. Until then it can be taken
    back. A letter tells that it is done. Safe to repeat: what was asked before stays as it is, and needs no code.
    """
    own = citizen_of(caller)
    found = find_erasure_request(connection(), **own)
    if found is not None:
        return found
    is_confirmed = confirm(connection(), keyring(), **own, **order, now=now())
    if not is_confirmed:
        commit()
        raise SignInCodeRefusedError
    ask_erasure(connection(), **own, now=now())
    revoke_other_sessions(connection(), **own, kept_id=caller.credential_id, now=now())
    return get_erasure_request(connection(), **own)


@operation(
    citizens, "GET", "/erasure", audience="citizen", answers=(200, ErasureSchema), refuses=(ErasureNotAskedError,)
)
def show_citizen_erasure(caller: Principal) -> ErasureAsked:
    """Show whether one has asked to be erased, and when it will be done."""
    return get_erasure_request(connection(), **citizen_of(caller))


@operation(
    citizens,
    "DELETE",
    "/erasure",
    audience="citizen",
    answers=(204, None),
    refuses=(ErasureNotAskedError, ErasureBegunError),
)
def take_back_citizen_erasure(caller: Principal) -> None:
    """Take the request back: nothing is erased. Sessions that were ended stay ended."""
    take_back_erasure(connection(), **citizen_of(caller), now=now())
