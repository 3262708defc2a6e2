"""What a citizen says of themselves."""

from typing import Any

import marshmallow as ma
from marshmallow import fields

from partners_api.citizens.blueprint import citizen_of, citizens
from partners_api.operations import operation
from partners_api.services import keyring
from partners_api.texts import LABEL
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.profiles import Profile, change_name, get_profile


class ProfileChangeSchema(ma.Schema):
    """What can be changed."""

    display_name = fields.String(
        required=True, allow_none=True, validate=LABEL, metadata={"description": "Seen by one's household alone"}
    )


class ProfileSchema(ma.Schema):
    """A citizen's own data."""

    email = fields.String(required=True)
    display_name = fields.String(required=True, allow_none=True)


@operation(citizens, "GET", "/profile", audience="citizen", answers=(200, ProfileSchema), has_etag=True)
def show_profile(caller: Principal) -> Profile:
    """Show one's address, and the name one's household sees."""
    return get_profile(connection(), keyring(), **citizen_of(caller))


@operation(
    citizens,
    "PATCH",
    "/profile",
    audience="citizen",
    body=ProfileChangeSchema,
    answers=(200, ProfileSchema),
    has_etag=True,
)
def change_profile(caller: Principal, asked: dict[str, Any]) -> Profile:
    """Choose another name, or none."""
    own = citizen_of(caller)
    citizens.check_etag(get_profile(connection(), keyring(), **own, is_to_change=True), ProfileSchema)
    change_name(connection(), keyring(), **own, **asked)
    return get_profile(connection(), keyring(), **own)
