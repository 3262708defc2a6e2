"""Who calls: ``Authorization: Bearer`` turned into a principal, or refused. Looked up in the request's transaction."""

from flask import g, request

from partners_api.refusals import (
    AudienceWrongError,
    CredentialsMissingError,
    CredentialsRefusedError,
    RoleInsufficientError,
    ScopeMissingError,
)
from partners_api.services import keyring, now
from partners_api.transactions import connection_of_whoever_calls, serve_agents
from rewards.access import RANK, Audience, Operator, Principal, Role, Scope, find_principal

SECURITY_SCHEMES: dict[Audience, str] = {
    "citizen": "A session's token, from POST /citizen/sessions.",
    "shop": "An API key of a shop's till, given by the authority. It is good for the scopes it was made for.",
    "authority": "A session of an agent, from POST /authority/sessions, or an API key of a program. Its role is "
    "viewer, manager or admin; each may what the ones before may.",
    "operator": "A key of who runs the installation: `bontri operator-keys add`.",
}
"""What each audience shows, for the OpenAPI document; the scheme is named after the audience."""


def get_principal(audience: Audience, *, role: Role | None, scope: Scope | None) -> Principal | Operator:
    """Return who calls.

    Raises:
        CredentialsMissingError: no bearer token came with the request.
        CredentialsRefusedError: it is unknown, revoked or expired.
        AudienceWrongError: it is good, but for another part of the API.
        RoleInsufficientError: the agent's role is below ``role``.
        ScopeMissingError: the shop's key lacks ``scope``.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise CredentialsMissingError
    if audience in ("authority", "operator"):
        serve_agents()
    principal = find_principal(connection_of_whoever_calls(), keyring(), token=token.strip(), now=now())
    if principal is None:
        raise CredentialsRefusedError
    g.principal = principal
    if isinstance(principal, Operator):
        if audience != "operator":
            raise AudienceWrongError
        return principal
    if principal.audience != audience:
        raise AudienceWrongError
    if role is not None and RANK.get(principal.role, 0) < RANK[role]:
        raise RoleInsufficientError
    if scope is not None and scope not in principal.scopes:
        raise ScopeMissingError
    return principal
