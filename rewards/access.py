"""Who a bearer token speaks for. Tokens are ``{authority}.{random}``, shown once; only keyed digests are stored.

Rows rather than signed tokens, so that a session or key is refused from the moment it is revoked. How a citizen
comes by a session is in ``rewards/sign_ins.py``.
"""

import datetime
import secrets
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, insert, select, text, update

from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.schema import ApiKey, Authority

Audience = Literal["citizen", "shop", "authority"]

RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, for which authority.

    ``credential_id`` is the session or API key, ``subject_id`` the citizen or shop it stands for (for an agent of
    the authority the key itself); ``wallet_id`` is a citizen's alone.
    """

    audience: Audience
    authority_id: int
    authority: str
    timezone: str
    credential_id: UUID
    subject_id: UUID
    wallet_id: UUID | None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key just made; ``secret`` is stored nowhere and shown this once."""

    api_key_id: UUID
    secret: str


FIND_PRINCIPAL = text("""
    SELECT p.*, a.slug AS authority, a.timezone
      FROM (SELECT 'citizen' AS audience, s.authority_id, s.session_id AS credential_id, s.citizen_id AS subject_id,
                   c.wallet_id
              FROM sessions s
              JOIN citizens c ON c.authority_id = s.authority_id AND c.citizen_id = s.citizen_id
             WHERE s.authority_id = (SELECT authority_id FROM authorities WHERE slug = :slug)
               AND s.token_digest = :session_digest AND s.revoked_at IS NULL AND s.expires_at > :now
               AND c.state = 'active'
            UNION ALL
            SELECT k.audience, k.authority_id, k.api_key_id, COALESCE(k.shop_id, k.api_key_id), NULL
              FROM api_keys k
              LEFT JOIN shops s ON s.authority_id = k.authority_id AND s.shop_id = k.shop_id
             WHERE k.authority_id = (SELECT authority_id FROM authorities WHERE slug = :slug)
               AND k.secret_digest = :api_key_digest AND k.revoked_at IS NULL
               AND (k.shop_id IS NULL OR s.state = 'active')) AS p
      JOIN authorities a ON a.authority_id = p.authority_id
""")


def find_principal(connection: Connection, keyring: Keyring, *, token: str, now: datetime.datetime) -> Principal | None:
    """Find whom ``token`` speaks for; None when it is unknown, revoked or expired, or its citizen or shop is out."""
    slug, separator, _ = token.partition(".")
    if not separator or not token.isascii() or "\0" in slug:
        return None
    row = (
        connection.execute(
            FIND_PRINCIPAL,
            {
                "slug": slug,
                "session_digest": keyring.secret_digest("session", token),
                "api_key_digest": keyring.secret_digest("api_key", token),
                "now": now,
            },
        )
        .mappings()
        .first()
    )
    return Principal(**row) if row else None


def new_token(connection: Connection, *, authority_id: int) -> str:
    """Return a fresh ``{authority}.{random}`` of 256 random bits; stores nothing."""
    slug = connection.scalars(select(Authority.slug).where(Authority.authority_id == authority_id)).one()
    return f"{slug}.{secrets.token_urlsafe(RANDOM_BYTES)}"


def create_api_key(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    audience: Literal["shop", "authority"],
    label: str,
    shop_id: UUID | None = None,
    now: datetime.datetime,
) -> NewApiKey:
    """Make a key for a shop's till (with ``shop_id``) or for the authority's agents (without)."""
    key = NewApiKey(new_id(), new_token(connection, authority_id=authority_id))
    connection.execute(
        insert(ApiKey).values(
            authority_id=authority_id,
            api_key_id=key.api_key_id,
            audience=audience,
            shop_id=shop_id,
            secret_digest=keyring.secret_digest("api_key", key.secret),
            label=label,
            created_at=now,
        )
    )
    return key


def revoke_api_key(connection: Connection, *, authority_id: int, api_key_id: UUID, now: datetime.datetime) -> bool:
    """Refuse a key from now on; return False when there was nothing left to revoke."""
    result = connection.execute(
        update(ApiKey)
        .where(ApiKey.authority_id == authority_id, ApiKey.api_key_id == api_key_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return result.rowcount == 1
