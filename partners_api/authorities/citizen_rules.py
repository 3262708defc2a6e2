"""What citizens may do by themselves, as the authority decides."""

from typing import Any

import marshmallow as ma

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.operations import operation
from partners_api.schemas import Boolean
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.citizen_rules import CitizenRules, get_citizen_rules, set_citizen_rules


class CitizenRulesSchema(ma.Schema):
    """What is closed here is done at the town hall."""

    sign_up_is_open = Boolean(required=True, metadata={"description": "Strangers may sign up"})
    claiming_is_open = Boolean(required=True, metadata={"description": "Citizens may add cards"})


@operation(
    authorities,
    "GET",
    "/citizen-rules",
    audience="authority",
    role="viewer",
    answers=(200, CitizenRulesSchema),
    has_etag=True,
)
def show_citizen_rules(caller: Principal) -> CitizenRules:
    """Show what citizens may do by themselves."""
    return get_citizen_rules(connection(), **tenant_of(caller))


@operation(
    authorities,
    "PUT",
    "/citizen-rules",
    audience="authority",
    role="admin",
    body=CitizenRulesSchema,
    answers=(200, CitizenRulesSchema),
    has_etag=True,
)
def set_rules_of_citizens(caller: Principal, asked: dict[str, Any]) -> CitizenRules:
    """Open or close signing up and adding cards, for requests from now on."""
    current = get_citizen_rules(connection(), **tenant_of(caller), is_to_change=True)
    authorities.check_etag(current, CitizenRulesSchema)
    rules = CitizenRules(**asked)
    set_citizen_rules(connection(), rules, **tenant_of(caller))
    return rules
