"""Which authority an operator's call is about: named in its path, and the only one it reads or changes."""

from partners_api.refusals import AuthorityUnknownError
from partners_api.texts import SLUG
from partners_api.transactions import connection
from rewards.fleet.owners import Owner
from rewards.fleet.provisioning import BIN_ID
from rewards.fleet.refusals import BinMissingError
from rewards.quarantine import NO_AUTHORITY
from rewards.tenancy import enter_tenant, enter_tenant_by_slug

NONE_OF_OURS = "0"
"""Names the quarantine of what belongs to no authority; no slug is as short."""


def get_tenant(slug: str) -> Owner:
    """Return the authority a path names, and work for it alone from now on.

    Every operation below ``/operator/authorities/{slug}`` begins with it.

    Raises:
        AuthorityUnknownError: there is none.
    """
    if not SLUG.whole.fullmatch(slug):
        raise AuthorityUnknownError
    authority_id = enter_tenant_by_slug(connection(), slug)
    if authority_id is None:
        raise AuthorityUnknownError
    return Owner(authority_id, slug)


def get_holder(slug: str) -> Owner:
    """Return whose quarantine a path names: an authority's, or with ``0`` that of messages that name none of ours.

    Raises:
        AuthorityUnknownError: there is none.
    """
    if slug != NONE_OF_OURS:
        return get_tenant(slug)
    enter_tenant(connection(), authority_id=NO_AUTHORITY)
    return Owner(NO_AUTHORITY, slug)


def bin_named(bin_id: str) -> str:
    """Return the id of a bin as a path has it.

    Raises:
        BinMissingError: no bin can be called so.
    """
    if not BIN_ID.fullmatch(bin_id):
        raise BinMissingError(bin_id)
    return bin_id
