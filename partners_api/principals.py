"""Who calls: ``Authorization: Bearer`` turned into a principal, or refused. Looked up in the request's transaction."""

from flask import g, request

from partners_api.refusals import AudienceWrongError, CredentialsMissingError, CredentialsRefusedError
from partners_api.services import keyring, now
from partners_api.transactions import connection
from rewards.access import Audience, Principal, find_principal

SECURITY_SCHEMES: dict[Audience, str] = {
    "citizen": "A session's token, from POST /citizen/sessions.",
    "shop": "An API key of a shop's till, given by the authority.",
    "authority": "An API key of the authority's agents.",
}
"""What each audience shows, for the OpenAPI document; the scheme is named after the audience."""


def get_principal(audience: Audience) -> Principal:
    """Return who calls.

    Raises:
        CredentialsMissingError: no bearer token came with the request.
        CredentialsRefusedError: it is unknown, revoked or expired.
        AudienceWrongError: it is good, but for another part of the API.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise CredentialsMissingError
    principal = find_principal(connection(), keyring(), token=token.strip(), now=now())
    if principal is None:
        raise CredentialsRefusedError
    g.principal = principal
    if principal.audience != audience:
        raise AudienceWrongError
    return principal
