"""Authorities, and how their fleets are doing."""

from typing import Any

from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.operators.authority_schemas import AuthorityChangesSchema, AuthoritySchema, NewAuthoritySchema
from partners_api.operators.blueprint import operators
from partners_api.operators.health_schemas import FleetHealthSchema
from partners_api.operators.tenants import get_tenant
from partners_api.refusals import AuthorityUnknownError
from partners_api.services import now
from partners_api.transactions import connection
from rewards.access import Operator
from rewards.authorities import (
    AuthorityFacts,
    AuthorityTakenError,
    add_authority,
    change_authority,
    get_authority_facts,
    list_authority_facts,
)
from rewards.fleet.health import FleetHealth, get_fleet_health


@listing(operators, "/authorities", audience="operator", item=AuthoritySchema, key=(str,))
def show_authorities(caller: Operator, asked: dict[str, Any]) -> Page[AuthorityFacts]:
    """List the authorities of this installation by short name."""
    found = list_authority_facts(connection(), **asked)
    return page_of(found, asked["limit"], lambda each: (each.slug,))


@operation(
    operators,
    "POST",
    "/authorities",
    audience="operator",
    body=NewAuthoritySchema,
    answers=(201, AuthoritySchema),
    refuses=(AuthorityTakenError,),
)
def make_authority(caller: Operator, new: dict[str, Any]) -> AuthorityFacts:
    """Add an authority, with its own accounts in the ledger. Its short name keeps it from being added twice."""
    return add_authority(connection(), **new, now=now())


@operation(
    operators,
    "GET",
    "/authorities/<slug>",
    audience="operator",
    answers=(200, AuthoritySchema),
    refuses=(AuthorityUnknownError,),
    has_etag=True,
)
def show_authority(caller: Operator, slug: str) -> AuthorityFacts:
    """Show an authority."""
    return get_authority_facts(connection(), authority_id=get_tenant(slug).authority_id)


@operation(
    operators,
    "PATCH",
    "/authorities/<slug>",
    audience="operator",
    body=AuthorityChangesSchema,
    answers=(200, AuthoritySchema),
    refuses=(AuthorityUnknownError,),
    has_etag=True,
)
def edit_authority(caller: Operator, changes: dict[str, Any], slug: str) -> AuthorityFacts:
    """Change name, address or the rules of review."""
    authority_id = get_tenant(slug).authority_id
    current = get_authority_facts(connection(), authority_id=authority_id, is_to_change=True)
    operators.check_etag(current, AuthoritySchema)
    return change_authority(connection(), changes, authority_id=authority_id)


@operation(
    operators,
    "GET",
    "/authorities/<slug>/health",
    audience="operator",
    answers=(200, FleetHealthSchema),
    refuses=(AuthorityUnknownError,),
)
def show_fleet_health(caller: Operator, slug: str) -> FleetHealth:
    """Show how an authority's fleet and jobs are doing, in counts.

    Silent is a bin that has been heard before, and not for a day; overdue a job nobody has taken for a quarter of an
    hour: is `bontri jobs run` running?
    """
    return get_fleet_health(connection(), authority_id=get_tenant(slug).authority_id, now=now())
