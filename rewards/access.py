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
from rewards.pipelining import fetch_rows
from rewards.schema.territory import Authority
from rewards.tenancy import note_entering

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
    shop's. ``used_on`` is the last day the session was noted as used, None for a key.
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
    used_on: datetime.date | None

    @property
    def is_agent(self) -> bool:
        """Whether a person of the authority calls, rather than a program of it."""
        return self.audience == "authority" and self.subject_id != self.credential_id


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the installation, calling with a key; belongs to no authority."""

    credential_id: UUID
    label: str
    authority_id: None = None


# The connection works for the authority a token names before anything of that authority is looked at, and for none when
# there is no such authority: row-level security shows it no more. MATERIALIZED and OFFSET 0 keep this order.
FIND_PRINCIPAL = text("""
    WITH asked AS MATERIALIZED (
        SELECT a.authority_id, a.slug, a.timezone,
               set_config('bontri.authority_id', CAST(a.authority_id AS text), false) AS works_for
          FROM (VALUES (1)) AS always LEFT JOIN authorities a ON a.slug = :slug)
    SELECT p.*, a.slug AS authority, a.timezone
      FROM asked a
     CROSS JOIN LATERAL (
            SELECT 'citizen' AS audience, s.authority_id, s.session_id AS credential_id, s.citizen_id AS subject_id,
                   c.wallet_id, NULL AS role, CAST(NULL AS text[]) AS scopes, s.used_on
              FROM sessions s
              JOIN citizens c ON c.authority_id = s.authority_id AND c.citizen_id = s.citizen_id
             WHERE s.authority_id = a.authority_id
               AND s.token_digest = :session_digest AND s.revoked_at IS NULL AND s.expires_at > :now
               AND c.state = 'active'
            UNION ALL
            SELECT 'authority', s.authority_id, s.session_id, s.agent_id, NULL, g.role, NULL, s.used_on
              FROM sessions s
              JOIN agents g ON g.authority_id = s.authority_id AND g.agent_id = s.agent_id
             WHERE s.authority_id = a.authority_id
               AND s.token_digest = :session_digest AND s.revoked_at IS NULL AND s.expires_at > :now
               AND s.idle_until > :now AND g.state = 'active'
            UNION ALL
            SELECT k.audience, k.authority_id, k.api_key_id, COALESCE(k.shop_id, k.api_key_id), NULL, k.role, k.scopes,
                   NULL
              FROM api_keys k
              LEFT JOIN shops s ON s.authority_id = k.authority_id AND s.shop_id = k.shop_id
             WHERE k.authority_id = a.authority_id
               AND k.secret_digest = :api_key_digest AND k.revoked_at IS NULL
               AND (k.expires_at IS NULL OR k.expires_at > :now) AND (k.shop_id IS NULL OR s.state = 'active')
            OFFSET 0) AS p
""")


FIND_OPERATOR = text("""
    SELECT operator_key_id, label, set_config('bontri.authority_id', '', false) AS works_for FROM operator_keys
     WHERE secret_digest = :digest AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
""")


def find_principal(
    connection: Connection, keyring: Keyring, *, token: str, now: datetime.datetime
) -> Principal | Operator | None:
    """Find whom ``token`` speaks for; None when it is unknown, revoked or expired, or its citizen or shop is out.

    From then on the connection works for the authority that ``token`` names; for none with an operator's.
    """
    slug, separator, _ = token.partition(".")
    if not separator or not token.isascii() or "\0" in slug:
        # Of no authority. Executed nevertheless: the connection must not go on working for whoever called last.
        slug = token = ""
    note_entering(connection)
    if slug == OPERATOR:
        values = {"digest": keyring.secret_digest("operator_key", token), "now": now}
        found = connection.execute(FIND_OPERATOR, values).one_or_none()
        return Operator(found.operator_key_id, found.label) if found else None
    values = {
        "slug": slug,
        "session_digest": keyring.secret_digest("session", token),
        "api_key_digest": keyring.secret_digest("api_key", token),
        "now": now,
    }
    for row in fetch_rows(connection, FIND_PRINCIPAL, values):
        audience, authority_id, credential_id, subject_id, wallet_id, role, scopes, used_on, authority, timezone = row
        return Principal(
            audience,
            authority_id,
            authority,
            timezone,
            credential_id,
            subject_id,
            wallet_id,
            role,
            scopes or (),
            used_on,
        )
    return None


def new_token(connection: Connection, *, authority_id: int) -> str:
    """Return a fresh ``{authority}.{random}`` of 256 random bits; stores nothing."""
    slug = connection.scalars(select(Authority.slug).where(Authority.authority_id == authority_id)).one()
    return f"{slug}.{secrets.token_urlsafe(RANDOM_BYTES)}"
