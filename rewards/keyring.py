"""The secrets that live outside the database, and everything derived from them.

The database holds digests and ciphertext only: whoever has a dump has neither a badge, an address, a code nor a
bin's key. Three secrets: the master key (bins' keys and broker passwords), the badge pepper, the storage key
(what is stored encrypted or looked up by digest).
"""

import hashlib
import hmac
import os
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
SHA256_BLOCK_BYTES = 64

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Base 32 without I, L, O and U: read aloud and typed without look-alikes."""

LOOK_ALIKES = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})
"""What is forgiven in a code typed by hand: look-alikes, hyphens, blanks."""


@lru_cache(maxsize=50_000)
def derive_bin_key(master_key: bytes, name: str) -> bytes:
    """Derive the key a name stands for; remembered, since a busy bin's key is wanted twice for each message."""
    return hmac.digest(master_key, name.encode(), "sha256")


class StartedMac(NamedTuple):
    """The two hashes of HMAC-SHA256 (RFC 2104) under one key, with no message yet; to be copied for each."""

    inner: "hashlib._Hash"
    outer: "hashlib._Hash"


@lru_cache(maxsize=20_000)
def start_mac(key: bytes) -> StartedMac:
    """Return what every HMAC-SHA256 under ``key`` begins with; for keys of at most a block, 64 bytes."""
    if len(key) > SHA256_BLOCK_BYTES:
        raise ValueError("a longer key is hashed first, and no key here is")
    padded = key.ljust(SHA256_BLOCK_BYTES, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C))
    return StartedMac(inner, outer)


def compute_mac(key: bytes, message: bytes) -> bytes:
    """Return HMAC-SHA256 of ``message``; for keys that come again and again twice as fast as :func:`hmac.digest`."""
    started = start_mac(key)
    inner, outer = started.inner.copy(), started.outer.copy()
    inner.update(message)
    outer.update(inner.digest())
    return outer.digest()


@lru_cache(maxsize=8)
def start_content_digest(key: bytes) -> "hashlib.blake2b":
    """Return what every content digest under ``key`` begins with; to be copied for each."""
    return hashlib.blake2b(key=key[:64], digest_size=16)


@lru_cache(maxsize=20_000)
def derive_badge_digest(pepper: bytes, authority_id: int, badge: str) -> bytes:
    """Derive the digest of a badge; remembered, since those who sort come again. In memory only, as messages are."""
    return hmac.digest(pepper, f"{authority_id}\n{badge}".encode(), "sha256")


class FormerBadge(NamedTuple):
    """What a badge was stored as under the pepper before, and the number of the one it is to be stored under."""

    digest: bytes
    pepper_no: int


@dataclass(frozen=True, slots=True)
class Keyring:
    """Secrets of one installation, each at least 32 bytes; never printed.

    While a pepper or the encryption key is rotated there are two: what is stored under the old one is still found, and
    stored anew under the other, whose number stands beside it. Encryption key 1 is derived from the storage key.
    """

    master_key: bytes = field(repr=False)
    badge_pepper: bytes = field(repr=False)
    storage_key: bytes = field(repr=False)
    badge_pepper_no: int = 1
    old_badge_pepper: bytes | None = field(default=None, repr=False)
    encryption_key: bytes | None = field(default=None, repr=False)
    encryption_key_no: int = 1
    old_encryption_key: bytes | None = field(default=None, repr=False)

    def bin_key(self, *, authority: str, bin_id: str, key_number: int) -> bytes:
        """Return key ``key_number`` of a bin, 32 bytes (bin-protocol.md, "A message is two lines")."""
        return derive_bin_key(self.master_key, f"{authority}|{bin_id}|{key_number}")

    def broker_password(self, *, username: str) -> str:
        """Return the password of a bin or worker at the broker; derived, so that it is stored nowhere."""
        return hmac.digest(self.master_key, f"broker-password\n{username}".encode(), "sha256").hex()

    def share_group(self) -> str:
        """Return the name of the workers' group at the broker, which nobody can guess: whoever knows it may join."""
        return hmac.digest(self.master_key, b"share-group", "sha256").hex()[:32]

    def badge_digest(self, *, authority_id: int, badge: str) -> bytes:
        """Return what a badge is stored as; the same card in two authorities has two digests."""
        return derive_badge_digest(self.badge_pepper, authority_id, badge)

    def former_badge(self, *, authority_id: int, badge: str) -> FormerBadge | None:
        """Return what a badge may still be stored as; None unless the pepper is being rotated."""
        if self.old_badge_pepper is None:
            return None
        return FormerBadge(derive_badge_digest(self.old_badge_pepper, authority_id, badge), self.badge_pepper_no)

    def badge_digests(self, *, authority_id: int, badge: str) -> list[bytes]:
        """Return all that a badge may be stored as."""
        former = self.former_badge(authority_id=authority_id, badge=badge)
        digest = self.badge_digest(authority_id=authority_id, badge=badge)
        return [digest] if former is None else [digest, former.digest]

    def content_digest(self, content: bytes) -> bytes:
        """Return 16 bytes that tell two contents apart; keyed, since contents hold badges."""
        started = start_content_digest(self.storage_key).copy()
        started.update(content)
        return started.digest()

    def secret_digest(self, purpose: str, secret: str) -> bytes:
        """Return what a token, code or address is looked up by; ``purpose`` keeps the kinds apart."""
        return hmac.digest(self.storage_key, f"{purpose}\n{secret}".encode(), "sha256")

    def voucher_code(self, voucher_id: UUID) -> str:
        """Return the 128-bit code of a voucher, 26 characters of Crockford's base 32.

        Derived, so that its owner can be shown it again while the database holds only its digest.
        """
        number = int.from_bytes(hmac.digest(self.storage_key, f"voucher-code\n{voucher_id}".encode(), "sha256")[:16])
        return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))

    def encrypt(self, plaintext: bytes, *, purpose: str) -> bytes:
        """Return ``plaintext`` under AES-256-GCM with a fresh nonce in front; bound to ``purpose``."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._ciphers()[self.encryption_key_no].encrypt(nonce, plaintext, purpose.encode())

    def decrypt(self, ciphertext: bytes, *, purpose: str) -> bytes:
        """Return what :meth:`encrypt` was given.

        Raises:
            cryptography.exceptions.InvalidTag: another key, another purpose, or changed bytes.
        """
        return self.unseal(ciphertext, purpose=purpose)[1]

    def unseal(self, ciphertext: bytes, *, purpose: str) -> tuple[int, bytes]:
        """Return the number of the key that ``ciphertext`` stands under, and what :meth:`encrypt` was given.

        Raises:
            cryptography.exceptions.InvalidTag: another key, another purpose, or changed bytes.
        """
        *newer, oldest = self._ciphers().items()
        for number, cipher in newer:
            # The tag tells for sure whether this was the key.
            with suppress(InvalidTag):
                return number, cipher.decrypt(ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:], purpose.encode())
        number, cipher = oldest
        return number, cipher.decrypt(ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:], purpose.encode())

    def list_encryption_key_nos(self) -> list[int]:
        """List the numbers of the keys that are given, the one in force first."""
        return list(self._ciphers())

    def _ciphers(self) -> dict[int, AESGCM]:
        """Return the cipher in force, then those before it, by the number of their key."""
        keys = {self.encryption_key_no: self.encryption_key, self.encryption_key_no - 1: self.old_encryption_key}
        given = {number: key for number, key in keys.items() if key is not None}
        return {
            number: AESGCM(hmac.digest(key, b"encryption", "sha256"))
            for number, key in {**given, 1: self.storage_key}.items()
        }
