"""The authority's people: invited, given a role, blocked. For admins."""

from typing import Any
from uuid import UUID

import marshmallow as ma
from marshmallow import fields, validate

from partners_api.authorities.blueprint import authorities
from partners_api.authorities.callers import tenant_of
from partners_api.idempotency import once
from partners_api.listings import Page, listing, page_of
from partners_api.operations import operation
from partners_api.schemas import Instant
from partners_api.services import keyring, now
from partners_api.texts import EMAIL, Text
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.agents import (
    Agent,
    AgentEmailTakenError,
    AgentUnknownError,
    LastAdminError,
    change_agent,
    get_agent,
    invite_agent,
    list_agents,
    lock_agent,
)
from rewards.schema.access import ROLES

ROLE = validate.OneOf(ROLES)
STATE = validate.OneOf(["active", "blocked"])


class NewAgentSchema(ma.Schema):
    """Somebody to invite. They sign in with a code sent to the address; no password is ever set."""

    name = Text(100, required=True)
    email = fields.String(required=True, validate=EMAIL)
    role = fields.String(
        required=True,
        validate=ROLE,
        metadata={"description": "`viewer` reads, `manager` works, `admin` configures; each may what the ones before"},
    )


class AgentChangeSchema(ma.Schema):
    """What to change; what is left out stays."""

    name = Text(100)
    role = fields.String(validate=ROLE)
    state = fields.String(
        validate=STATE,
        metadata={"description": "Blocking ends every session, and every key they made for a program, for good"},
    )


class AgentSchema(ma.Schema):
    """Somebody who works for the authority."""

    agent_id = fields.UUID(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True)
    role = fields.String(required=True, validate=ROLE)
    state = fields.String(required=True, validate=STATE)
    created_at = Instant(required=True)


@listing(authorities, "/agents", audience="authority", role="admin", item=AgentSchema, key=(UUID,))
def show_agents(caller: Principal, asked: dict[str, Any]) -> Page[Agent]:
    """List the authority's agents, blocked ones too, those first who were invited first."""
    agents = list_agents(connection(), keyring(), **tenant_of(caller), **asked)
    return page_of(agents, asked["limit"], lambda agent: (agent.agent_id,))


@operation(
    authorities,
    "POST",
    "/agents",
    audience="authority",
    role="admin",
    body=NewAgentSchema,
    answers=(201, AgentSchema),
    refuses=(AgentEmailTakenError,),
    is_idempotent=True,
)
def add_agent(caller: Principal, said: dict[str, Any], key: str) -> Agent:
    """Invite an agent, who can sign in from now on. No letter is sent: tell them."""

    def invite() -> dict[str, str]:
        return {"agent_id": str(invite_agent(connection(), keyring(), **tenant_of(caller), **said, now=now()))}

    return get_agent(connection(), keyring(), UUID(once(caller, key, invite)["agent_id"]), **tenant_of(caller))


@operation(
    authorities,
    "GET",
    "/agents/<uuid:agent_id>",
    audience="authority",
    role="admin",
    answers=(200, AgentSchema),
    refuses=(AgentUnknownError,),
    has_etag=True,
)
def show_agent(caller: Principal, agent_id: UUID) -> Agent:
    """Show one agent."""
    return get_agent(connection(), keyring(), agent_id, **tenant_of(caller))


@operation(
    authorities,
    "PATCH",
    "/agents/<uuid:agent_id>",
    audience="authority",
    role="admin",
    body=AgentChangeSchema,
    answers=(200, AgentSchema),
    refuses=(AgentUnknownError, LastAdminError),
    has_etag=True,
)
def edit_agent(caller: Principal, changes: dict[str, Any], agent_id: UUID) -> Agent:
    """Change an agent's name or role, block them, or let them in again. The last active admin stays one."""
    of_agent = {"agent_id": agent_id, **tenant_of(caller)}
    lock_agent(connection(), **of_agent)
    authorities.check_etag(get_agent(connection(), keyring(), **of_agent), AgentSchema)
    change_agent(connection(), **of_agent, **changes, now=now())
    return get_agent(connection(), keyring(), **of_agent)
