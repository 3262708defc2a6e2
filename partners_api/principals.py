"""Who calls: ``Authorization: Bearer``, or the cookie of a browser, turned into a principal, or refused.

Looked up in the request's transaction.
"""

from flask import g, request

from partners_api.cookies import find_cookie_token, require_own_origin
from partners_api.rates import spend_of_address, spend_of_caller
from partners_api.refusals import (
    AudienceWrongError,
    CredentialsMissingError,
    CredentialsRefusedError,
    CrossSiteRequestError,
    RoleInsufficientError,
    ScopeMissingError,
)
from partners_api.services import keyring, now
from partners_api.transactions import connection, connection_of_whoever_calls, serve_agents
from rewards.access import RANK, Audience, Operator, Principal, Role, Scope, find_principal
from rewards.sessions import keep_awake, note_use

SECURITY_SCHEMES: dict[Audience, str] = {
    "citizen": "A session's token, from POST /citizen/sessions.",
    "shop": "An API key of a shop's till, given by the authority. It is good for the scopes it was made for.",
    "authority": "A session of an agent, from POST /authority/sessions, as a bearer token or in the cookie "
    "`__Host-bontri`, or an API key of a program. Its role is viewer, manager or admin; each may what the ones before "
    "may. With the cookie, what changes something needs an `Origin` of this host (`cross_site_refused`).",
    "operator": "A key of who runs the installation: `bontri operator-keys add`.",
}
"""What each audience shows, for the OpenAPI document; the scheme is named after the audience."""


def get_principal(audience: Audience, *, role: Role | None, scope: Scope | None) -> Principal | Operator:
    """Return who calls.

    Raises:
        CredentialsMissingError: no bearer token came with the request, and no cookie.
        CrossSiteRequestError: a cookie came, with a request of another site.
        CredentialsRefusedError: it is unknown, revoked or expired.
        AudienceWrongError: it is good, but for another part of the API.
        RoleInsufficientError: the agent's role is below ``role``.
        ScopeMissingError: the shop's key lacks ``scope``.
        RateLimitedError: the caller, or without a good token its address, has called too often.
    """
    token = get_token(audience)
    if audience in ("authority", "operator"):
        serve_agents()
    principal = find_principal(connection_of_whoever_calls(), keyring(), token=token, now=now())
    if principal is None:
        spend_of_address()
        raise CredentialsRefusedError
    g.principal = principal
    spend_of_caller(principal)
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
    if principal.used_on is not None and principal.used_on < now().date():
        note_use(
            connection(),
            authority_id=principal.authority_id,
            session_id=principal.credential_id,
            today=now().date(),
        )
    if principal.is_agent:
        keep_awake(connection(), authority_id=principal.authority_id, session_id=principal.credential_id, now=now())
    return principal


def get_token(audience: Audience) -> str:
    """Return the token that came with the request; only agents use pages, hence a cookie.

    A proxy in front may ask for a password of its own, which browsers send with every request: it is none of ours.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    found = find_cookie_token() if audience == "authority" and scheme.lower() in ("", "basic") else None
    if found is None:
        spend_of_address()
        raise CredentialsMissingError
    try:
        require_own_origin()
    except CrossSiteRequestError:
        # Nobody has looked at the token yet: whoever makes one up is nobody in particular.
        spend_of_address()
        raise
    return found
