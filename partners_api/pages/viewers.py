"""Who looks at a page, with what every page shows of them. Read in the request's transaction, kept for error pages."""

from dataclasses import dataclass

from flask import g

from partners_api.transactions import connection
from rewards.access import Principal
from rewards.agents import get_name_of_caller
from rewards.territory import AuthorityFacts, get_authority_facts


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person of an authority, by name, and the authority."""

    caller: Principal
    name: str
    authority: AuthorityFacts


def meet(caller: Principal) -> Viewer:
    """Read who looks."""
    name = get_name_of_caller(connection(), caller)
    g.viewer = viewer = Viewer(caller, name, get_authority_facts(connection(), authority_id=caller.authority_id))
    return viewer


def find_viewer() -> Viewer | None:
    """Find who looks; None where nobody signed in, or before it is known."""
    found: Viewer | None = g.get("viewer")
    return found
