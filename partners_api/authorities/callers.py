"""Who of the authority calls, as the domain wants to know it."""

from typing import Any

from partners_api.refusals import AgentRequiredError
from partners_api.transactions import connection
from rewards.access import Principal
from rewards.agents import get_name_of_caller


def tenant_of(caller: Principal) -> dict[str, Any]:
    """Return whose things a call is about."""
    return {"authority_id": caller.authority_id}


def name_of(caller: Principal) -> str:
    """Return what the caller is written down as."""
    return get_name_of_caller(connection(), caller)


def require_agent(caller: Principal) -> None:
    """Raise unless a person calls.

    Raises:
        AgentRequiredError: it is a program.
    """
    if not caller.is_agent:
        raise AgentRequiredError
