"""Keys of the authority's programs and of shops' tills. For admins; a secret is shown once."""

from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant
from partners_api.services import keyring, now
from partners_api.texts import Text
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.api_keys import (
    ApiKeyEndingError,
    ApiKeyUnknownError,
    ListedApiKey,
    NewApiKey,
    create_api_key,
    list_api_keys,
    replace_api_key,
    revoke_api_key,
)
from rewards.schema.access import ROLES, SCOPES
from rewards.settlement import ShopUnknownError
from rewards.shop_register import get_shop


class NewProgramKeySchema(ma.Schema):
    """A key for a program of the authority."""

    label = Text(100, required=True, metadata={"description": "What the key is for"})
    role = fields.String(required=True, validate=validate.OneOf(ROLES))


class NewTillKeySchema(ma.Schema):
    """A key for a till of a shop."""

    label = Text(100, required=True, metadata={"description": "Which till"})
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)),
        load_default=["redeem"],
        validate=[validate.Length(1, len(SCOPES))],
        metadata={"description": "What it may be used for; `redeem` alone unless told"},
    )


class NewApiKeySchema(ma.Schema):
    """A key just made."""

    api_key_id = fields.UUID(required=True)
    secret = fields.String(required=True, metadata={"description": "Shown this once, stored nowhere"})


class ApiKeySchema(ma.Schema):
    """What is known of a key without its secret."""

    api_key_id = fields.UUID(required=True)
    audience = fields.String(required=True, validate=validate.OneOf(["shop", "authority"]))
    shop_id = fields.UUID(required=True, allow_none=True)
    role = fields.String(required=True, allow_none=True)
    scopes = fields.List(fields.String(), required=True, allow_none=True)
    label = fields.String(required=True)
    created_at = Instant(required=True)
    expires_at = Instant(required=True, allow_none=True)
    revoked_at = Instant(required=True, allow_none=True)
    made_by_agent_id = fields.UUID(
        required=True,
        allow_none=True,
        metadata={"description": "Also of a key made with a key of theirs; null where an operator made it"},
    )


@listing(
    authorities,
    "/api-keys",
    audience="authority",
    role="admin",
    item=ApiKeySchema,
    key=(UUID,),
    filters={"shop_id": fields.UUID(load_default=None, metadata={"description": "Only keys of this shop"})},
)
def show_api_keys(caller: Principal, asked: dict[str, Any]) -> Page[ListedApiKey]:
    """List keys of the authority's programs and of shops' tills, newest first, ended ones too."""
    keys = list_api_keys(connection(), **tenant_of(caller), **asked)
    return page_of(keys, asked["limit"], lambda key: (key.api_key_id,))


@operation(
    authorities,
    "POST",
    "/api-keys",
    audience="authority",
    role="admin",
    body=NewProgramKeySchema,
    answers=(201, NewApiKeySchema),
    refuses=(ApiKeyEndingError,),
)
def add_program_key(caller: Principal, said: dict[str, Any]) -> NewApiKey:
    """Make a key for a program. If the answer is lost, revoke the key and make another."""
    return create_api_key(
        connection(), keyring(), **tenant_of(caller), audience="authority", **said, **maker_of(caller), now=now()
    )


@operation(
    authorities,
    "POST",
    "/shops/<uuid:shop_id>/api-keys",
    audience="authority",
    role="admin",
    body=NewTillKeySchema,
    answers=(201, NewApiKeySchema),
    refuses=(ShopUnknownError, ApiKeyEndingError),
)
def add_till_key(caller: Principal, said: dict[str, Any], shop_id: UUID) -> NewApiKey:
    """Make a key for a till of a shop, for `redeem` alone unless told. If the answer is lost, make another."""
    get_shop(connection(), shop_id, **tenant_of(caller))
    scopes = set(said.pop("scopes"))
    of_shop = {**tenant_of(caller), "shop_id": shop_id}
    return create_api_key(
        connection(), keyring(), **of_shop, audience="shop", scopes=scopes, **said, **maker_of(caller), now=now()
    )


@operation(
    authorities,
    "POST",
    "/api-keys/<uuid:api_key_id>/replacement",
    audience="authority",
    role="admin",
    answers=(201, NewApiKeySchema),
    refuses=(ApiKeyEndingError, ApiKeyUnknownError),
)
def replace_key(caller: Principal, api_key_id: UUID) -> NewApiKey:
    """Make a key like another, which goes on for seven days, so that tills can be changed one after the other."""
    of_key = {**tenant_of(caller), "api_key_id": api_key_id}
    return replace_api_key(connection(), keyring(), **of_key, **maker_of(caller), now=now())


@operation(
    authorities,
    "DELETE",
    "/api-keys/<uuid:api_key_id>",
    audience="authority",
    role="admin",
    answers=(204, None),
    refuses=(ApiKeyUnknownError,),
)
def revoke_key(caller: Principal, api_key_id: UUID) -> None:
    """Refuse a key from now on."""
    if not revoke_api_key(connection(), **tenant_of(caller), api_key_id=api_key_id, now=now()):
        raise ApiKeyUnknownError


def maker_of(caller: Principal) -> dict[str, Any]:
    """Return who makes a key: an agent, or with which key a program does."""
    return {"made_by_agent_id": caller.subject_id} if caller.is_agent else {"made_with": caller.credential_id}
