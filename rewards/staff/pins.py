"""What is kept of a PIN: scrypt, salted, of a keyed digest.

Six digits are a million guesses. A dump of the database alone gives none of them away, since the key is not in it; who
has the key too is slowed down by scrypt; who tries at the till has five tries (``proving.py``).
Source: docs/decisions/0039-shops-help-themselves.md.
"""

import hashlib
import hmac
import os
from uuid import UUID

from rewards.keyring import Keyring

SALT_BYTES = 16
COST = {"n": 2**14, "r": 8, "p": 1, "maxmem": 2**25, "dklen": 32}
"""16 MiB and some 50 ms of one core (RFC 7914, the cost it gives for signing in); threads work on meanwhile."""


def digest_pin(keyring: Keyring, pin: str, *, staff_id: UUID) -> bytes:
    """Return what to keep of a PIN: a fresh salt, and the digest behind it."""
    return digest_with(os.urandom(SALT_BYTES), keyring, pin, staff_id=staff_id)


def is_pin(keyring: Keyring, pin: str, digest: bytes, *, staff_id: UUID) -> bool:
    """Tell whether ``digest`` was made of this PIN, of the same person."""
    return hmac.compare_digest(digest, digest_with(digest[:SALT_BYTES], keyring, pin, staff_id=staff_id))


def digest_with(salt: bytes, keyring: Keyring, pin: str, *, staff_id: UUID) -> bytes:
    """Return salt and digest."""
    return salt + hashlib.scrypt(keyring.secret_digest(f"staff-pin {staff_id}", pin), salt=salt, **COST)
