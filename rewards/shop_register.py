"""The authority's register of its partner shops: added, listed, shown, changed. A shop itself is in ``shops.py``."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from rewards.errors import OperatorRefusedError, violates
from rewards.settlement.refusals import ShopUnknownError
from rewards.shops import create_shop

COLUMNS = """
    s.shop_id, s.name, s.address, s.insee_code, c.name AS commune, s.state, s.created_at,
    a.credits_posted - a.debits_posted AS unsettled_points
      FROM shops s
      JOIN communes c ON c.authority_id = s.authority_id AND c.insee_code = s.insee_code
      JOIN accounts a ON a.authority_id = s.authority_id AND a.account_id = s.account_id
"""
LIST = text(f"""
    SELECT {COLUMNS}
     WHERE s.authority_id = :authority_id AND (CAST(:state AS text) IS NULL OR s.state = :state)
       AND (CAST(:after_name AS text) IS NULL OR (s.name, s.shop_id) > (:after_name, CAST(:after_id AS uuid)))
     ORDER BY s.name, s.shop_id LIMIT :limit
""")
GET = text(f"SELECT {COLUMNS} WHERE s.authority_id = :authority_id AND s.shop_id = :shop_id")
LOCK = text("SELECT shop_id FROM shops WHERE authority_id = :authority_id AND shop_id = :shop_id FOR UPDATE")
CHANGE = text("""
    UPDATE shops SET name = coalesce(:name, name), address = coalesce(:address, address),
           insee_code = coalesce(:insee_code, insee_code)
     WHERE authority_id = :authority_id AND shop_id = :shop_id
""")


class CommuneUnknownError(OperatorRefusedError):
    """The authority has no such commune."""

    code = "commune_unknown"

    def __init__(self, insee_code: str) -> None:
        super().__init__(f"no commune of the authority has the code {insee_code}: check it, or add the commune")


@dataclass(frozen=True, slots=True)
class RegisteredShop:
    """A shop as the authority knows it; ``unsettled_points`` are those no statement has settled yet."""

    shop_id: UUID
    name: str
    address: str
    insee_code: str
    commune: str
    state: Literal["active", "revoked"]
    created_at: datetime.datetime
    unsettled_points: int


def list_shops(
    connection: Connection,
    *,
    authority_id: int,
    state: str | None = None,
    after: tuple[str, UUID] | None = None,
    limit: int = 50,
) -> list[RegisteredShop]:
    """List the shops by name, those of a state or all, behind the (name, id) of ``after``."""
    name, shop_id = after or (None, None)
    values = {"authority_id": authority_id, "state": state, "limit": limit, "after_name": name, "after_id": shop_id}
    return [RegisteredShop(*row) for row in connection.execute(LIST, values)]


def get_shop(connection: Connection, shop_id: UUID, *, authority_id: int, is_to_change: bool = False) -> RegisteredShop:
    """Return a shop, which stays as it is until the transaction ends when it is to be changed.

    Raises:
        ShopUnknownError: the authority has no such shop.
    """
    values = {"authority_id": authority_id, "shop_id": shop_id}
    if is_to_change:
        connection.execute(LOCK, values)
    row = connection.execute(GET, values).one_or_none()
    if row is None:
        raise ShopUnknownError(str(shop_id))
    return RegisteredShop(*row)


def add_shop(
    connection: Connection, *, authority_id: int, name: str, address: str, insee_code: str, now: datetime.datetime
) -> UUID:
    """Add an active shop; return its id.

    Raises:
        CommuneUnknownError: the authority has no such commune; the transaction must be rolled back.
    """
    facts = {"name": name, "address": address, "insee_code": insee_code}
    try:
        return create_shop(connection, authority_id=authority_id, **facts, now=now).shop_id
    except IntegrityError as error:
        raise unless_commune_unknown(error, "shops", insee_code) from error


def change_shop(connection: Connection, shop_id: UUID, changes: Mapping[str, str], *, authority_id: int) -> None:
    """Change name, address or commune (``insee_code``); statements that are locked keep what they say.

    Raises:
        ShopUnknownError: the authority has no such shop.
        CommuneUnknownError: nor such a commune; the transaction must be rolled back.
    """
    values = {"authority_id": authority_id, "shop_id": shop_id, "name": None, "address": None, "insee_code": None}
    try:
        changed = connection.execute(CHANGE, {**values, **changes})
    except IntegrityError as error:
        raise unless_commune_unknown(error, "shops", changes.get("insee_code", "")) from error
    if changed.rowcount != 1:
        raise ShopUnknownError(str(shop_id))


def unless_commune_unknown(error: IntegrityError, table: str, insee_code: str) -> Exception:
    """Return what a violated key means: a commune that is not the authority's, else the failure itself."""
    is_commune = violates(error, f"fk_{table}_authority_id_insee_code")
    return CommuneUnknownError(insee_code) if is_commune else error
