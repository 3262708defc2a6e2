"""The shop's keys: listed, made, replaced one till after the other, revoked. A key makes none that is good for more,
and none at all while it ends."""

import datetime
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant, Integer
from partners_api.services import keyring, now
from partners_api.shops.blueprint import shop_of, shops
from partners_api.texts import in_one_line
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.api_keys import (
    ApiKeyEndingError,
    ApiKeyScopesError,
    ApiKeyUnknownError,
    ListedApiKey,
    NewApiKey,
    create_api_key,
    get_api_key,
    list_api_keys,
    replace_api_key,
    revoke_api_key,
)
from rewards.schema.access import SCOPES


class OwnKeySchema(ma.Schema):
    """What is known of a key without its secret."""

    api_key_id = fields.UUID(required=True)
    label = fields.String(required=True)
    scopes = fields.List(fields.String(validate=validate.OneOf(SCOPES)), required=True)
    created_at = Instant(required=True)
    expires_at = Instant(required=True, allow_none=True, metadata={"description": "When a key that was replaced ends"})
    revoked_at = Instant(required=True, allow_none=True)


class NewOwnKeySchema(OwnKeySchema):
    """A key just made."""

    secret = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Shown this once; null when the request is repeated: revoke the key then"},
    )


class ApiKeyOrderSchema(ma.Schema):
    """A key wanted."""

    label = fields.String(required=True, validate=in_one_line(60), metadata={"description": "What you call it"})
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)),
        required=True,
        validate=validate.Length(1, len(SCOPES)),
        metadata={"description": "None that the key calling has not"},
    )


class ReplacementSchema(ma.Schema):
    """How to replace a key."""

    overlap_hours = Integer(
        load_default=168,
        validate=validate.Range(0, 720),
        metadata={"description": "How long the old key goes on; 0 ends it at once"},
    )


@listing(shops, "/keys", audience="shop", scope="staff", item=OwnKeySchema, key=(UUID,))
def show_keys(caller: Principal, asked: dict[str, Any]) -> Page[ListedApiKey]:
    """List the shop's keys, newest first, ended ones too."""
    keys = list_api_keys(connection(), **shop_of(caller), **asked)
    return page_of(keys, asked["limit"], lambda key: (key.api_key_id,))


@operation(
    shops,
    "POST",
    "/keys",
    audience="shop",
    scope="staff",
    body=ApiKeyOrderSchema,
    answers=(201, NewOwnKeySchema),
    refuses=(ApiKeyEndingError, ApiKeyScopesError),
    is_idempotent=True,
)
def add_key(caller: Principal, order: dict[str, Any], key: str) -> dict[str, Any]:
    """Make a key, for another till or the back office."""
    return show_new(
        caller,
        key,
        lambda: create_api_key(
            connection(),
            keyring(),
            **shop_of(caller),
            audience="shop",
            **order,
            made_with=caller.credential_id,
            now=now(),
        ),
    )


@operation(
    shops,
    "POST",
    "/keys/<uuid:api_key_id>/replacement",
    audience="shop",
    scope="staff",
    body=ReplacementSchema,
    answers=(201, NewOwnKeySchema),
    refuses=(ApiKeyEndingError, ApiKeyUnknownError, ApiKeyScopesError),
    is_idempotent=True,
)
def replace_own_key(caller: Principal, how: dict[str, int], key: str, api_key_id: UUID) -> dict[str, Any]:
    """Make a key like another, which goes on for a while: change the tills one after the other."""
    return show_new(
        caller,
        key,
        lambda: replace_api_key(
            connection(),
            keyring(),
            **shop_of(caller),
            api_key_id=api_key_id,
            overlap=datetime.timedelta(hours=how["overlap_hours"]),
            made_with=caller.credential_id,
            now=now(),
        ),
    )


@operation(
    shops,
    "DELETE",
    "/keys/<uuid:api_key_id>",
    audience="shop",
    scope="staff",
    answers=(204, None),
    refuses=(ApiKeyUnknownError,),
)
def revoke_own_key(caller: Principal, api_key_id: UUID) -> None:
    """Refuse a key from this moment on; also the one that calls."""
    if not revoke_api_key(connection(), **shop_of(caller), api_key_id=api_key_id, now=now()):
        raise ApiKeyUnknownError


def show_new(caller: Principal, key: str, make: Callable[[], NewApiKey]) -> dict[str, Any]:
    """Make a key once and return it; its secret the first time only, since it is stored nowhere."""
    made: list[NewApiKey] = []

    def work() -> dict[str, str]:
        made.append(make())
        return {"api_key_id": str(made[0].api_key_id)}

    api_key_id = UUID(once(caller, key, work)["api_key_id"])
    known = get_api_key(connection(), api_key_id, **shop_of(caller))
    return asdict(known) | {"secret": made[0].secret if made else None}
