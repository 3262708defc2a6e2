"""Agents: the people who work for an authority, invited by e-mail address, each with a role. Never deleted: blocked.

An authority that has an active admin keeps one: whoever changes agents takes turns on the rows of the admins, and the
statement that changes one looks for another. How agents sign in is in ``rewards/sign_ins.py``.
"""

import datetime
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import IntegrityError

from rewards.access import Principal, Role
from rewards.citizens import EMAIL_PURPOSE, normalise_email
from rewards.errors import RewardsError, violates
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.schema.access import Agent as AgentRow

AgentState = Literal["active", "blocked"]

FIND_BY_EMAIL = text("""
    SELECT agent_id FROM agents
     WHERE authority_id = :authority_id AND email_digest = :email_digest AND state = 'active'
""")
LIST = text("""
    SELECT agent_id, name, email_encrypted, role, state, created_at FROM agents
     WHERE authority_id = :authority_id AND (CAST(:agent_id AS uuid) IS NULL OR agent_id = :agent_id)
       AND (CAST(:after AS uuid) IS NULL OR agent_id > :after)
     ORDER BY agent_id LIMIT :limit
""")
# In the order of ids, so that two who change one another wait instead of dying of it.
LOCK = text("""
    SELECT agent_id FROM agents
     WHERE authority_id = :authority_id AND (agent_id = :agent_id OR (role = 'admin' AND state = 'active'))
     ORDER BY agent_id FOR UPDATE
""")
CHANGE = text("""
    UPDATE agents a
       SET name = coalesce(:name, a.name), role = coalesce(:role, a.role), state = coalesce(:state, a.state)
     WHERE a.authority_id = :authority_id AND a.agent_id = :agent_id
       AND (a.role <> 'admin' OR a.state <> 'active'
            OR (coalesce(:role, a.role) = 'admin' AND coalesce(:state, a.state) = 'active')
            OR EXISTS (SELECT FROM agents o
                        WHERE o.authority_id = :authority_id AND o.agent_id <> :agent_id
                          AND o.role = 'admin' AND o.state = 'active'))
""")
END_SESSIONS = text("""
    UPDATE sessions SET revoked_at = :now
     WHERE authority_id = :authority_id AND agent_id = :agent_id AND revoked_at IS NULL
""")
# A till's key is in a shop's hands, and goes on.
REVOKE_KEYS = text("""
    UPDATE api_keys SET revoked_at = :now
     WHERE authority_id = :authority_id AND made_by_agent_id = :agent_id AND audience = 'authority'
       AND revoked_at IS NULL
""")
GET_NAME = text("""
    SELECT name FROM agents WHERE authority_id = :authority_id AND agent_id = :subject_id
    UNION ALL
    SELECT 'program ' || label FROM api_keys WHERE authority_id = :authority_id AND api_key_id = :subject_id
""")


class AgentUnknownError(RewardsError):
    """The authority has no such agent."""

    code = "agent_unknown"


class AgentEmailTakenError(RewardsError):
    """Another agent of the authority has this e-mail address."""

    code = "agent_email_taken"


class LastAdminError(RewardsError):
    """The authority would have no active admin any more."""

    code = "last_admin"


@dataclass(frozen=True, slots=True)
class Agent:
    """Somebody who works for the authority."""

    agent_id: UUID
    name: str
    email: str
    role: Role
    state: AgentState
    created_at: datetime.datetime


def invite_agent(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    name: str,
    email: str,
    role: Role,
    now: datetime.datetime,
) -> UUID:
    """Add an active agent, who can sign in from now on; return the id.

    Raises:
        AgentEmailTakenError: another agent has the address; the transaction must be rolled back.
    """
    agent_id, address = new_id(), normalise_email(email)
    facts = {
        "name": name,
        "email_digest": keyring.secret_digest(EMAIL_PURPOSE, address),
        "email_encrypted": keyring.encrypt(address.encode(), purpose=EMAIL_PURPOSE),
        "role": role,
        "state": "active",
        "created_at": now,
    }
    try:
        connection.execute(insert(AgentRow).values(authority_id=authority_id, agent_id=agent_id, **facts))
    except IntegrityError as error:
        if violates(error, "uq_agents_authority_id_email_digest"):
            raise AgentEmailTakenError from error
        raise
    return agent_id


def find_agent_by_email(connection: Connection, keyring: Keyring, *, authority_id: int, email: str) -> UUID | None:
    """Find the active agent with this address."""
    digest = keyring.secret_digest(EMAIL_PURPOSE, normalise_email(email))
    found: UUID | None = connection.scalar(FIND_BY_EMAIL, {"authority_id": authority_id, "email_digest": digest})
    return found


def list_agents(
    connection: Connection, keyring: Keyring, *, authority_id: int, after: tuple[UUID] | None = None, limit: int = 500
) -> list[Agent]:
    """List the authority's agents, blocked ones too, those first who were invited first, behind the id of ``after``."""
    values = {"authority_id": authority_id, "agent_id": None, "after": after[0] if after else None, "limit": limit}
    return [agent_of(keyring, row) for row in connection.execute(LIST, values).mappings()]


def get_agent(connection: Connection, keyring: Keyring, agent_id: UUID, *, authority_id: int) -> Agent:
    """Return an agent; raises ``AgentUnknownError``."""
    values = {"authority_id": authority_id, "agent_id": agent_id, "after": None, "limit": 1}
    row = connection.execute(LIST, values).mappings().one_or_none()
    if row is None:
        raise AgentUnknownError
    return agent_of(keyring, row)


def lock_agent(connection: Connection, agent_id: UUID, *, authority_id: int) -> None:
    """Take turns with everybody else who changes this agent or any admin, until the transaction ends."""
    connection.execute(LOCK, {"authority_id": authority_id, "agent_id": agent_id})


def change_agent(
    connection: Connection,
    agent_id: UUID,
    *,
    authority_id: int,
    name: str | None = None,
    role: Role | None = None,
    state: AgentState | None = None,
    now: datetime.datetime,
) -> None:
    """Change what is given of an agent. Blocking ends all of their sessions and programs' keys, for good.

    Raises:
        AgentUnknownError: the authority has no such agent.
        LastAdminError: there is no other active admin; nothing was changed.
    """
    lock_agent(connection, agent_id, authority_id=authority_id)
    values = {"authority_id": authority_id, "agent_id": agent_id, "name": name, "role": role, "state": state}
    if connection.execute(CHANGE, values).rowcount != 1:
        known = connection.execute(LIST, {**values, "after": None, "limit": 1}).first()
        raise AgentUnknownError if known is None else LastAdminError
    if state == "blocked":
        connection.execute(END_SESSIONS, {**values, "now": now})
        connection.execute(REVOKE_KEYS, {**values, "now": now})


def get_name_of_caller(connection: Connection, caller: Principal) -> str:
    """Return what an agent or a program is written down as, where somebody decides."""
    values = {"authority_id": caller.authority_id, "subject_id": caller.subject_id}
    name: str = connection.execute(GET_NAME, values).scalar_one()
    return name


def agent_of(keyring: Keyring, row: Any) -> Agent:
    """Return the agent a row tells of."""
    facts = dict(row)
    address = keyring.decrypt(bytes(facts.pop("email_encrypted")), purpose=EMAIL_PURPOSE).decode()
    return Agent(email=address, **facts)
