"""Who a bearer token speaks for. Tokens are ``{authority}.{random}``, shown once; only keyed digests are stored.

Rows rather than signed tokens, so that a session or key is refused from the moment it is revoked. How a citizen or
an agent comes by a session is in ``rewards/sign_ins.py``, how programs come by keys in ``rewards/api_keys.py``.
Operators are above authorities: their tokens begin with ``operator``, which no authority may be called.
"""

import datetime
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, select, text

from rewards.keyring import Keyring
from rewards.schema import Authority

Audience = Literal["citizen", "shop", "authority", "operator"]
Role = Literal["viewer", "manager", "admin"]
Scope = Literal["redeem", "offers", "statements", "staff"]
RANK: dict[str | None, int] = {"viewer": 1, "manager": 2, "admin": 3}
"""Roles of agents by what they may do: each may what those before it may."""

OPERATOR = "operator"
RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, for which authority.

    ``credential_id`` is the session or key, ``subject_id`` the citizen, shop or agent it stands for (for a program of
    the authority the key itself). ``wallet_id`` is a citizen's alone, ``role`` an agent's or program's, ``scopes`` a
    shop's.
    """

    audience: Audience
    authority_id: int
    authority: str
    timezone: str
    credential_id: UUID
    subject_id: UUID
    wallet_id: UUID | None
    role: Role | None
    scopes: Collection[Scope]


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the installation, calling with a key; belongs to no authority."""

    credential_id: UUID
    label: str
    authority_id: None = None


FIND_PRINCIPAL = text("""
    SELECT p.*, a.slug AS authority, a.timezone
      FROM (SELECT 'citizen' AS audience, s.authority_id, s.session_id AS credential_id, s.citizen_id AS subject_id,
                   c.wallet_id, NULL AS role, CAST(NULL AS text[]) AS scopes
              FROM sessions s
              JOIN citizens c ON c.authority_id = s.authority_id AND c.citizen_id = s.citizen_id
             WHERE s.authority_id = (SELECT authority_id FROM authorities WHERE slug = :slug)
               AND s.token_digest = :session_digest AND s.revoked_at IS NULL AND s.expires_at > :now
               AND c.state = 'active'
            UNION ALL
            SELECT 'authority', s.authority_id, s.session_id, s.agent_id, NULL, a.role, NULL
              FROM sessions s
              JOIN agents a ON a.authority_id = s.authority_id AND a.agent_id = s.agent_id
             WHERE s.authority_id = (SELECT authority_id FROM authorities WHERE slug = :slug)
               AND s.token_digest = :session_digest AND s.revoked_at IS NULL AND s.expires_at > :now
               AND a.state = 'active'
            UNION ALL
            SELECT k.audience, k.authority_id, k.api_key_id, COALESCE(k.shop_id, k.api_key_id), NULL, k.role, k.scopes
              FROM api_keys k
              LEFT JOIN shops s ON s.authority_id = k.authority_id AND s.shop_id = k.shop_id
             WHERE k.authority_id = (SELECT authority_id FROM authorities WHERE slug = :slug)
               AND k.secret_digest = :api_key_digest AND k.revoked_at IS NULL
               AND (k.expires_at IS NULL OR k.expires_at > :now) AND (k.shop_id IS NULL OR s.state = 'active')) AS p
      JOIN authorities a ON a.authority_id = p.authority_id
""")


FIND_OPERATOR = text("""
    SELECT operator_key_id, label FROM operator_keys
     WHERE secret_digest = :digest AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
""")


def find_principal(
    connection: Connection, keyring: Keyring, *, token: str, now: datetime.datetime
) -> Principal | Operator | None:
    """Find whom ``token`` speaks for; None when it is unknown, revoked or expired, or its citizen or shop is out."""
    slug, separator, _ = token.partition(".")
    if not separator or not token.isascii() or "\0" in slug:
        return None
    if slug == OPERATOR:
        values = {"digest": keyring.secret_digest("operator_key", token), "now": now}
        found = connection.execute(FIND_OPERATOR, values).one_or_none()
        return Operator(*found) if found else None
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
    return Principal(**{**row, "scopes": row["scopes"] or ()}) if row else None


def new_token(connection: Connection, *, authority_id: int) -> str:
    """Return a fresh ``{authority}.{random}`` of 256 random bits; stores nothing."""
    slug = connection.scalars(select(Authority.slug).where(Authority.authority_id == authority_id)).one()
    return f"{slug}.{secrets.token_urlsafe(RANDOM_BYTES)}"
