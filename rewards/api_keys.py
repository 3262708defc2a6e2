"""Keys of shops' tills, of an authority's programs, and of operators: made, listed, replaced, revoked.

A secret is shown once; only its keyed digest is stored. Replacing a key leaves the old one good for ``OVERLAP``.
"""

import datetime
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, insert, text, update

from rewards.access import OPERATOR, RANDOM_BYTES, Role, Scope, new_token
from rewards.errors import RewardsError
from rewards.ids import new_id
from rewards.keyring import Keyring
from rewards.schema.access import SCOPES, ApiKey, OperatorKey

KeyAudience = Literal["shop", "authority"]

OVERLAP = datetime.timedelta(days=7)
"""How long a replaced key goes on unless told otherwise."""

KEYS = """
    SELECT k.api_key_id, k.audience, k.shop_id, s.name AS shop, k.role, k.scopes, k.label, k.created_at, k.expires_at,
           k.revoked_at, k.made_by_agent_id
      FROM api_keys k
      LEFT JOIN shops s ON s.authority_id = k.authority_id AND s.shop_id = k.shop_id
     WHERE k.authority_id = :authority_id
       AND (CAST(:audience AS text) IS NULL OR k.audience = CAST(:audience AS text))
       AND (CAST(:shop_id AS uuid) IS NULL OR k.shop_id = CAST(:shop_id AS uuid))
"""
LIST = text(f"""
    {KEYS} AND (CAST(:after AS uuid) IS NULL OR k.api_key_id < CAST(:after AS uuid))
     ORDER BY k.api_key_id DESC LIMIT :limit
""")
GET = text(f"{KEYS} AND k.api_key_id = :api_key_id")
# The one that is replaced must be good, and is replaced once: its own end decides.
REPLACE = text("""
    UPDATE api_keys SET expires_at = :until
     WHERE authority_id = :authority_id AND api_key_id = :api_key_id AND revoked_at IS NULL AND expires_at IS NULL
       AND (CAST(:shop_id AS uuid) IS NULL OR shop_id = CAST(:shop_id AS uuid))
       AND (CAST(:audience AS text) IS NULL OR audience = CAST(:audience AS text))
       AND (CAST(:within AS text[]) IS NULL OR scopes <@ CAST(:within AS text[]))
    RETURNING audience, shop_id, role, scopes, label
""")


LIST_OPERATOR_KEYS = text("""
    SELECT operator_key_id, label, created_at, expires_at, revoked_at FROM operator_keys
     WHERE (CAST(:after AS uuid) IS NULL OR operator_key_id < CAST(:after AS uuid))
     ORDER BY operator_key_id DESC LIMIT :limit
""")
REPLACE_OPERATOR_KEY = text("""
    UPDATE operator_keys SET expires_at = :until
     WHERE operator_key_id = :operator_key_id AND revoked_at IS NULL AND expires_at IS NULL
    RETURNING label
""")


class ApiKeyUnknownError(RewardsError):
    """There is no such key, or it has ended already."""

    code = "api_key_unknown"


class ApiKeyScopesError(RewardsError):
    """A key cannot make one that is good for more than itself."""

    code = "api_key_scopes_exceeded"


class ApiKeyEndingError(RewardsError):
    """A key that is being replaced makes none any more, or who has the old one would never lose it."""

    code = "api_key_ending"


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key just made; ``secret`` is stored nowhere and shown this once."""

    api_key_id: UUID
    secret: str


@dataclass(frozen=True, slots=True)
class ListedApiKey:
    """What is known of a key without its secret."""

    api_key_id: UUID
    audience: KeyAudience
    shop_id: UUID | None
    shop: str | None
    role: Role | None
    scopes: Collection[Scope] | None
    label: str
    created_at: datetime.datetime
    expires_at: datetime.datetime | None
    revoked_at: datetime.datetime | None
    made_by_agent_id: UUID | None


@dataclass(frozen=True, slots=True)
class OperatorKeyFacts:
    """What is known of an operator's key without its secret."""

    operator_key_id: UUID
    label: str
    created_at: datetime.datetime
    expires_at: datetime.datetime | None
    revoked_at: datetime.datetime | None


def create_api_key(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    audience: KeyAudience,
    label: str,
    shop_id: UUID | None = None,
    role: Role | None = None,
    scopes: Collection[str] | None = None,
    made_with: UUID | None = None,
    made_by_agent_id: UUID | None = None,
    now: datetime.datetime,
) -> NewApiKey:
    """Make a key for a shop's till (with ``shop_id``; every scope unless told) or a program of the authority.

    A program may what an ``admin`` may unless ``role`` says less. ``made_with`` is the key that makes it, if one does:
    behind both is the same agent.

    Raises:
        ApiKeyEndingError: that key ends itself.
        ApiKeyScopesError: it would be good for more than that key.
    """
    maker = None if made_with is None else get_maker(connection, made_with, authority_id=authority_id)
    if maker is not None and maker.scopes is not None and not set(scopes or SCOPES) <= set(maker.scopes):
        raise ApiKeyScopesError
    key = NewApiKey(new_id(), new_token(connection, authority_id=authority_id))
    connection.execute(
        insert(ApiKey).values(
            authority_id=authority_id,
            api_key_id=key.api_key_id,
            audience=audience,
            shop_id=shop_id,
            role=(role or "admin") if audience == "authority" else None,
            scopes=sorted(set(scopes or SCOPES)) if audience == "shop" else None,
            secret_digest=keyring.secret_digest("api_key", key.secret),
            label=label,
            created_at=now,
            made_by_agent_id=made_by_agent_id if maker is None else maker.made_by_agent_id,
        )
    )
    return key


def list_api_keys(
    connection: Connection,
    *,
    authority_id: int,
    shop_id: UUID | None = None,
    audience: KeyAudience | None = None,
    after: tuple[UUID] | None = None,
    limit: int = 50,
) -> list[ListedApiKey]:
    """List keys of the authority and its shops, or of one shop or audience, newest first, ended ones
    too, behind the id of ``after``."""
    values = {"authority_id": authority_id, "shop_id": shop_id, "audience": audience}
    values |= {"after": after[0] if after else None, "limit": limit}
    return [ListedApiKey(*row) for row in connection.execute(LIST, values)]


def get_api_key(
    connection: Connection,
    api_key_id: UUID,
    *,
    authority_id: int,
    shop_id: UUID | None = None,
    audience: KeyAudience | None = None,
) -> ListedApiKey:
    """Return what is known of a key, ended or not; with ``shop_id`` or ``audience`` only of such a one.

    Raises:
        ApiKeyUnknownError: there is no such key.
    """
    values = {"authority_id": authority_id, "api_key_id": api_key_id, "shop_id": shop_id, "audience": audience}
    row = connection.execute(GET, values).one_or_none()
    if row is None:
        raise ApiKeyUnknownError
    return ListedApiKey(*row)


def replace_api_key(
    connection: Connection,
    keyring: Keyring,
    *,
    authority_id: int,
    api_key_id: UUID,
    shop_id: UUID | None = None,
    audience: KeyAudience | None = None,
    overlap: datetime.timedelta = OVERLAP,
    made_with: UUID | None = None,
    made_by_agent_id: UUID | None = None,
    now: datetime.datetime,
) -> NewApiKey:
    """Make a key like another, which ends after ``overlap``; with ``shop_id`` or ``audience`` only such a one.

    ``made_with`` is the key that asks for it, if one does.

    Raises:
        ApiKeyEndingError: that key ends itself.
        ApiKeyUnknownError: there is no such key, or it has ended or is being replaced already.
        ApiKeyScopesError: it is good for more than ``made_with``.
    """
    maker = None if made_with is None else get_maker(connection, made_with, authority_id=authority_id)
    values = {
        "authority_id": authority_id,
        "api_key_id": api_key_id,
        "shop_id": shop_id,
        "audience": audience,
        "within": None if maker is None or maker.scopes is None else list(maker.scopes),
        "until": now + overlap,
    }
    old = connection.execute(REPLACE, values).mappings().one_or_none()
    if old is None:
        found = get_api_key(connection, api_key_id, authority_id=authority_id, shop_id=shop_id, audience=audience)
        is_good = found.revoked_at is None and found.expires_at is None
        raise ApiKeyScopesError if is_good else ApiKeyUnknownError
    behind = made_by_agent_id if maker is None else maker.made_by_agent_id
    return create_api_key(connection, keyring, authority_id=authority_id, **old, made_by_agent_id=behind, now=now)


def get_maker(connection: Connection, api_key_id: UUID, *, authority_id: int) -> ListedApiKey:
    """Return a key that is to make another; raises ``ApiKeyEndingError``."""
    maker = get_api_key(connection, api_key_id, authority_id=authority_id)
    if maker.expires_at is not None:
        raise ApiKeyEndingError
    return maker


def revoke_api_key(
    connection: Connection,
    *,
    authority_id: int,
    api_key_id: UUID,
    shop_id: UUID | None = None,
    audience: KeyAudience | None = None,
    now: datetime.datetime,
) -> bool:
    """Refuse a key from now on; return False when there was nothing left to revoke."""
    revoke = update(ApiKey).where(
        ApiKey.authority_id == authority_id, ApiKey.api_key_id == api_key_id, ApiKey.revoked_at.is_(None)
    )
    if shop_id is not None:
        revoke = revoke.where(ApiKey.shop_id == shop_id)
    if audience is not None:
        revoke = revoke.where(ApiKey.audience == audience)
    return connection.execute(revoke.values(revoked_at=now)).rowcount == 1


def create_operator_key(connection: Connection, keyring: Keyring, *, label: str, now: datetime.datetime) -> NewApiKey:
    """Make a key for who runs the installation."""
    key = NewApiKey(new_id(), f"{OPERATOR}.{secrets.token_urlsafe(RANDOM_BYTES)}")
    connection.execute(
        insert(OperatorKey).values(
            operator_key_id=key.api_key_id,
            secret_digest=keyring.secret_digest("operator_key", key.secret),
            label=label,
            created_at=now,
        )
    )
    return key


def list_operator_keys(
    connection: Connection, *, after: tuple[UUID] | None = None, limit: int = 50
) -> list[OperatorKeyFacts]:
    """List operators' keys, newest first, ended ones too, behind the id of ``after``."""
    rows = connection.execute(LIST_OPERATOR_KEYS, {"after": after[0] if after else None, "limit": limit})
    return [OperatorKeyFacts(*row) for row in rows]


def replace_operator_key(
    connection: Connection,
    keyring: Keyring,
    *,
    operator_key_id: UUID,
    overlap: datetime.timedelta = OVERLAP,
    now: datetime.datetime,
) -> NewApiKey:
    """Make a key like another, which ends after ``overlap``.

    Raises:
        ApiKeyUnknownError: there is no such key, or it has ended or is being replaced already.
    """
    values = {"operator_key_id": operator_key_id, "until": now + overlap}
    label = connection.scalar(REPLACE_OPERATOR_KEY, values)
    if label is None:
        raise ApiKeyUnknownError
    return create_operator_key(connection, keyring, label=label, now=now)


def revoke_operator_key(connection: Connection, *, operator_key_id: UUID, now: datetime.datetime) -> bool:
    """Refuse an operator's key from now on; return False when there was nothing left to revoke."""
    revoke = update(OperatorKey).where(OperatorKey.operator_key_id == operator_key_id, OperatorKey.revoked_at.is_(None))
    return connection.execute(revoke.values(revoked_at=now)).rowcount == 1
