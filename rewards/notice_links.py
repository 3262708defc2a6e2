"""The token in a notice by which its reader switches notices off without signing in (RFC 8058), and nothing else.

It names the citizen, encrypted, so that nobody can make one; nothing is stored for it.
"""

import base64
import binascii
from uuid import UUID

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection

from rewards.keyring import Keyring
from rewards.letter_wishes import change_letter_wishes
from rewards.tenancy import enter_tenant_by_slug

PURPOSE = "notices-off"


def make_notices_token(keyring: Keyring, *, slug: str, citizen_id: UUID) -> str:
    """Return the token of a citizen: ``{authority}.{59 characters fit for an address}``."""
    sealed = keyring.encrypt(citizen_id.bytes, purpose=f"{PURPOSE}\n{slug}")
    return f"{slug}.{base64.urlsafe_b64encode(sealed).rstrip(b'=').decode()}"


def switch_notices_off(connection: Connection, keyring: Keyring, token: str) -> bool:
    """Switch the notices of a token's citizen off; return False when it is no token. Safe to repeat."""
    slug, _, sealed = token.partition(".")
    try:
        found = base64.urlsafe_b64decode(sealed.encode("ascii") + b"=" * (-len(sealed) % 4))
        citizen_id = UUID(bytes=keyring.decrypt(found, purpose=f"{PURPOSE}\n{slug}"))
    except (ValueError, binascii.Error, InvalidTag):
        return False
    authority_id = enter_tenant_by_slug(connection, slug)
    if authority_id is None:
        return False
    change_letter_wishes(connection, authority_id=authority_id, citizen_id=citizen_id, wants_notices=False)
    return True
