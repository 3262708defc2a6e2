"""Keys of those who run the installation; a secret is shown once, in the answer that makes it."""

import datetime
from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.operators.blueprint import operators
from partners_api.schemas import Instant, Integer
from partners_api.services import keyring, now
from partners_api.texts import Text
from partners_api.transactions import connection
from rewards.access import Operator
from rewards.api_keys import (
    ApiKeyUnknownError,
    NewApiKey,
    OperatorKeyFacts,
    create_operator_key,
    list_operator_keys,
    replace_operator_key,
    revoke_operator_key,
)

MOST_OVERLAP_S = 31 * 24 * 3600


class OperatorKeySchema(ma.Schema):
    """What is known of a key without its secret."""

    operator_key_id = fields.UUID(required=True)
    label = fields.String(required=True)
    created_at = Instant(required=True)
    expires_at = Instant(required=True, allow_none=True)
    revoked_at = Instant(required=True, allow_none=True)


class NewOperatorKeySchema(ma.Schema):
    """A key to make; the label says whose it is."""

    label = Text(200, required=True, metadata={"example": "grace, laptop"})


class OperatorKeyReplacementSchema(ma.Schema):
    """How long the old key goes on beside the new one."""

    overlap_s = Integer(load_default=7 * 24 * 3600, validate=validate.Range(0, MOST_OVERLAP_S))


class OperatorSecretSchema(ma.Schema):
    """A key just made. The secret is shown this once; only a keyed digest of it is stored."""

    operator_key_id = fields.UUID(required=True, attribute="api_key_id")
    secret = fields.String(required=True)


@listing(operators, "/keys", audience="operator", item=OperatorKeySchema, key=(UUID,))
def show_operator_keys(caller: Operator, asked: dict[str, Any]) -> Page[OperatorKeyFacts]:
    """List operators' keys, newest first, ended ones too."""
    found = list_operator_keys(connection(), **asked)
    return page_of(found, asked["limit"], lambda each: (each.operator_key_id,))


@operation(
    operators,
    "POST",
    "/keys",
    audience="operator",
    body=NewOperatorKeySchema,
    answers=(201, OperatorSecretSchema),
)
def make_operator_key(caller: Operator, new: dict[str, Any]) -> NewApiKey:
    """Make a key for somebody who runs the installation. If the answer is lost, revoke the key and make another."""
    return create_operator_key(connection(), keyring(), label=new["label"], now=now())


@operation(
    operators,
    "POST",
    "/keys/<uuid:operator_key_id>/replacement",
    audience="operator",
    body=OperatorKeyReplacementSchema,
    answers=(201, OperatorSecretSchema),
    refuses=(ApiKeyUnknownError,),
)
def change_operator_key(caller: Operator, asked: dict[str, Any], operator_key_id: UUID) -> NewApiKey:
    """Make a key like another, which goes on for a while, and once only."""
    return replace_operator_key(
        connection(),
        keyring(),
        operator_key_id=operator_key_id,
        overlap=datetime.timedelta(seconds=asked["overlap_s"]),
        now=now(),
    )


@operation(
    operators,
    "DELETE",
    "/keys/<uuid:operator_key_id>",
    audience="operator",
    answers=(204, None),
    refuses=(ApiKeyUnknownError,),
)
def end_operator_key(caller: Operator, operator_key_id: UUID) -> None:
    """Revoke a key, one's own too: refused from its next request on."""
    if not revoke_operator_key(connection(), operator_key_id=operator_key_id, now=now()):
        raise ApiKeyUnknownError
